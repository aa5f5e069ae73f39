"""The arguments of the commands about the connection: Redis' own words and texts.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.errors import ArgumentError, ErrorCode
from penstock.protocol.values import INTEGER_MAX, is_connection_name, read_number, refused, shown

_PROTOCOL_VERSIONS: Final = (2, 3)
_DATABASES: Final = 16


class HelloArguments(Struct, frozen=True, gc=False):
    """HELLO's. Credentials are bytes, to be compared in constant time."""

    version: int | None = None
    username: bytes | None = None
    password: bytes | None = None
    client_name: str | None = None


class AuthArguments(Struct, frozen=True, gc=False):
    """AUTH's."""

    username: bytes | None
    password: bytes


def parse_hello(arguments: Sequence[bytes]) -> HelloArguments:
    """Read `HELLO [2|3 [AUTH username password] [SETNAME name]]`."""
    if len(arguments) == 1:
        return HelloArguments()
    version = _protocol_version(arguments[1])
    username = password = client_name = None
    position = 2
    while position < len(arguments):
        option = arguments[position].upper()
        values = arguments[position + 1 : position + (3 if option == b"AUTH" else 2)]
        if option == b"AUTH" and len(values) == 2:
            username, password = values
        elif option == b"SETNAME" and values:
            client_name = read_client_name(values[0])
        else:
            raise refused(f"Syntax error in HELLO option {shown(arguments[position])}")
        position += 1 + len(values)
    return HelloArguments(version, username, password, client_name)


def parse_auth(arguments: Sequence[bytes]) -> AuthArguments:
    """Read `AUTH [username] password`."""
    if len(arguments) > 3:
        raise refused("syntax error")
    if len(arguments) == 2:
        return AuthArguments(None, arguments[1])
    return AuthArguments(arguments[1], arguments[2])


def parse_select(arguments: Sequence[bytes]) -> int:
    """Read `SELECT index`. There is one database; the others' numbers are accepted for clients."""
    try:
        return read_number(arguments[1], "index", 0, _DATABASES - 1)
    except ArgumentError:
        raise refused("DB index is out of range") from None


def read_client_name(raw: bytes) -> str:
    """Read the name a connection gives itself; empty takes it away."""
    if not is_connection_name(raw) or len(raw) > limits.NAME_BYTES_MAX:
        raise refused("Client names cannot contain spaces, newlines or special characters.")
    return raw.decode()


def _protocol_version(raw: bytes) -> int:
    try:
        version = read_number(raw, "version", 0, INTEGER_MAX)
    except ArgumentError:
        raise refused("Protocol version is not an integer or out of range") from None
    if version not in _PROTOCOL_VERSIONS:
        raise ArgumentError(ErrorCode.NOPROTO, "unsupported protocol version")
    return version
