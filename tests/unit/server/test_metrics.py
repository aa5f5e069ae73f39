"""The metrics page says what the counters say."""

from collections.abc import Iterable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from penstock.jobs.counters import (
    DURATION_SECONDS,
    Histogram,
    JournalCounters,
    QueueCounters,
)
from penstock.server.metrics import QueueRows, QueueView, ServerView, Telemetry


class Source:
    """Numbers to scrape."""

    def __init__(self, *queues: QueueView) -> None:
        self.journal = JournalCounters()
        self.views = list(queues)

    def queues(self) -> Iterable[QueueView]:
        return self.views

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

    samples = scrape(Telemetry(Source(*views), queue_rows_max=4))

    shown = {dict(labels)["queue"] for name, labels in samples if name == "penstock_jobs_ready"}
    assert shown == {"q6", "q7", "q8", "q9", "other"}
    assert samples["penstock_jobs_submitted_total", of_queue("other")] == 0 + 1 + 2 + 3 + 4 + 5
    assert samples["penstock_jobs_ready", of_queue("other")] == 6
    assert samples["penstock_job_wait_seconds_count", of_queue("other")] == 6
    assert samples["penstock_job_wait_seconds_sum", of_queue("other")] == 6.0


def test_sums_over_all_rows_lose_nothing() -> None:
    views = [queue(f"q{n}", submitted=n, claimed=2 * n, ready=3 * n) for n in range(50)]

    rows = QueueRows(7).fold(views)

    assert sum(row.counters.submitted for row in rows) == sum(range(50))
    assert sum(row.counters.claimed for row in rows) == 2 * sum(range(50))
    assert sum(row.ready for row in rows) == 3 * sum(range(50))


def test_a_queue_keeps_its_row_when_others_overtake_it() -> None:
    slow, busy = queue("slow", submitted=1), queue("busy", submitted=2)
    late = queue("late")
    rows = QueueRows(2)
    rows.fold([slow, busy])

    late.counters.submitted = 1000

    assert [row.name for row in rows.fold([slow, busy, late])] == ["slow", "busy", "other"]


def test_a_folded_queue_stays_folded_when_a_row_becomes_free() -> None:
    rows = QueueRows(1)
    rows.fold([queue("first", submitted=2), queue("second", submitted=1)])

    assert [row.name for row in rows.fold([queue("second", submitted=1)])] == ["other"]


def test_a_queue_named_like_the_shared_row_is_counted_in_it() -> None:
    rows = QueueRows(1).fold([queue("other", submitted=5), queue("a"), queue("b", submitted=1)])

    assert [row.name for row in rows] == ["b", "other"]
    assert rows[1].counters.submitted == 5
