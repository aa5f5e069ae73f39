"""Which queues, streams and groups have a row of their own on the metrics page."""

from penstock.jobs.counters import DURATION_SECONDS, Histogram, QueueCounters
from penstock.server.metric_rows import group_rows, queue_rows, stream_rows
from penstock.server.metric_views import GroupView, QueueView, StreamView


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


def group(name: str, *, read: int = 0, lag: int | None = 0) -> GroupView:
    return GroupView("s", name, read, lag, 1)


def test_sums_over_all_rows_lose_nothing() -> None:
    views = [queue(f"q{n}", submitted=n, claimed=2 * n, ready=3 * n) for n in range(50)]

    rows = queue_rows(7).fold(views)

    assert sum(row.counters.submitted for row in rows) == sum(range(50))
    assert sum(row.counters.claimed for row in rows) == 2 * sum(range(50))
    assert sum(row.ready for row in rows) == 3 * sum(range(50))


def test_a_queue_keeps_its_row_when_others_overtake_it() -> None:
    slow, busy = queue("slow", submitted=1), queue("busy", submitted=2)
    late = queue("late")
    rows = queue_rows(2)
    rows.fold([slow, busy])

    late.counters.submitted = 1000

    assert [row.name for row in rows.fold([slow, busy, late])] == ["slow", "busy", "other"]


def test_a_folded_queue_stays_folded_when_a_row_becomes_free() -> None:
    rows = queue_rows(1)
    rows.fold([queue("first", submitted=2), queue("second", submitted=1)])

    assert [row.name for row in rows.fold([queue("second", submitted=1)])] == ["other"]


def test_a_queue_named_like_the_shared_row_is_counted_in_it() -> None:
    rows = queue_rows(1).fold([queue("other", submitted=5), queue("a"), queue("b", submitted=1)])

    assert [row.name for row in rows] == ["b", "other"]
    assert rows[1].counters.submitted == 5


def test_the_row_of_a_stream_that_is_gone_goes_to_one_that_is_new() -> None:
    rows = stream_rows(1)
    rows.fold([StreamView("first", 1, 9), StreamView("second", 1, 1)])

    rows.fold([StreamView("second", 1, 1)])
    shown = rows.fold([StreamView("second", 1, 1), StreamView("third", 1, 1)])

    assert [row.name for row in shown] == ["third", "other"]


def test_streams_that_are_gone_are_forgotten() -> None:
    rows = stream_rows(1)
    rows.fold([StreamView("first", 1, 9), StreamView("second", 1, 1)])
    rows.fold([StreamView("first", 1, 9)])
    rows.fold([])

    assert [row.name for row in rows.fold([StreamView("second", 1, 1)])] == ["second"]


def test_groups_of_one_name_in_two_streams_have_two_rows() -> None:
    rows = group_rows(2).fold([GroupView("a", "g", 0, 1, 1), GroupView("b", "g", 0, 2, 1)])

    assert [(row.stream, row.name, row.lag) for row in rows] == [("a", "g", 1), ("b", "g", 2)]


def test_the_lags_that_are_known_are_added_up() -> None:
    [_, others] = group_rows(1).fold(
        [group("a", read=9), group("b", lag=None), group("c", lag=2), group("d", lag=3)]
    )
    [_, unknown] = group_rows(1).fold([group("a", read=9), group("b", lag=None)])

    assert (others.lag, others.pending) == (5, 3)
    assert (unknown.lag, unknown.pending) == (None, 1)
