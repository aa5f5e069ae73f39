from penstock.loadtest.backlog import Backlog
from penstock.loadtest.figures import MIB, backlog_lines, comparison_lines
from penstock.loadtest.machine import Machine
from penstock.loadtest.peers import CASES, Comparison, Figure, Row

MACHINE = Machine("a processor", 2, 8.0, "Linux 6", "CPython 3.11.7", "0.1.0", 0.3)


def comparison() -> Comparison:
    ours = [Figure(50_000, 1.0, 3.0), Figure(60_000, 2.0, 3.0), Figure(40_000, 3.0, 3.0)]
    theirs = [Figure(100_000, 0.5, 1.0), Figure(100_000, 0.5, 1.0), Figure(50_000, 0.5, 1.0)]
    return Comparison(MACHINE, "7.0.15", 1_000, [200.0], [Row(CASES[0], ours, theirs)])


def test_the_ratio_is_taken_within_each_round() -> None:
    (row,) = comparison().rows

    assert row.ratio == 0.6


def test_a_row_shows_the_median_and_the_spread() -> None:
    line = comparison_lines(comparison())[-1]

    assert "| 50,000 [40,000 to 60,000] | 2.00 [1.00 to 3.00] |" in line
    assert line.endswith("| 0.60 |")


def test_a_case_that_redis_does_not_have_is_left_empty() -> None:
    calls = Row(CASES[-1], [Figure(10, 1.0, 1.0)], [])
    found = Comparison(MACHINE, "7.0.15", 1_000, [200.0], [calls])

    assert comparison_lines(found)[-1].endswith("| 10 | 1.00 | 1.00 |  |  |  |")


def test_a_backlog_says_what_a_job_costs() -> None:
    found = Backlog(MACHINE, 1_000, 64, 200.0, 50_000.0, 50 * MIB, 51 * MIB, 9 * MIB, 0.5, 0.6, MIB)

    lines = "\n".join(backlog_lines(found))

    assert "51 MiB (1049 bytes a job)" in lines
    assert "to ready | 0.50 s" in lines
