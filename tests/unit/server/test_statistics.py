"""What is counted of a running server."""

from penstock.jobs.counters import EventCounters, ScheduleCounters, TriggerCounters
from penstock.server.disk import DiskState
from penstock.server.metric_views import EventsView, GroupView, StreamView
from penstock.server.statistics import Statistics
from tests.unit.server.desk import ServerDesk, ask, committing


class NoWorkers:
    alive_count = 0
    restarts_total = 0


def events_of(desk: ServerDesk) -> EventsView:
    return Statistics(desk.engine, desk.connections, NoWorkers(), DiskState()).events()


def test_without_streams_there_is_nothing() -> None:
    assert events_of(ServerDesk()) == EventsView(streams=[], groups=[])


async def test_streams_and_their_groups_are_counted() -> None:
    desk = ServerDesk()
    client, _ = desk.connect()
    ask(
        client,
        *[("XADD", "orders", "MAXLEN", 4, "*", "n", n) for n in range(5)],
    )
    asked = (
        ("XGROUP", "CREATE", "orders", "mail", 0),
        ("XREADGROUP", "GROUP", "mail", "me", "COUNT", 3, "STREAMS", "orders", ">"),
        ("XADD", "others", "7-0", "n", 1),
        ("XGROUP", "CREATE", "others", "mail", 0),
        ("XREADGROUP", "GROUP", "mail", "me", "STREAMS", "others", ">"),
        ("XACK", "others", "mail", "7-0"),
        ("XREAD", "BLOCK", 0, "STREAMS", "orders", "$"),
    )

    async with committing(desk):
        await desk.settled()
        ask(client, *asked)
        await desk.settled()
        view = events_of(desk)

    assert view.streams == [StreamView("orders", 4, 5), StreamView("others", 1, 1)]
    assert view.groups == [
        GroupView("orders", "mail", read=4, lag=1, pending=3),
        GroupView("others", "mail", read=1, lag=0, pending=0),
    ]
    assert view.counters == EventCounters(appended=6, delivered=4, acknowledged=1, trimmed=1)
    assert (view.readers_waiting, view.requests_waiting) == (1, 0)


async def test_triggers_and_schedules_are_counted() -> None:
    desk = ServerDesk()
    client, _ = desk.connect()
    ask(
        client,
        ("TRIGGER.SET", "ship", "ON", "orders", "MATCH", "n", "1", "SUBMIT", "work", "[]"),
        ("TRIGGER.SET", "held", "ON", "others", "SUBMIT", "work", "[]", "QUEUE", "full"),
        ("CRON.SET", "yearly", "@yearly", "work", "[]"),
        ("QUEUE.SET", "full", "LENGTH", 1),
    )
    events = [("XADD", stream, "*", "n", n) for stream in ("orders", "others") for n in (1, 2)]

    async with committing(desk):
        await desk.settled()
        ask(client, *events)
        await desk.settled()
        view = events_of(desk)

    assert view.trigger_counters == TriggerCounters(fired=2, skipped=1)
    assert (view.triggers, view.triggers_waiting) == (2, 1)
    assert (view.schedules, view.schedule_counters) == (1, ScheduleCounters())


async def test_requests_wait_until_a_commit_holds_them() -> None:
    desk = ServerDesk()
    client, _ = desk.connect()

    ask(client, ("XLEN", "orders"), ("XLEN", "others"))

    assert events_of(desk).requests_waiting == 2
