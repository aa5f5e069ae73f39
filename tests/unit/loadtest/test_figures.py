from penstock.loadtest.backlog import Backlog
from penstock.loadtest.benchmark import Figure
from penstock.loadtest.events_memory import EventsMemory
from penstock.loadtest.figures import (
    MIB,
    backlog_lines,
    comparison_lines,
    events_memory_lines,
    ticker_lines,
)
from penstock.loadtest.latencies import Summary
from penstock.loadtest.machine import Machine
from penstock.loadtest.peers import SUBMISSIONS, Comparison, Row
from penstock.loadtest.ticker import Sleeper, Ticker

MACHINE = Machine("a processor", 2, 8.0, "Linux 6", "CPython 3.11.7", "0.1.0", 0.3)


def comparison() -> Comparison:
    ours = [Figure(50_000, 1.0, 3.0), Figure(60_000, 2.0, 3.0), Figure(40_000, 3.0, 3.0)]
    theirs = [Figure(100_000, 0.5, 1.0), Figure(100_000, 0.5, 1.0), Figure(50_000, 0.5, 1.0)]
    return Comparison(MACHINE, "7.0.15", 1_000, [200.0], [Row(SUBMISSIONS[0], ours, theirs)])


def test_the_ratio_is_taken_within_each_round() -> None:
    (row,) = comparison().rows

    assert row.ratio == 0.6


def test_a_row_shows_the_median_and_the_spread() -> None:
    line = comparison_lines(comparison())[-1]

    assert "| 50,000 [40,000 to 60,000] | 2.00 [1.00 to 3.00] |" in line
    assert line.endswith("| 0.60 |")


def test_a_case_that_redis_does_not_have_is_left_empty() -> None:
    calls = Row(SUBMISSIONS[-1], [Figure(10, 1.0, 1.0)], [])
    found = Comparison(MACHINE, "7.0.15", 1_000, [200.0], [calls])

    assert comparison_lines(found)[-1].endswith("| 10 | 1.00 | 1.00 |  |  |  |")


def test_a_backlog_says_what_a_job_costs() -> None:
    found = Backlog(MACHINE, 1_000, 64, 200.0, 50_000.0, 50 * MIB, 51 * MIB, 9 * MIB, 0.5, 0.6, MIB)

    lines = "\n".join(backlog_lines(found))

    assert "51 MiB (1049 bytes a job)" in lines
    assert "to ready | 0.50 s" in lines


def test_a_long_stream_says_what_an_event_costs() -> None:
    found = EventsMemory(
        machine=MACHINE,
        server="Penstock",
        events=1_000,
        payload_bytes=64,
        fdatasync_us=200.0,
        appends_per_second=60_000.0,
        rss_empty_bytes=50 * MIB,
        rss_full_bytes=51 * MIB,
        rss_most_bytes=60 * MIB,
        disk_bytes=9 * MIB,
        restart_seconds=0.5,
        first_read_seconds=0.6,
        rss_restarted_bytes=MIB,
    )

    lines = "\n".join(events_memory_lines(found))

    assert "| a stream of 1,000 events of 64 bytes | Penstock |" in lines
    assert "51 MiB (1048.6 bytes an event)" in lines
    assert "to the first events read | 0.60 s" in lines


def ticker(violations: int, texts: list[str], sleeper: Sleeper | None) -> Ticker:
    summary = Summary(10, 1_500.0, 900, 1_500, 2_000, 3_000, 3_100, 4_000)
    return Ticker(
        machine=MACHINE,
        server="Penstock",
        fdatasync_us=None,
        rate=50.0,
        seconds=90.0,
        consumers=50,
        processes=4,
        ticks=4_500,
        stays=60,
        received=225_000,
        from_sending=summary,
        from_reply=summary,
        append=summary,
        send_lag=summary,
        sleeper=sleeper,
        violations=violations,
        violation_texts=texts,
    )


def test_a_ticker_shows_its_percentiles_in_milliseconds() -> None:
    lines = ticker_lines(ticker(0, [], Sleeper(60.0, 3_000, 47.1)))

    assert any(line.endswith("| 10 | 1.50 | 3.00 | 4.00 |") for line in lines)
    assert "slept for 60 s, was 3,000 ticks behind and caught up within 47.1 ms." in lines[-2]
    assert lines[-1] == "Nobody missed a tick, or saw one twice or out of order."


def test_a_ticker_tells_what_was_missed() -> None:
    lines = ticker_lines(ticker(2, ["consumer 3 missed tick 7", "consumer 4 saw none"], None))

    assert lines[-3:] == ["2 violations:", "  consumer 3 missed tick 7", "  consumer 4 saw none"]
