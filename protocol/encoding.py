"""Requests as bytes: what a client sends."""

from collections.abc import Sequence


def encode_command(arguments: Sequence[bytes | str | int]) -> bytes:
    """Encode one command as a RESP array of bulk strings.

    Text is sent as UTF-8, a whole number as its decimal digits. `bool` is not a number here:
    True would go out as "1", which no command means.
    """
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        if isinstance(argument, str):
            raw = argument.encode()
        elif isinstance(argument, bytes):
            raw = argument
        else:
            assert not isinstance(argument, bool)
            raw = b"%d" % argument
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)
