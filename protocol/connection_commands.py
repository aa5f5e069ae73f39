"""The command table, second part: what Redis' clients send about the connection and the server."""

from typing import Final

from penstock.protocol.errors import ErrorCode
from penstock.protocol.grammar import Command, Flag, Kind, Option, Parameter
from penstock.protocol.subcommands import keyed

_SINCE: Final = "0.1.0"
_OK: Final = "Simple string: OK."

_CONNECTION: Final = frozenset({Flag.CONNECTION, Flag.WHEN_DRAINING})
_UNAUTHENTICATED: Final = _CONNECTION | {Flag.UNAUTHENTICATED}
_REFUSED: Final = _CONNECTION | {Flag.REFUSED}
_SERVER: Final = frozenset({Flag.WHEN_DRAINING})
_TEXT_REPLY: Final = "Bulk string: lines of text."
_TEXT_REPLY3: Final = "Verbatim string."


def _text(name: str, meaning: str, *, optional: bool = False, multiple: bool = False) -> Parameter:
    return Parameter(name, Kind.BYTES, meaning, optional=optional, multiple=multiple)


def _subcommand(
    name: str,
    arity: int,
    summary: str,
    reply: str = _OK,
    reply3: str = "",
    *,
    parameters: tuple[Parameter, ...] = (),
    refusal: str = "",
) -> Command:
    category = "connection" if name.startswith("CLIENT") else "server"
    return Command(
        name=name,
        arity=arity,
        category=category,
        summary=summary,
        since=_SINCE,
        reply="Always an error that says why." if refusal else reply,
        reply3=reply3,
        flags=_REFUSED if refusal else _CONNECTION,
        complexity="O(1)",
        parameters=parameters,
        refusal=refusal,
    )


_CLIENT: Final = keyed(
    _subcommand("CLIENT|ID", 2, "Give the connection's number.", "Integer."),
    _subcommand("CLIENT|INFO", 2, "Describe this connection.", _TEXT_REPLY, _TEXT_REPLY3),
    _subcommand(
        "CLIENT|LIST",
        -2,
        "Describe all connections: in-flight, requests without a reply; claims, jobs held; waits.",
        _TEXT_REPLY,
        _TEXT_REPLY3,
    ),
    _subcommand(
        "CLIENT|SETINFO",
        4,
        "Tell the name and version of the client's library.",
        parameters=(
            _text("attribute", "LIB-NAME or LIB-VER."),
            _text("value", "Without blanks and line breaks."),
        ),
    ),
    _subcommand(
        "CLIENT|SETNAME",
        3,
        "Name the connection; it is shown in lists and logs.",
        parameters=(_text("name", "Without blanks; empty takes the name away."),),
    ),
    _subcommand("CLIENT|GETNAME", 2, "Give the connection's name.", "Bulk string or null."),
    _subcommand(
        "CLIENT|NO-EVICT",
        3,
        "Accepted for clients' sake; it changes nothing.",
        parameters=(_text("on-off", "ON or OFF."),),
    ),
    _subcommand(
        "CLIENT|NO-TOUCH",
        3,
        "Accepted for clients' sake; it changes nothing.",
        parameters=(_text("on-off", "ON or OFF."),),
    ),
    _subcommand(
        "CLIENT|REPLY",
        3,
        "Only ON is accepted: every request is answered.",
        parameters=(_text("on", "ON."),),
    ),
    _subcommand(
        "CLIENT|TRACKING",
        -3,
        "Known, and refused.",
        parameters=(_text("argument", "Anything.", multiple=True),),
        refusal="CLIENT TRACKING is not supported: there are no keys to track",
    ),
    _subcommand(
        "CLIENT|MAINT_NOTIFICATIONS",
        -3,
        "Known, and refused.",
        parameters=(_text("argument", "Anything.", multiple=True),),
        refusal="CLIENT MAINT_NOTIFICATIONS is not supported: this server never moves connections",
    ),
)

_COMMAND: Final = keyed(
    _subcommand("COMMAND|COUNT", 2, "Count the commands.", "Integer."),
    _subcommand(
        "COMMAND|DOCS",
        -2,
        "Document commands; redis-cli shows its hints from this.",
        "Array of names and flat arrays.",
        "Map.",
        parameters=(_text("name", "Commands; all by default.", optional=True, multiple=True),),
    ),
    _subcommand(
        "COMMAND|INFO",
        -2,
        "Describe commands as COMMAND does.",
        "Array; null for a command that does not exist.",
        parameters=(_text("name", "Commands; all by default.", optional=True, multiple=True),),
    ),
    _subcommand(
        "COMMAND|GETKEYS",
        -3,
        "Find the names of streams in a command.",
        "Array of bulk strings.",
        parameters=(_text("command", "A whole command, word by word.", multiple=True),),
    ),
    _subcommand("COMMAND|LIST", -2, "List the names of the commands.", "Array of bulk strings."),
)

_CONFIG: Final = keyed(
    _subcommand(
        "CONFIG|GET",
        -3,
        "Accepted for clients' sake; it finds nothing. See `penstock config`.",
        "Empty array.",
        "Empty map.",
        parameters=(_text("pattern", "Anything.", multiple=True),),
    ),
    _subcommand(
        "CONFIG|SET",
        -4,
        "Known, and refused.",
        parameters=(_text("argument", "Anything.", multiple=True),),
        refusal="CONFIG SET is not supported: change the settings and restart the server",
    ),
    _subcommand("CONFIG|RESETSTAT", 2, "Accepted for clients' sake; counters go on."),
)

_HANDSHAKE: Final = (
    Command(
        name="HELLO",
        arity=-1,
        category="connection",
        summary="Choose RESP2 or RESP3, optionally with password and name; describe the server.",
        since=_SINCE,
        reply="Array of names and values, flat; already in the protocol that was chosen.",
        reply3="Map.",
        flags=_UNAUTHENTICATED,
        complexity="O(1)",
        parameters=(
            Parameter("version", Kind.NUMBER, "2 or 3.", minimum=2, maximum=3, optional=True),
        ),
        options=(
            Option("AUTH", "username password", Kind.BYTES, "As the command AUTH."),
            Option("SETNAME", "name", Kind.BYTES, "As the command CLIENT SETNAME."),
        ),
        errors=(ErrorCode.NOPROTO, ErrorCode.NOAUTH, ErrorCode.WRONGPASS),
        notes="Names: server, version, proto, id, mode, role, modules. Options need the version.",
    ),
    Command(
        name="AUTH",
        arity=-2,
        category="connection",
        summary="Give the password.",
        since=_SINCE,
        reply=_OK,
        flags=_UNAUTHENTICATED,
        complexity="O(1)",
        parameters=(
            _text("username", "`default`, the only one.", optional=True),
            _text("password", "As the operator set it."),
        ),
        errors=(ErrorCode.WRONGPASS,),
    ),
    Command(
        name="PING",
        arity=-1,
        category="connection",
        summary="Answer, to show that the connection works.",
        since=_SINCE,
        reply="Simple string: PONG; with a message: bulk string, the message.",
        flags=_CONNECTION | {Flag.TRANSACTION},
        complexity="O(1)",
        parameters=(_text("message", "Sent back.", optional=True),),
    ),
    Command(
        name="ECHO",
        arity=2,
        category="connection",
        summary="Send the message back.",
        since=_SINCE,
        reply="Bulk string: the message.",
        flags=_CONNECTION | {Flag.TRANSACTION},
        complexity="O(1)",
        parameters=(_text("message", "Any bytes."),),
    ),
    Command(
        name="SELECT",
        arity=2,
        category="connection",
        summary="Accepted for clients' sake; there is one database.",
        since=_SINCE,
        reply=_OK,
        flags=_CONNECTION,
        complexity="O(1)",
        parameters=(Parameter("index", Kind.NUMBER, "A number.", maximum=15),),
    ),
    Command(
        name="RESET",
        arity=1,
        category="connection",
        summary="Make the connection as it was when it was new.",
        since=_SINCE,
        reply="Simple string: RESET.",
        flags=_UNAUTHENTICATED,
        complexity="O(1)",
        notes="RESP2, no name, unauthenticated when there is a password, no transaction.",
    ),
    Command(
        name="QUIT",
        arity=-1,
        category="connection",
        summary="Close the connection after the replies that are due.",
        since=_SINCE,
        reply=_OK,
        flags=_UNAUTHENTICATED,
        complexity="O(1)",
        notes="Commands after it are not carried out.",
    ),
    Command(
        name="CLIENT",
        arity=-2,
        category="connection",
        summary="Subcommands about connections.",
        since=_SINCE,
        reply="Depends on the subcommand.",
        flags=_CONNECTION,
        subcommands=_CLIENT,
    ),
)

_SERVER_COMMANDS: Final = (
    Command(
        name="COMMAND",
        arity=-1,
        category="server",
        summary="Describe all commands as Redis' clients expect it.",
        since=_SINCE,
        reply="Array.",
        flags=_CONNECTION,
        complexity="O(N) with N commands.",
        subcommands=_COMMAND,
    ),
    Command(
        name="CONFIG",
        arity=-2,
        category="server",
        summary="Subcommands that clients send; settings are not changed over the wire.",
        since=_SINCE,
        reply="Depends on the subcommand.",
        flags=_SERVER,
        subcommands=_CONFIG,
    ),
    Command(
        name="INFO",
        arity=-1,
        category="server",
        summary="Tell the server's state as lines `name:value` in sections.",
        since=_SINCE,
        reply=_TEXT_REPLY,
        reply3=_TEXT_REPLY3,
        flags=_SERVER,
        complexity="O(1)",
        parameters=(_text("section", "All by default.", optional=True, multiple=True),),
    ),
)

_TRANSACTIONS: Final = (
    Command(
        name="MULTI",
        arity=1,
        category="transactions",
        summary="Begin a transaction: the commands up to EXEC are queued.",
        since=_SINCE,
        reply=_OK,
        flags=_CONNECTION,
        complexity="O(1)",
        notes="JOB.SUBMIT, XADD, XACK, PING and ECHO may stand in it; each is answered QUEUED.",
    ),
    Command(
        name="EXEC",
        arity=1,
        category="transactions",
        summary="Carry out the queued commands: jobs and events are stored with one commit.",
        since=_SINCE,
        reply="Array of the commands' replies, in order.",
        flags=frozenset({Flag.WRITE}),
        complexity="That of the queued commands.",
        errors=(
            ErrorCode.EXECABORT,
            ErrorCode.KEYREUSED,
            ErrorCode.DISKFULL,
            ErrorCode.UNKNOWN,
        ),
        notes="What refuses one submission for its form, its size or the server's state refuses "
        "them all, as EXECABORT. Errors of the store stand in the array, each in its submission's "
        "place; a key that was used for something else is one, and leaves the others stored.",
    ),
    Command(
        name="DISCARD",
        arity=1,
        category="transactions",
        summary="Forget the queued commands.",
        since=_SINCE,
        reply=_OK,
        flags=_CONNECTION,
        complexity="O(1)",
    ),
)

CONNECTION_COMMANDS: Final = (*_HANDSHAKE, *_TRANSACTIONS, *_SERVER_COMMANDS)
