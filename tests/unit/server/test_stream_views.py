"""What people see of streams: STREAM.SHOW and STREAM.LIST."""

from penstock.protocol.replies import Value, encode
from tests.unit.server.desk import ServerDesk, Word, ask, committing

EMPTY: dict[str, Value] = {
    "name": "empty",
    "length": 0,
    "first_id": None,
    "last_id": "0-0",
    "added": 0,
    "max_deleted_id": "0-0",
    "maxlen": None,
    "maxage": 60_000,
    "groups": [],
    "triggers": [],
}


async def reply_to(*commands: tuple[Word, ...], resp3: bool = False) -> bytes:
    """Return the reply to the last one of some commands."""
    desk = ServerDesk()
    client, transport = desk.connect()
    async with committing(desk):
        if resp3:
            ask(client, ("HELLO", 3))
        ask(client, *commands[:-1])
        await desk.settled()
        before = len(transport.sent)
        ask(client, commands[-1])
        await desk.settled()
    return transport.sent[before:]


def orders(*more: tuple[Word, ...]) -> list[tuple[Word, ...]]:
    """Make a stream of three events, of which one was deleted and one was read."""
    return [
        *[("XADD", "orders", f"{ms}-0", "n", ms) for ms in (1, 2, 3)],
        ("XGROUP", "CREATE", "orders", "mail", 0),
        ("XREADGROUP", "GROUP", "mail", "me", "COUNT", 1, "STREAMS", "orders", ">"),
        ("XDEL", "orders", "3-0"),
        *more,
    ]


async def test_a_stream_is_shown_with_its_groups() -> None:
    sent = await reply_to(
        *orders(
            ("STREAM.SET", "orders", "MAXLEN", 100),
            ("XGROUP", "CREATE", "orders", "audit", "$"),
            ("XGROUP", "TRIM", "orders", "audit", "ALLOW"),
        ),
        ("STREAM.SHOW", "orders"),
    )

    groups: list[Value] = [
        {
            "name": "audit",
            "cursor": "3-0",
            "read": None,
            "lag": 0,
            "pending": 0,
            "consumers": 0,
            "trim": "allow",
        },
        {
            "name": "mail",
            "cursor": "1-0",
            "read": 1,
            "lag": None,
            "pending": 1,
            "consumers": 1,
            "trim": "keep",
        },
    ]
    shown: dict[str, Value] = {
        "name": "orders",
        "length": 2,
        "first_id": "1-0",
        "last_id": "3-0",
        "added": 3,
        "max_deleted_id": "3-0",
        "maxlen": 100,
        "maxage": None,
        "groups": groups,
        "triggers": [],
    }
    assert sent == encode(shown, resp3=False)


async def test_a_stream_is_shown_with_its_triggers() -> None:
    sent = await reply_to(
        ("TRIGGER.SET", "ship", "ON", "orders", "SUBMIT", "work", "[]"),
        ("TRIGGER.SET", "bill", "ON", "orders", "SUBMIT", "work", "[]"),
        ("TRIGGER.SET", "greet", "ON", "people", "SUBMIT", "work", "[]"),
        ("STREAM.SHOW", "orders"),
    )

    assert sent.endswith(encode(["bill", "ship"], resp3=False))
    assert b"trigger:ship" in sent


async def test_a_stream_without_events_is_shown_as_a_map_in_resp3() -> None:
    sent = await reply_to(
        ("STREAM.SET", "empty", "MAXAGE", 60_000), ("STREAM.SHOW", "empty"), resp3=True
    )

    assert sent == encode(EMPTY, resp3=True)


async def test_a_stream_that_is_not_there_cannot_be_shown() -> None:
    sent = await reply_to(("STREAM.SHOW", "orders"))

    assert sent == b"-ERR no such key\r\n"


async def test_what_is_being_removed_is_not_counted() -> None:
    desk = ServerDesk()
    client, transport = desk.connect()
    ask(
        client,
        *[("XADD", "orders", f"{ms}-0", "n", ms) for ms in (1, 2, 3)],
        ("XTRIM", "orders", "MAXLEN", 1),
        ("STREAM.LIST",),
    )

    async with committing(desk):
        await desk.settled()

    assert b"$6\r\nlength\r\n:1\r\n" in transport.sent


async def test_streams_are_listed_by_name() -> None:
    sent = await reply_to(
        *orders(("STREAM.SET", "empty", "MAXAGE", 60_000)), ("STREAM.LIST",), resp3=True
    )

    rows: list[Value] = [
        {
            "name": "empty",
            "length": 0,
            "last_id": "0-0",
            "added": 0,
            "groups": 0,
            "maxlen": None,
            "maxage": 60_000,
        },
        {
            "name": "orders",
            "length": 2,
            "last_id": "3-0",
            "added": 3,
            "groups": 1,
            "maxlen": None,
            "maxage": None,
        },
    ]
    assert sent == encode(rows, resp3=True)


async def test_without_streams_the_list_is_empty() -> None:
    assert await reply_to(("STREAM.LIST",)) == b"*0\r\n"
