"""The log of events and runs that come to nothing."""

from structlog.testing import capture_logs

from penstock.config.limits import EVENT_LOG_LINES_MAX
from penstock.jobs.cron.schedules import Unrun
from penstock.jobs.events.firing import Unfired
from penstock.jobs.events.model import StreamName
from penstock.jobs.model import Instant
from penstock.server.given_up_log import GivenUpLog
from tests.unit.server.desk import NOW, FakeClock, ServerDesk, ask, committing


def unfired(sequence: int = 0, *, is_loop: bool = False) -> Unfired:
    return Unfired("ship", StreamName("orders"), (7, sequence), "too large", is_loop)


def test_an_event_that_no_job_can_be_made_of_is_logged_with_the_reason() -> None:
    with capture_logs() as logs:
        GivenUpLog(FakeClock().monotonic).note_unfired(unfired(3))

    assert logs == [
        {
            "event": "event given up by its trigger",
            "log_level": "warning",
            "trigger": "ship",
            "stream": "orders",
            "id": "7-3",
            "reason": "too large",
        }
    ]


def test_a_loop_is_told_from_a_refusal() -> None:
    with capture_logs() as logs:
        GivenUpLog(FakeClock().monotonic).note_unfired(unfired(is_loop=True))

    assert [line["event"] for line in logs] == ["loop of triggers cut"]


def test_a_run_whose_job_can_never_be_is_logged_with_its_instant() -> None:
    with capture_logs() as logs:
        GivenUpLog(FakeClock().monotonic).note_unrun(Unrun("nightly", Instant(NOW), "too large"))

    assert logs == [
        {
            "event": "run of a schedule given up",
            "log_level": "warning",
            "schedule": "nightly",
            "due_at": NOW,
            "reason": "too large",
        }
    ]


def test_a_storm_of_events_is_summed_up_and_leaves_room_for_runs() -> None:
    clock = FakeClock()
    log = GivenUpLog(clock.monotonic)

    with capture_logs() as logs:
        for sequence in range(EVENT_LOG_LINES_MAX + 5):
            log.note_unfired(unfired(sequence))
        log.note_unrun(Unrun("nightly", Instant(NOW), "too large"))
        clock.seconds = 1.0
        log.sum_up()

    assert len(logs) == EVENT_LOG_LINES_MAX + 2
    assert logs[-2]["event"] == "run of a schedule given up"
    assert logs[-1] == {
        "event": "event given up by its trigger: more than are logged one by one",
        "log_level": "warning",
        "events": 5,
    }


async def test_the_engine_logs_what_a_trigger_gives_up_once_that_is_durable() -> None:
    desk = ServerDesk()
    client, _ = desk.connect()
    ask(
        client,
        ("TRIGGER.SET", "ship", "ON", "orders", "SUBMIT", "work", "[]", "TENANT", "${who}"),
        ("XADD", "orders", "*", "who", "x" * 1_000),
        ("XADD", "orders", "*", "who", "somebody"),
    )

    with capture_logs() as logs:
        async with committing(desk):
            await desk.settled()

    assert [(line["event"], line["trigger"]) for line in logs] == [
        ("event given up by its trigger", "ship")
    ]
    assert desk.engine.events.unfired == []


async def test_the_engine_logs_runs_that_are_given_up_once() -> None:
    engine = ServerDesk().engine
    engine.events.unrun.append(Unrun("nightly", Instant(NOW), "too large"))

    with capture_logs() as logs:
        engine.pump()
        engine.pump()

    assert [line["event"] for line in logs] == ["run of a schedule given up"]
