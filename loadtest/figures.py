"""The tables of the comparison and of the backlog, as they stand in docs/benchmarks.md."""

from collections.abc import Sequence
from statistics import median

from penstock.loadtest.backlog import Backlog
from penstock.loadtest.crowd import GROUPS, QUEUES, TENANTS, Crowd
from penstock.loadtest.machine import Machine
from penstock.loadtest.peers import Comparison, Figure, Row

MIB = 1024 * 1024


def comparison_lines(found: Comparison) -> list[str]:
    """Write a comparison as a Markdown table: medians, with the least and most in brackets."""
    syncs = _spread([microseconds / 1_000 for microseconds in found.fdatasync_us], 3)
    return [
        *machine_lines(found.machine),
        f"- redis-server {found.redis}, `appendfsync always`; {len(found.fdatasync_us)} rounds, "
        f"{found.requests:,} requests in the first case",
        f"- fdatasync of 4 KiB, median of each round: {syncs} ms",
        "",
        "| case | Penstock/s | p50 ms | p99 ms | redis/s | p50 ms | Penstock/redis |",
        "|---|---|---|---|---|---|---|",
        *map(_row_line, found.rows),
    ]


def backlog_lines(found: Backlog) -> list[str]:
    """Write a backlog as a Markdown list."""
    per_job = (found.rss_full_bytes - found.rss_empty_bytes) / found.jobs
    return [
        *machine_lines(found.machine),
        f"- fdatasync of 4 KiB, median: {found.fdatasync_us / 1_000:.3f} ms",
        "",
        f"| {found.jobs:,} waiting jobs of {found.payload_bytes} bytes | |",
        "|---|---|",
        f"| submitted at | {found.submits_per_second:,.0f}/s |",
        f"| RSS, empty | {found.rss_empty_bytes / MIB:.0f} MiB |",
        f"| RSS, full | {found.rss_full_bytes / MIB:.0f} MiB ({per_job:.0f} bytes a job) |",
        f"| on disk | {found.disk_bytes / MIB:.0f} MiB |",
        f"| after kill -9, process start to ready | {found.restart_seconds:.2f} s |",
        f"| after kill -9, process start to the first claim | {found.first_claim_seconds:.2f} s |",
        f"| RSS after the restart | {found.rss_restarted_bytes / MIB:.0f} MiB |",
    ]


def crowd_lines(found: Crowd) -> list[str]:
    """Write a crowd as a Markdown list."""
    empty, full = found.empty, found.full
    return [
        *machine_lines(found.machine),
        "",
        f"| {found.jobs:,} jobs in {QUEUES:,} queues, of {TENANTS:,} tenants, in {GROUPS:,} groups "
        "| empty | full | ratio |",
        "|---|---|---|---|",
        f"| submission, µs | {empty.submit_us:.1f} | {full.submit_us:.1f} "
        f"| {full.submit_us / empty.submit_us:.2f} |",
        f"| claim, µs | {empty.claim_us:.1f} | {full.claim_us:.1f} "
        f"| {full.claim_us / empty.claim_us:.2f} |",
        f"| RSS | | {found.rss_full_bytes / MIB:.0f} MiB | |",
        f"| after kill -9, process start to ready | | {found.restart_seconds:.2f} s | |",
        f"| RSS after the restart | | {found.rss_restarted_bytes / MIB:.0f} MiB | |",
    ]


def machine_lines(machine: Machine) -> list[str]:
    """Write what the machine is as a Markdown list."""
    return [
        f"- {machine.processors} processors ({machine.processor}), {machine.memory_gib} GiB, "
        f"{machine.system}",
        f"- {machine.python}, Penstock {machine.penstock}; load average before: "
        f"{machine.load_average:.1f}",
    ]


def _row_line(row: Row) -> str:
    ours, theirs = row.penstock, row.redis
    ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
    return (
        f"| {row.case.name} | {_rates(ours)} | {_spread([f.p50_ms for f in ours], 2)} "
        f"| {_spread([f.p99_ms for f in ours], 2)} | {_rates(theirs)} "
        f"| {_spread([f.p50_ms for f in theirs], 2)} | {ratio} |"
    )


def _rates(figures: Sequence[Figure]) -> str:
    return _spread([figure.rate for figure in figures], 0)


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    low, middle, high = (
        f"{value:,.{digits}f}" for value in (min(values), median(values), max(values))
    )
    return middle if len(values) == 1 else f"{middle} [{low} to {high}]"
