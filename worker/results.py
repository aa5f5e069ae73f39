"""A task's way back: its return value as JSON, or as the bytes of a raw task."""

import math
from pathlib import PurePath
from typing import Final

import msgspec

from penstock.worker.errors import ResultError


def _to_json(value: object) -> str:
    """Write what msgspec does not know: paths."""
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"a value of type {type(value).__qualname__}")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_to_json)


def encode_result(name: str, value: object) -> bytes:
    """Encode what a task returned as JSON.

    Raises:
        ResultError: JSON cannot hold it.
    """
    try:
        encoded = _ENCODER.encode(value)
        # msgspec writes NaN and the infinities as null, which would lose them without a word.
        if b"null" in encoded and value is not None:
            _refuse_non_finite(name, msgspec.to_builtins(value, enc_hook=_to_json))
    except RecursionError:
        raise ResultError(
            f"{name}() returned what JSON cannot hold: it contains itself or is nested too deep"
        ) from None
    except (TypeError, ValueError, OverflowError) as error:
        raise ResultError(f"{name}() returned what JSON cannot hold: {error}") from None
    return encoded


def raw_result(name: str, value: object) -> bytes:
    """Take what a raw task returned; None is no bytes.

    Raises:
        ResultError: it is not bytes.
    """
    if isinstance(value, bytes):
        return value
    if value is None:
        return b""
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    raise ResultError(f"{name}() is a raw task and must return bytes, not {type(value).__name__}")


def _refuse_non_finite(name: str, value: object) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ResultError(
                f"{name}() returned what JSON cannot hold: the number {value}; return None or text"
            )
    elif isinstance(value, dict):
        for item in value.values():
            _refuse_non_finite(name, item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_non_finite(name, item)
