"""The metrics page says what the counters say."""

from collections.abc import Iterable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from penstock.jobs.counters import (
    DURATION_SECONDS,
    EventCounters,
    Histogram,
    JournalCounters,
    QueueCounters,
    ScheduleCounters,
    TriggerCounters,
)
from penstock.server.metric_rows import group_rows, queue_rows, stream_rows
from penstock.server.metric_views import (
    EventsView,
    GroupView,
    QueueView,
    ServerView,
    StreamView,
)
from penstock.server.metrics import PageRows, Telemetry


class Source:
    """Numbers to scrape."""

    def __init__(self, *queues: QueueView) -> None:
        self.journal = JournalCounters()
        self.views = list(queues)
        self.log = EventsView()

    def queues(self) -> Iterable[QueueView]:
        return self.views

    def events(self) -> EventsView:
        return self.log

    def server(self) -> ServerView:
        return ServerView(
            connections=3,
            connections_total=30,
            requests_total=300,
            replies_pending=4,
            protocol_errors_total=5,
            workers_alive=2,
            worker_restarts_total=6,
            waiters=7,
            uptime_seconds=8.5,
            disk_free_bytes=9,
            disk_low=True,
        )


def queue(name: str, *, submitted: int = 0, claimed: int = 0, ready: int = 0) -> QueueView:
    return QueueView(
        name=name,
        counters=QueueCounters(submitted=submitted, claimed=claimed),
        ready=ready,
        scheduled=0,
        claimed=0,
        waiting=Histogram(DURATION_SECONDS),
        running=Histogram(DURATION_SECONDS),
    )


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(telemetry: Telemetry) -> Samples:
    page = telemetry.snapshot().render().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def rows_of(rows_max: int) -> PageRows:
    return PageRows(queue_rows(rows_max), stream_rows(rows_max), group_rows(rows_max))


def of_queue(name: str, **more: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"queue": name, **more}.items()))


@pytest.mark.parametrize("field", QueueCounters.__struct_fields__)
def test_every_counter_of_a_queue_is_shown(field: str) -> None:
    view = queue("mail")
    setattr(view.counters, field, 17)

    samples = scrape(Telemetry(Source(view)))

    assert samples[f"penstock_jobs_{field}_total", of_queue("mail")] == 17


def test_what_waits_is_shown() -> None:
    counters = QueueCounters()
    empty = Histogram(DURATION_SECONDS)
    view = QueueView("mail", counters, 1, 2, 3, empty, empty)

    samples = scrape(Telemetry(Source(view)))

    assert samples["penstock_jobs_ready", of_queue("mail")] == 1
    assert samples["penstock_jobs_scheduled", of_queue("mail")] == 2
    assert samples["penstock_jobs_claimed", of_queue("mail")] == 3


def test_histograms_are_cumulative() -> None:
    view = queue("mail")
    for seconds in (0.001, 0.002, 2.0, 9999.0):
        view.waiting.observe(seconds)

    samples = scrape(Telemetry(Source(view)))

    def below(bound: str) -> float:
        return samples["penstock_job_wait_seconds_bucket", of_queue("mail", le=bound)]

    assert [below("0.0005"), below("0.001"), below("0.0025")] == [0, 1, 2]
    assert [below("2.5"), below("3600.0"), below("+Inf")] == [3, 3, 4]
    assert samples["penstock_job_wait_seconds_count", of_queue("mail")] == 4
    assert samples["penstock_job_wait_seconds_sum", of_queue("mail")] == pytest.approx(10001.003)
    assert samples["penstock_job_run_seconds_count", of_queue("mail")] == 0


def test_the_journal_is_shown() -> None:
    source = Source()
    source.journal.batch_changes.observe(3)
    source.journal.commit_seconds.observe(0.002)
    source.journal.full = 1

    samples = scrape(Telemetry(source))

    assert samples["penstock_journal_batch_changes_sum", ()] == 3
    assert samples["penstock_journal_batch_changes_bucket", (("le", "4.0"),)] == 1
    assert samples["penstock_journal_commit_seconds_count", ()] == 1
    assert samples["penstock_journal_full_total", ()] == 1


def test_the_server_is_shown() -> None:
    samples = scrape(Telemetry(Source()))

    shown = {name: value for (name, labels), value in samples.items() if not labels}
    expected = {
        "penstock_connections": 3,
        "penstock_connections_accepted_total": 30,
        "penstock_requests_total": 300,
        "penstock_replies_pending": 4,
        "penstock_protocol_errors_total": 5,
        "penstock_workers": 2,
        "penstock_worker_restarts_total": 6,
        "penstock_waiters": 7,
        "penstock_uptime_seconds": 8.5,
        "penstock_disk_free_bytes": 9,
        "penstock_disk_low": 1,
    }
    assert expected.items() <= shown.items()
    assert "python_info" in {name for name, _ in samples}


def test_a_later_page_has_the_later_numbers() -> None:
    view = queue("mail", submitted=1)
    telemetry = Telemetry(Source(view))
    scrape(telemetry)

    view.counters.submitted += 1

    assert scrape(telemetry)["penstock_jobs_submitted_total", of_queue("mail")] == 2


def test_names_cannot_break_the_page() -> None:
    name = 'a"b\\c\nd'

    samples = scrape(Telemetry(Source(queue(name, submitted=1))))

    assert samples["penstock_jobs_submitted_total", of_queue(name)] == 1


def test_the_quietest_queues_share_a_row() -> None:
    views = [queue(f"q{n}", submitted=n, ready=1) for n in range(10)]
    for view in views:
        view.waiting.observe(1.0)

    samples = scrape(Telemetry(Source(*views), rows_of(4)))

    shown = {dict(labels)["queue"] for name, labels in samples if name == "penstock_jobs_ready"}
    assert shown == {"q6", "q7", "q8", "q9", "other"}
    assert samples["penstock_jobs_submitted_total", of_queue("other")] == 0 + 1 + 2 + 3 + 4 + 5
    assert samples["penstock_jobs_ready", of_queue("other")] == 6
    assert samples["penstock_job_wait_seconds_count", of_queue("other")] == 6
    assert samples["penstock_job_wait_seconds_sum", of_queue("other")] == 6.0


# --- events --------------------------------------------------------------------------------------


def scrape_events(view: EventsView, rows: PageRows | None = None) -> Samples:
    source = Source()
    source.log = view
    return scrape(Telemetry(source, rows))


@pytest.mark.parametrize("field", EventCounters.__struct_fields__)
def test_every_counter_of_events_is_shown(field: str) -> None:
    samples = scrape_events(EventsView(counters=EventCounters(**{field: 17})))

    assert samples[f"penstock_events_{field}_total", ()] == 17


@pytest.mark.parametrize("field", TriggerCounters.__struct_fields__)
def test_every_counter_of_triggers_is_shown(field: str) -> None:
    samples = scrape_events(EventsView(trigger_counters=TriggerCounters(**{field: 17})))

    assert samples[f"penstock_trigger_{field}_total", ()] == 17


@pytest.mark.parametrize("field", ScheduleCounters.__struct_fields__)
def test_every_counter_of_schedules_is_shown(field: str) -> None:
    samples = scrape_events(EventsView(schedule_counters=ScheduleCounters(**{field: 17})))

    assert samples[f"penstock_schedule_{field}_total", ()] == 17


def test_who_waits_and_what_there_is_are_shown() -> None:
    view = EventsView(
        streams=[StreamView("a", 1, 1), StreamView("b", 1, 1)],
        groups=[GroupView("a", "g", 0, 0, 0)],
        readers_waiting=3,
        requests_waiting=4,
        triggers=5,
        triggers_waiting=6,
        schedules=7,
    )

    samples = scrape_events(view)

    expected = {
        "penstock_streams": 2,
        "penstock_groups": 1,
        "penstock_readers_waiting": 3,
        "penstock_event_requests_waiting": 4,
        "penstock_triggers": 5,
        "penstock_triggers_waiting": 6,
        "penstock_schedules": 7,
    }
    assert {name: samples[name, ()] for name in expected} == expected


def test_streams_and_groups_have_rows() -> None:
    view = EventsView(
        streams=[StreamView("a", 2, 12)],
        groups=[GroupView("a", "g", 5, 7, 3), GroupView("a", "h", 5, None, 4)],
    )

    samples = scrape_events(view)

    stream, group = (("stream", "a"),), (("group", "g"), ("stream", "a"))
    assert samples["penstock_stream_length", stream] == 2
    assert samples["penstock_stream_last_offset", stream] == 12
    assert samples["penstock_group_lag", group] == 7
    assert samples["penstock_group_pending", group] == 3
    unknown = (("group", "h"), ("stream", "a"))
    assert ("penstock_group_lag", unknown) not in samples
    assert samples["penstock_group_pending", unknown] == 4


def test_the_quietest_streams_and_groups_share_a_row() -> None:
    view = EventsView(
        streams=[StreamView(f"s{n}", 1, n) for n in range(10)],
        groups=[GroupView("s", f"g{n}", n, n, 1) for n in range(10)],
    )

    samples = scrape_events(view, rows_of(2))

    streams = {
        dict(labels)["stream"] for name, labels in samples if name == "penstock_stream_length"
    }
    groups = {dict(labels)["group"] for name, labels in samples if name == "penstock_group_lag"}
    assert (streams, groups) == ({"s8", "s9", "other"}, {"g8", "g9", "other"})
    assert samples["penstock_streams", ()] == 10
    assert samples["penstock_stream_length", (("stream", "other"),)] == 8
