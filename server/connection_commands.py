"""The commands about the connection itself, as Redis' clients send and expect them."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from typing import Final

from penstock.protocol import introspection
from penstock.protocol.commands import COMMANDS
from penstock.protocol.connection_arguments import (
    parse_auth,
    parse_hello,
    parse_select,
    read_client_name,
)
from penstock.protocol.errors import ArgumentError, ErrorCode
from penstock.protocol.replies import OK, PONG, RESET, Value, Verbatim, bulk, encode, integer
from penstock.server.information import client_line, information
from penstock.server.session import Handler, Session

_USER: Final = b"default"
_WRONG: Final = "invalid username-password pair or user is disabled."
_NO_PASSWORD: Final = (
    "AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?"
)


def hello(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_hello(arguments)
    if parsed.password is not None:
        _authenticate(session, parsed.username, parsed.password)
    if not session.authenticated:
        raise ArgumentError(
            ErrorCode.NOAUTH,
            "HELLO must be called with the client already authenticated, otherwise the "
            "HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client "
            "and select the RESP protocol version at the same time",
        )
    if parsed.client_name is not None:
        session.client_name = parsed.client_name
    if parsed.version is not None:
        session.resp3 = parsed.version == 3
    greeting: dict[str, Value] = {
        "server": "penstock",
        "version": session.context.status.version,
        "proto": 3 if session.resp3 else 2,
        "id": session.consumer,
        "mode": "standalone",
        "role": "master",
        "modules": [],
    }
    session.reply(encode(greeting, session.resp3))


def auth(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_auth(arguments)
    if session.context.password is None and parsed.username is None:
        raise ArgumentError(ErrorCode.ERR, _NO_PASSWORD)
    _authenticate(session, parsed.username, parsed.password)
    session.reply(OK)


def ping(session: Session, arguments: list[bytes]) -> None:
    if len(arguments) > 2:
        raise ArgumentError(ErrorCode.ERR, "wrong number of arguments for 'ping' command")
    session.reply(PONG if len(arguments) == 1 else bulk(arguments[1]))


def echo(session: Session, arguments: list[bytes]) -> None:
    session.reply(bulk(arguments[1]))


def select(session: Session, arguments: list[bytes]) -> None:
    parse_select(arguments)
    session.reply(OK)


def quit_(session: Session, arguments: list[bytes]) -> None:
    session.responses.add(OK)
    session.is_closing = True


def reset(session: Session, arguments: list[bytes]) -> None:
    session.transaction = None
    session.resp3 = False
    session.client_name = ""
    session.authenticated = session.context.password is None
    session.reply(RESET)


def info(session: Session, arguments: list[bytes]) -> None:
    sections = [argument.decode(errors="replace").lower() for argument in arguments[1:]]
    session.reply(encode(Verbatim(information(session.context, sections)), session.resp3))


def client_id(session: Session, arguments: list[bytes]) -> None:
    session.reply(integer(session.consumer))


def client_get_name(session: Session, arguments: list[bytes]) -> None:
    session.reply(encode(session.client_name or None, session.resp3))


def client_set_name(session: Session, arguments: list[bytes]) -> None:
    session.client_name = read_client_name(arguments[2])
    session.reply(OK)


def client_set_info(session: Session, arguments: list[bytes]) -> None:
    value = read_client_name(arguments[3])
    match arguments[2].upper():
        case b"LIB-NAME":
            session.lib_name = value
        case b"LIB-VER":
            session.lib_version = value
        case _:
            option = arguments[2].decode(errors="replace")
            raise ArgumentError(ErrorCode.ERR, f"Unrecognized option '{option}'")
    session.reply(OK)


def client_info(session: Session, arguments: list[bytes]) -> None:
    now = session.engine.clock.monotonic()
    own = next(c for c in session.context.connections if c.session is session)
    session.reply(encode(Verbatim(client_line(own, now) + "\n"), session.resp3))


def client_list(session: Session, arguments: list[bytes]) -> None:
    now = session.engine.clock.monotonic()
    lines = [client_line(connection, now) for connection in session.context.connections]
    session.reply(encode(Verbatim("\n".join(lines) + "\n"), session.resp3))


def accept(session: Session, arguments: list[bytes]) -> None:
    """Say OK to what means nothing here; REPLY can only be ON."""
    if arguments[1].upper() == b"REPLY" and arguments[2].upper() != b"ON":
        raise ArgumentError(ErrorCode.ERR, "CLIENT REPLY takes ON; replies are never left out")
    session.reply(OK)


def config_get(session: Session, arguments: list[bytes]) -> None:
    """Answer nothing: settings are read with `penstock config`; redis-benchmark asks anyway."""
    nothing: dict[str, Value] = {}
    session.reply(encode(nothing, session.resp3))


def command(session: Session, arguments: list[bytes]) -> None:
    session.reply(encode(introspection.command_info(), session.resp3))


def command_count(session: Session, arguments: list[bytes]) -> None:
    session.reply(integer(introspection.command_count()))


def command_names(session: Session, arguments: list[bytes]) -> None:
    session.reply(encode(introspection.command_names(), session.resp3))


def command_info(session: Session, arguments: list[bytes]) -> None:
    session.reply(encode(introspection.command_info(arguments[2:]), session.resp3))


def command_keys(session: Session, arguments: list[bytes]) -> None:
    session.reply(encode(introspection.command_keys(arguments[2:]), session.resp3))


def command_docs(session: Session, arguments: list[bytes]) -> None:
    session.reply(encode(introspection.command_docs(arguments[2:]), session.resp3))


def _authenticate(session: Session, username: bytes | None, password: bytes) -> None:
    """Compare in constant time; without a password any is right, as in Redis."""
    expected = session.context.password
    if expected is not None:
        is_user = compare_digest(username or _USER, _USER)
        is_password = expected.matches(password)
        if not (is_user and is_password):
            raise ArgumentError(ErrorCode.WRONGPASS, _WRONG)
    session.authenticated = True


def help_(session: Session, arguments: list[bytes]) -> None:
    container = COMMANDS[arguments[0].upper()]
    session.reply(encode(introspection.help_lines(container), session.resp3))


CONNECTION_HANDLERS: Final[Mapping[str, Handler]] = {
    "HELLO": hello,
    "AUTH": auth,
    "PING": ping,
    "ECHO": echo,
    "SELECT": select,
    "QUIT": quit_,
    "RESET": reset,
    "INFO": info,
    "CLIENT|ID": client_id,
    "CLIENT|GETNAME": client_get_name,
    "CLIENT|SETNAME": client_set_name,
    "CLIENT|SETINFO": client_set_info,
    "CLIENT|INFO": client_info,
    "CLIENT|LIST": client_list,
    "CLIENT|NO-EVICT": accept,
    "CLIENT|NO-TOUCH": accept,
    "CLIENT|REPLY": accept,
    "CONFIG|RESETSTAT": accept,
    "CONFIG|GET": config_get,
    "COMMAND": command,
    "COMMAND|COUNT": command_count,
    "COMMAND|LIST": command_names,
    "COMMAND|INFO": command_info,
    "COMMAND|GETKEYS": command_keys,
    "COMMAND|DOCS": command_docs,
    "CLIENT|HELP": help_,
    "COMMAND|HELP": help_,
    "CONFIG|HELP": help_,
    "XGROUP|HELP": help_,
    "XINFO|HELP": help_,
}
