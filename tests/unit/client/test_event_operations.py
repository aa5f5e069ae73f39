"""The verbs about streams, triggers and schedules, of both clients, against scripts."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.client import (
    AsyncClient,
    Client,
    ConsumerInfo,
    GroupInfo,
    Refused,
    ScheduleInfo,
    StreamInfo,
    TriggerInfo,
)
from penstock.protocol.replies import Value, encode
from penstock.worker import task
from tests.unit.client.scripted import ScriptedServer
from tests.unit.client.test_operations import playing

OK = b"+OK\r\n"
YES, NO = b":1\r\n", b":0\r\n"
ID = b"$3\r\n5-0\r\n"


def replied(value: Value) -> bytes:
    return encode(value, resp3=True)


TRIGGER: dict[str, Value] = {
    "name": "mail",
    "stream": "orders",
    "match": {"type": "order.*"},
    "task": "send",
    "payload": None,
    "options": {"queue": "mail"},
    "cursor": "5-0",
    "lag": 2,
    "fired": 3,
    "skipped": 4,
    "refused": 0,
    "last_error": None,
    "loops": 0,
    "waiting_since": None,
    "reason": None,
    "news": "of a later version",
}
SCHEDULE: dict[str, Value] = {
    "name": "nightly",
    "expression": "0 3 * * *",
    "tz": "Europe/Berlin",
    "task": "report",
    "payload": "[]",
    "options": {},
    "missed": "once",
    "missed_max": 100,
    "jitter_ms": 0,
    "overlap": "skip",
    "next_at": 1_700_000_000_000,
    "last_at": None,
    "last_job": None,
    "runs": 0,
    "skipped": 0,
    "last_error": None,
}


STREAM: dict[str, Value] = {
    "name": "s",
    "length": 2,
    "first_id": "5-0",
    "last_id": "6-0",
    "added": 9,
    "max_deleted_id": "0-0",
    "maxlen": 100,
    "maxage": None,
    "groups": [
        {
            **{"name": "g", "cursor": "5-0", "read": 3, "lag": None, "pending": 2},
            **{"consumers": 1, "trim": "keep"},
        },
        {
            **{"name": "h", "cursor": "0-0", "read": 0, "lag": 9, "pending": 0},
            **{"consumers": 0, "trim": "allow"},
        },
    ],
    "triggers": ["mail"],
}


@task(queue="mail")
def send(event: dict[str, object]) -> None: ...


VERBS: list[tuple[Callable[[Any], Any], bytes, list[bytes], object]] = [
    (lambda c: c.publish("s", a=1), ID, [b"EVENT.PUBLISH", b"s", b"k", b"a", b"1"], "5-0"),
    (
        lambda c: c.publish("s", {"id": "x"}, id="5-0"),
        ID,
        [b"XADD", b"s", b"5-0", b"id", b"x"],
        "5-0",
    ),
    (
        lambda c: c.options(key=None).publish("s", a="b"),
        ID,
        [b"XADD", b"s", b"*", b"a", b"b"],
        "5-0",
    ),
    (lambda c: c.streams(), replied(["b", "a"]), [b"KEYS", b"*"], ["a", "b"]),
    (lambda c: c.trim("s", length_max=5), YES, [b"XTRIM", b"s", b"MAXLEN", b"5"], 1),
    (lambda c: c.trim("s", before="5-1"), YES, [b"XTRIM", b"s", b"MINID", b"5-1"], 1),
    (lambda c: c.trim("s", before=5), YES, [b"XTRIM", b"s", b"MINID", b"5-0"], 1),
    (
        lambda c: c.trim("s", before=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        YES,
        [b"XTRIM", b"s", b"MINID", b"1000-0"],
        1,
    ),
    (
        lambda c: c.set_stream("s", length_max=5, age_ms_max=None),
        OK,
        [b"STREAM.SET", b"s", b"MAXLEN", b"5", b"MAXAGE", b"none"],
        None,
    ),
    (lambda c: c.delete_events("s", "1-0", "2-0"), YES, [b"XDEL", b"s", b"1-0", b"2-0"], 1),
    (lambda c: c.delete_stream("s"), YES, [b"DEL", b"s"], True),
    (
        lambda c: c.groups("s"),
        replied(STREAM),
        [b"STREAM.SHOW", b"s"],
        [GroupInfo("g", 1, 2, "5-0", 3, None), GroupInfo("h", 0, 0, "0-0", 0, 9, allows_trim=True)],
    ),
    (
        lambda c: c.stream("s"),
        replied({**STREAM, "groups": []}),
        [b"STREAM.SHOW", b"s"],
        StreamInfo("s", 2, "5-0", "6-0", 9, [], ["mail"], length_max=100),
    ),
    (
        lambda c: c.consumers("s", "g"),
        replied([{"name": "c", "pending": 1, "idle": 20, "inactive": 30}]),
        [b"XINFO", b"CONSUMERS", b"s", b"g"],
        [ConsumerInfo("c", 1, 20)],
    ),
    (
        lambda c: c.create_group("s", "g", "start"),
        OK,
        [b"XGROUP", b"CREATE", b"s", b"g", b"0-0", b"MKSTREAM"],
        None,
    ),
    (
        lambda c: c.move_group("s", "g", "start"),
        OK,
        [b"XGROUP", b"SETID", b"s", b"g", b"0-0"],
        None,
    ),
    (lambda c: c.delete_group("s", "g"), NO, [b"XGROUP", b"DESTROY", b"s", b"g"], False),
    (lambda c: c.allow_trim("s", "g"), OK, [b"XGROUP", b"TRIM", b"s", b"g", b"ALLOW"], None),
    (
        lambda c: c.allow_trim("s", "g", allowed=False),
        OK,
        [b"XGROUP", b"TRIM", b"s", b"g", b"KEEP"],
        None,
    ),
    (
        lambda c: c.set_trigger("mail", "orders", "send"),
        OK,
        [b"TRIGGER.SET", b"mail", b"ON", b"orders", b"SUBMIT", b"send"],
        None,
    ),
    (
        lambda c: c.options(priority=1, group="${order}").set_trigger(
            *("mail", "orders", send),
            match={"type": "order.*", "to": "*@*"},
            from_="start",
            payload="[${order}]",
        ),
        OK,
        [
            *(b"TRIGGER.SET", b"mail", b"ON", b"orders", b"FROM", b"0-0"),
            *(b"MATCH", b"type", b"order.*", b"to", b"*@*"),
            *(b"SUBMIT", b"send", b"[${order}]"),
            *(b"PRIORITY", b"1", b"GROUP", b"${order}", b"QUEUE", b"mail"),
        ],
        None,
    ),
    (lambda c: c.delete_trigger("mail"), YES, [b"TRIGGER.DEL", b"mail"], True),
    (lambda c: c.delete_trigger("mail", keep=True), NO, [b"TRIGGER.DEL", b"mail", b"KEEP"], False),
    (
        lambda c: c.trigger("mail"),
        replied(TRIGGER),
        [b"TRIGGER.SHOW", b"mail"],
        TriggerInfo(
            *("mail", "orders", "send", {"type": "order.*"}, None, {"queue": "mail"}, "5-0", 2),
            fired=3,
            skipped=4,
        ),
    ),
    (
        lambda c: c.triggers(),
        replied([{"name": "m", "stream": "s", "task": "t"}]),
        [b"TRIGGER.LIST"],
        [TriggerInfo("m", "s", "t")],
    ),
    (
        lambda c: c.options(queue="slow").set_schedule("nightly", "0 3 * * *", "report", 1, "a"),
        OK,
        [b"CRON.SET", b"nightly", b"0 3 * * *", b"report", b'[1,"a"]', b"QUEUE", b"slow"],
        None,
    ),
    (
        lambda c: c.set_schedule(
            *("nightly", "0 3 * * *", send),
            kwargs={"full": True},
            tz="Europe/Berlin",
            missed="all",
            missed_max=5,
            jitter_ms=10,
            overlap="skip",
        ),
        OK,
        [
            *(b"CRON.SET", b"nightly", b"0 3 * * *", b"TZ", b"Europe/Berlin"),
            *(b"send", b'{"full":true}', b"MISSED", b"all", b"MISSED-MAX", b"5"),
            *(b"JITTER", b"10", b"OVERLAP", b"skip", b"QUEUE", b"mail"),
        ],
        None,
    ),
    (
        lambda c: c.set_schedule("nightly", "@daily", "report", payload=b"as it is"),
        OK,
        [b"CRON.SET", b"nightly", b"@daily", b"report", b"as it is"],
        None,
    ),
    (lambda c: c.delete_schedule("nightly"), NO, [b"CRON.DEL", b"nightly"], False),
    (
        lambda c: c.schedule("nightly"),
        replied(SCHEDULE),
        [b"CRON.SHOW", b"nightly"],
        ScheduleInfo(
            *("nightly", "0 3 * * *", "Europe/Berlin", "report", "[]", {}, "once", 100, 0, "skip"),
            next_at=1_700_000_000_000,
        ),
    ),
    (
        lambda c: c.schedules(),
        replied([{"name": "n", "expression": "@daily", "tz": "UTC", "task": "t"}]),
        [b"CRON.LIST"],
        [ScheduleInfo("n", "@daily", "UTC", "t")],
    ),
    (lambda c: c.next_runs("n", 2), replied([5, 6]), [b"CRON.NEXT", b"n", b"COUNT", b"2"], [5, 6]),
]


@pytest.mark.parametrize(("verb", "reply", "asked", "value"), VERBS)
def test_a_verb_is_one_request(
    verb: Callable[[Any], object], reply: bytes, asked: list[bytes], value: object
) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, reply)) as server, Client(server.address) as client:
        keyed = client.options(key="k") if asked[0] == b"EVENT.PUBLISH" else client
        assert verb(keyed) == value

    assert heard == [asked]


@pytest.mark.parametrize(("verb", "reply", "asked", "value"), VERBS)
def test_an_asynchronous_verb_is_the_same_request(
    verb: Callable[[Any], Awaitable[object]], reply: bytes, asked: list[bytes], value: object
) -> None:
    heard: list[list[bytes]] = []

    async def run(address: str) -> object:
        async with AsyncClient(address) as client:
            keyed = client.options(key="k") if asked[0] == b"EVENT.PUBLISH" else client
            return await verb(keyed)

    with ScriptedServer(playing(heard, reply)) as server:
        assert asyncio.run(run(server.address)) == value
    assert heard == [asked]


# --- publishing ----------------------------------------------------------------------------------


def test_each_event_has_a_key_of_its_own() -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, ID, ID)) as server, Client(server.address) as client:
        client.publish("s", a=1)
        client.publish("s", a=1)

    assert heard[0][2] != heard[1][2]


def test_an_event_may_be_followed_by_a_trim() -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, ID, YES)) as server, Client(server.address) as client:
        assert client.publish("s", a=1, length_max=100) == "5-0"

    assert heard[1] == [b"XTRIM", b"s", b"MAXLEN", b"~", b"100"]


def test_a_trim_that_fails_does_not_deny_the_event() -> None:
    script = playing([], ID, b"-ERR no\r\n")
    with ScriptedServer(script) as server, Client(server.address) as client:
        assert client.publish("s", a=1, length_max=100) == "5-0"


def test_a_pipeline_publishes_in_one_round_trip() -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, ID, ID)) as server, Client(server.address) as client:
        with client.pipeline() as pipeline:
            published = [pipeline.publish("s", n=number) for number in range(2)]
        assert [pending.value for pending in published] == ["5-0", "5-0"]

    assert [words[0] for words in heard] == [b"EVENT.PUBLISH"] * 2


# --- streams -------------------------------------------------------------------------------------


def test_a_trigger_that_is_not_there_is_refused() -> None:
    script = playing([], b"-NOTRIGGER there is no trigger mail\r\n")
    with (
        ScriptedServer(script) as server,
        Client(server.address) as client,
        pytest.raises(Refused, match="NOTRIGGER"),
    ):
        client.trigger("mail")


def events(*ids: str) -> bytes:
    return replied([[each, ["n", each]] for each in ids])


def test_a_walk_through_events_asks_for_page_after_page() -> None:
    heard: list[list[bytes]] = []
    script = playing(heard, events("1-0", "2-0"), events("3-0"), events())
    with ScriptedServer(script) as server, Client(server.address) as client:
        assert [event.id for event in client.events("s")] == ["1-0", "2-0", "3-0"]

    assert [asked[2:4] for asked in heard] == [[b"-", b"+"], [b"(2-0", b"+"], [b"(3-0", b"+"]]


def test_a_walk_backwards_ends_at_its_limit() -> None:
    heard: list[list[bytes]] = []
    script = playing(heard, events("9-0", "8-0"), events("7-0"))
    with ScriptedServer(script) as server, Client(server.address) as client:
        walk = client.events("s", "1-0", 9, limit=3, backwards=True)
        assert [event.id for event in walk] == ["9-0", "8-0", "7-0"]

    assert heard == [
        [b"XREVRANGE", b"s", b"9", b"1-0", b"COUNT", b"3"],
        [b"XREVRANGE", b"s", b"(8-0", b"1-0", b"COUNT", b"1"],
    ]


def test_an_asynchronous_walk_asks_for_page_after_page() -> None:
    async def run(address: str) -> list[str]:
        async with AsyncClient(address) as client:
            return [event.id async for event in client.events("s", 5)]

    with ScriptedServer(playing([], events("5-0"), events())) as server:
        assert asyncio.run(run(server.address)) == ["5-0"]


# --- what is refused before anything is sent -----------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "kind", "complaint"),
    [
        (lambda c: c.trim("s"), ValueError, "give one of them"),
        (lambda c: c.trim("s", length_max=1, before=5), ValueError, "give one of them"),
        (lambda c: c.trim("s", before="now"), ValueError, "no id and no time"),
        (lambda c: c.set_stream("s"), ValueError, "nothing is to be set"),
        (lambda c: c.set_stream("s", colour=5), TypeError, "no setting 'colour'"),
        (lambda c: c.set_stream("s", length_max="5"), TypeError, "no whole number"),
        (lambda c: list(c.events("s", "now")), ValueError, "no bound of events"),
        (
            lambda c: c.options(key="k").set_trigger("t", "s", "x"),
            ValueError,
            "key is an option of one submission",
        ),
        (
            lambda c: c.options(delay_ms=5).set_schedule("t", "@daily", "x"),
            ValueError,
            "delay_ms is an option of one submission",
        ),
        (lambda c: c.set_schedule("t", "@daily", "x", colour=5), TypeError, "no 'colour'"),
        (
            lambda c: c.set_schedule("t", "@daily", "x", 1, payload="[2]"),
            TypeError,
            "a payload takes the place of arguments",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    verb: Callable[[Client], object], kind: type[Exception], complaint: str
) -> None:
    with pytest.raises(kind, match=complaint):
        verb(Client("127.0.0.1:1"))
