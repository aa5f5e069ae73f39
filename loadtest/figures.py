"""The tables of what was measured, as they stand in docs/benchmarks.md."""

from collections.abc import Sequence
from statistics import median

from penstock.loadtest.backlog import Backlog
from penstock.loadtest.benchmark import Figure
from penstock.loadtest.crowd import GROUPS, QUEUES, TENANTS, Crowd
from penstock.loadtest.events_memory import EventsMemory
from penstock.loadtest.latencies import Summary
from penstock.loadtest.machine import Machine
from penstock.loadtest.peers import Comparison, Row
from penstock.loadtest.ticker import Ticker

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


def events_memory_lines(found: EventsMemory) -> list[str]:
    """Write a long stream as a Markdown list."""
    per_event = (found.rss_full_bytes - found.rss_empty_bytes) / found.events
    return [
        *machine_lines(found.machine),
        f"- fdatasync of 4 KiB, median: {found.fdatasync_us / 1_000:.3f} ms",
        "",
        f"| a stream of {found.events:,} events of {found.payload_bytes} bytes | {found.server} |",
        "|---|---|",
        f"| appended at | {found.appends_per_second:,.0f}/s |",
        f"| RSS, empty | {found.rss_empty_bytes / MIB:.0f} MiB |",
        f"| RSS, full | {found.rss_full_bytes / MIB:.0f} MiB ({per_event:.1f} bytes an event) |",
        f"| RSS, the most while appending | {found.rss_most_bytes / MIB:.0f} MiB |",
        f"| on disk | {found.disk_bytes / MIB:,.0f} MiB |",
        f"| after kill -9, process start to ready | {found.restart_seconds:.2f} s |",
        "| after kill -9, process start to the first events read "
        f"| {found.first_read_seconds:.2f} s |",
        f"| RSS after the restart | {found.rss_restarted_bytes / MIB:.0f} MiB |",
    ]


def ticker_lines(found: Ticker) -> list[str]:
    """Write a ticker as a Markdown table, and what must not be below it."""
    rows = {
        "from the sending of XADD to its receipt (more than from the commit)": found.from_sending,
        "from the reply to XADD to its receipt (less than from the commit)": found.from_reply,
        "XADD, sending to reply": found.append,
        "(the producer's own lateness)": found.send_lag,
    }
    return [
        *machine_lines(found.machine),
        *_sync_lines(found.fdatasync_us),
        f"- {found.server}; {found.rate:g} ticks/s for {found.seconds:g} s, {found.consumers} "
        f"consumers in {found.processes} processes, {found.stays} stays in all",
        "",
        f"| {found.ticks:,} ticks, {found.received:,} receipts "
        "| count | p50 ms | p99 ms | max ms |",
        "|---|---|---|---|---|",
        *(_latency_line(name, summary) for name, summary in rows.items()),
        "",
        *_sleeper_lines(found),
        *_verdict_lines(found),
    ]


def _sync_lines(fdatasync_us: float | None) -> list[str]:
    if fdatasync_us is None:
        return []
    return [f"- fdatasync of 4 KiB, median: {fdatasync_us / 1_000:.3f} ms"]


def _latency_line(name: str, found: Summary) -> str:
    values = (f"{us / 1_000:.2f}" for us in (found.p50_us, found.p99_us, found.max_us))
    return f"| {name} | {found.count:,} | {' | '.join(values)} |"


def _sleeper_lines(found: Ticker) -> list[str]:
    sleeper = found.sleeper
    if sleeper is None:
        return []
    return [
        f"One consumer slept for {sleeper.seconds:g} s, was {sleeper.behind:,} ticks behind and "
        f"caught up within {sleeper.caught_up_ms:,.1f} ms."
    ]


def _verdict_lines(found: Ticker) -> list[str]:
    if found.sound:
        return ["Nobody missed a tick, or saw one twice or out of order."]
    return [f"{found.violations:,} violations:", *(f"  {text}" for text in found.violation_texts)]


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
