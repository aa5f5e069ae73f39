"""What a client knows of a task: its name, how arguments become a payload and bytes a result."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, ParamSpec, Protocol, TypeVar

import msgspec

from penstock.client.errors import ResultInvalid
from penstock.config.limits import CLIENT_DECODERS_MAX

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

# What decoding hostile bytes raises: wrong type or syntax, not UTF-8, nested too deep.
_DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
_ENCODER: Final = msgspec.json.Encoder()
_POSITIONAL: Final = "*"  # No keyword argument can have this name.


class TaskLike(Protocol[P, R_co]):
    """A task by its declaration, such as `penstock.worker.task` makes.

    Two further attributes are used where they are there: `queue`, where it is submitted unless
    the options say otherwise, and `returns`, the annotation of its result.
    """

    @property
    def name(self) -> str: ...

    @property
    def raw(self) -> bool: ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


AnyTask = TaskLike[..., object] | str
Decode = Callable[[bytes], Any]


def encode_arguments(task: AnyTask, args: Sequence[object], kwargs: Mapping[str, object]) -> bytes:
    """Make the payload of a call.

    Raises:
        TypeError: JSON cannot hold an argument, or a raw task is given anything but one `bytes`.
    """
    if not isinstance(task, str) and task.raw:
        return _raw_payload(task.name, args, kwargs)
    if not kwargs:
        return _ENCODER.encode(args)
    if not args:
        return _ENCODER.encode(kwargs)
    return _ENCODER.encode({_POSITIONAL: args, **kwargs})


def queue_of(task: AnyTask) -> str | None:
    """Return the queue that a task was declared with."""
    if isinstance(task, str):
        return None
    queue: str | None = getattr(task, "queue", None)
    return queue


def decoder_of(task: AnyTask) -> Decode:
    """Return what makes a task's result of bytes: as its declaration says, if there is one."""
    if isinstance(task, str):
        return decode_json
    return _decoder_of(task)  # type: ignore[arg-type] # Tasks are hashable, by identity.


def decode_json(data: bytes) -> Any:
    """Make a result of JSON; no bytes are None.

    Raises:
        ResultInvalid: it is not JSON.
    """
    if not data:
        return None
    try:
        return msgspec.json.decode(data)
    except _DECODE_ERRORS as error:
        raise ResultInvalid(
            f"the result is not JSON: {error}; take the bytes with call_raw or wait_raw"
        ) from error


def keep_bytes(data: bytes) -> bytes:
    """Return a raw result as it is."""
    return data


@lru_cache(maxsize=CLIENT_DECODERS_MAX)
def _decoder_of(task: TaskLike[..., object]) -> Decode:
    if task.raw:
        return keep_bytes
    returns = getattr(task, "returns", Any)
    if returns is Any:
        return decode_json
    try:
        decoder = msgspec.json.Decoder(returns)
    except TypeError:
        # A type that msgspec does not know: the result stays what JSON makes of it.
        return decode_json

    def decode(data: bytes) -> object:
        try:
            return decoder.decode(data or b"null")
        except _DECODE_ERRORS as error:
            raise ResultInvalid(
                f"the result of {task.name} is not what it is declared to return: {error}; "
                "take the bytes with wait_raw"
            ) from error

    return decode


def _raw_payload(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> bytes:
    if len(args) == 1 and not kwargs and isinstance(args[0], bytes | bytearray | memoryview):
        return bytes(args[0])
    raise TypeError(f"{name} is a raw task: it takes one argument, the payload as bytes")
