"""`penstock queue ...`, against servers that follow a script."""

import pytest

from penstock.cli.exits import Exit
from penstock.protocol.replies import Value, encode
from tests.unit.cli.conftest import Penstock
from tests.unit.cli.scripts import playing
from tests.unit.client.scripted import ScriptedServer

OK = b"+OK\r\n"
QUEUE: dict[str, Value] = {
    "name": "mail",
    "ready": 2,
    "scheduled": 1,
    "blocked": 0,
    "claimed": 0,
    "completed": 3,
    "dead": 4,
    "cancelled": 0,
    "expired": 0,
    "paused": True,
    "bytes": None,
    "submitted": 10,
    "settings": {"order": "fair", "weights": {"acme": 3}, "retry_delays_ms": [1, 2]},
}
SHOWN = encode(QUEUE, resp3=True)


def test_a_queue_is_shown_with_what_is_set(penstock: Penstock) -> None:
    with ScriptedServer(playing([], SHOWN)) as server:
        ended = penstock("queue", "show", "mail", "--server", server.address)

    rows = dict(line.split("\t") for line in ended.out.splitlines())
    assert (rows["ready"], rows["paused"], rows["submitted"]) == ("2", "yes", "10")
    assert (rows["order"], rows["weights.acme"], rows["retry_delays_ms"]) == ("fair", "3", "1,2")


def test_settings_are_sent_as_the_server_reads_them(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    settings = (
        *("length_max=10", "bytes-max=1MiB", "timeout_ms=5m", "order=fair"),
        *("weights.acme=3", "weights.globex=default", "retry_delays_ms=1s,1m", "burst=default"),
    )
    with ScriptedServer(playing(heard, OK)) as server:
        ended = penstock("queue", "set", "mail", *settings, "--server", server.address)

    assert (ended.code, ended.out, ended.err) == (Exit.OK, "", "")
    assert heard == [
        [
            *(b"QUEUE.SET", b"mail", b"LENGTH", b"10", b"BYTES", b"1048576"),
            *(b"TIMEOUT", b"300000", b"ORDER", b"fair", b"RETRY-DELAYS", b"1000,60000"),
            *(b"BURST", b"default", b"WEIGHT", b"acme", b"3", b"WEIGHT", b"globex", b"default"),
        ]
    ]


MISTAKES = [
    (["colour=red"], "colour is no setting of a queue; there are order, ageing_ms, length_max"),
    (["length_max"], "length_max is no setting; write SETTING=VALUE"),
    (["length_max=ten"], "length_max is ten: it must be a whole number from 1 to"),
    (["order=random"], "order is random: it must be one of strict, ageing, fair"),
    (["weights.acme=x"], "weights.acme is x: it must be a whole number"),
    (["retry_delays_ms=1s,soon"], "retry_delays_ms is 1s,soon: a duration is 500ms"),
    (["burst=1", "burst=2"], "burst is given twice"),
]


@pytest.mark.parametrize(("settings", "told"), MISTAKES)
def test_a_setting_that_cannot_be_understood_is_a_mistake(
    penstock: Penstock, settings: list[str], told: str
) -> None:
    ended = penstock("queue", "set", "mail", *settings)

    assert ended.code == Exit.USAGE
    assert told in ended.err


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_queue_is_stopped_without_a_word(penstock: Penstock, verb: str) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, OK)) as server:
        ended = penstock("queue", verb, "mail", "--server", server.address)

    assert ended == (Exit.OK, "", "")
    assert heard == [[f"QUEUE.{verb.upper()}".encode(), b"mail"]]


def test_a_purge_says_how_many_jobs_it_removed(penstock: Penstock) -> None:
    with ScriptedServer(playing([], SHOWN, b":3\r\n")) as server:
        ended = penstock("queue", "purge", "mail", "--server", server.address)

    assert ended == (Exit.OK, "3\n", "")


def test_a_forced_deletion_says_so_to_the_server(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, SHOWN, OK)) as server:
        ended = penstock("queue", "delete", "mail", "--force", "--server", server.address)

    assert ended == (Exit.OK, "", "")
    assert heard[1] == [b"QUEUE.DELETE", b"mail", b"FORCE"]


def test_what_the_server_refuses_is_told_with_its_code(penstock: Penstock) -> None:
    with ScriptedServer(playing([], SHOWN, b"-NOTEMPTY 3 jobs of queue mail wait\r\n")) as server:
        ended = penstock("queue", "delete", "mail", "--server", server.address)

    assert ended == (Exit.REFUSED, "", "penstock: NOTEMPTY 3 jobs of queue mail wait\n")


def test_queue_alone_is_a_mistake(penstock: Penstock) -> None:
    ended = penstock("queue")

    assert ended.code == Exit.USAGE
    assert "Missing command" in ended.err
