"""The fields of an event as one blob: what a store measures, and may keep."""

from typing import Final

import msgspec

from penstock.jobs.events.model import Fields

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[bytes, ...]).decode


def encode_fields(fields: Fields) -> bytes:
    return _encode(fields)


def decode_fields(blob: bytes | memoryview) -> Fields:
    return _decode(blob)
