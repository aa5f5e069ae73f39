"""What INFO tells."""

import pytest

from penstock.server.information import information
from tests.unit.server.desk import ServerDesk, ask, committing


def section(desk: ServerDesk, name: str) -> dict[str, str]:
    """Return the lines of one section, without its heading."""
    heading, *lines = information(desk.context, [name]).splitlines()
    assert heading == f"# {name.capitalize()}"
    return dict(line.split(":", 1) for line in lines)


@pytest.mark.parametrize("sections", [[], ["default"], ["everything"]])
def test_all_sections_are_told_by_default(sections: list[str]) -> None:
    told = information(ServerDesk().context, sections)

    headings = [line for line in told.splitlines() if line.startswith("# ")]
    assert headings[0] == "# Server"
    assert headings[-3:] == ["# Jobs", "# Streams", "# Keyspace"]


async def test_streams_are_counted_with_all_that_belongs_to_them() -> None:
    desk = ServerDesk()
    client, _ = desk.connect()
    ask(
        client,
        ("XADD", "orders", "*", "n", 1),
        ("XADD", "orders", "*", "n", 2),
        ("XGROUP", "CREATE", "orders", "mail", 0),
        ("XREADGROUP", "GROUP", "mail", "me", "STREAMS", "orders", ">"),
        ("TRIGGER.SET", "ship", "ON", "people", "SUBMIT", "work", "[]"),
        ("CRON.SET", "nightly", "@daily", "work", "[]"),
        ("XREAD", "BLOCK", 0, "STREAMS", "orders", "$"),
    )

    async with committing(desk):
        await desk.settled()
        told = section(desk, "streams")
        blocked = section(desk, "clients")["blocked_clients"]

    assert told == {
        "streams": "2",
        "groups": "2",
        "events_pending": "2",
        "readers_waiting": "1",
        "triggers": "1",
        "schedules": "1",
    }
    assert blocked == "1"


async def test_streams_are_the_keys_of_the_one_database() -> None:
    desk = ServerDesk()
    client, _ = desk.connect()
    ask(client, ("XADD", "orders", "*", "n", 1), ("JOB.SUBMIT", "task", ""))

    async with committing(desk):
        await desk.settled()

    assert section(desk, "keyspace") == {"db0": "keys=1,expires=0,avg_ttl=0"}


def test_a_database_without_keys_has_no_line() -> None:
    assert information(ServerDesk().context, ["keyspace"]) == "# Keyspace\r\n"
