"""What a run found, for people (a table) and for machines (JSON)."""

from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.loadtest.driver import Closed, Load, Open
from penstock.loadtest.latencies import Latencies, Summary
from penstock.loadtest.target import Target
from penstock.loadtest.verification import Verification
from penstock.loadtest.workload import Workload


class Report(Struct, frozen=True):
    """One run, ready to be written. Latencies are microseconds; rates are requests a second."""

    server: str
    workload: str
    shape: str
    seed: int
    run: str
    seconds: float
    sent: int
    answered: int
    ok: int
    rate_wanted: float | None
    rate: float
    latencies: dict[str, Summary]
    send_lag: Summary | None
    errors: dict[str, int]
    never_sent: int
    unanswered: int
    connections_lost: int
    check: Verification | None
    violations: int
    violation_texts: list[str]

    @property
    def sound(self) -> bool:
        """Whether nothing happened that must never happen."""
        return not self.violations


def make_report(
    load: Load,
    workload: Workload,
    shape: Closed | Open,
    target: Target,
    check: Verification | None,
) -> Report:
    """Put the figures of a run together."""
    tally = load.tally
    latencies = {kind: kept.summary() for kind, kept in tally.latencies.items() if kept.count}
    if len(latencies) > 1:
        everything = Latencies()
        for kept in tally.latencies.values():
            everything.add(kept)
        latencies["all"] = everything.summary()
    return Report(
        server=str(target),
        workload=_workload_line(workload),
        shape=_shape_line(shape),
        seed=workload.seed,
        run=workload.run,
        seconds=round(load.seconds, 3),
        sent=tally.sent,
        answered=tally.answered,
        ok=tally.ok,
        rate_wanted=shape.rate if isinstance(shape, Open) else None,
        rate=round(tally.ok_measured / load.seconds, 1) if load.seconds > 0 else 0.0,
        latencies=latencies,
        send_lag=tally.lag.summary() if isinstance(shape, Open) else None,
        errors=dict(tally.errors.most_common()),
        never_sent=load.never_sent,
        unanswered=tally.unanswered,
        connections_lost=tally.connections_lost,
        check=check,
        violations=tally.violations.count,
        violation_texts=tally.violations.texts,
    )


def show_report(report: Report, console: Console) -> None:
    """Write the report as tables."""
    console.print(f"[bold]{report.workload}[/bold] · {report.shape} · {report.server}")
    rate = f"{report.rate:,.0f} requests/s"
    if report.rate_wanted is not None:
        rate += f" (wanted {report.rate_wanted:,.0f})"
    console.print(
        f"[bold]{rate}[/bold], {report.ok:,} of {report.sent:,} answered without error; "
        f"measured {report.seconds:.2f} s, seed {report.seed}, run {report.run}"
    )
    _show_latencies(report, console)
    _show_troubles(report, console)
    _show_check(report, console)


def _show_latencies(report: Report, console: Console) -> None:
    if not report.latencies:
        console.print("No request was measured.", style="yellow")
        return
    table = Table(title="Latency", title_justify="left")
    table.add_column("request")
    for column in ("count", "p50", "p90", "p99", "p99.9", "max"):
        table.add_column(column, justify="right")
    rows = dict(report.latencies)
    if report.send_lag is not None and report.send_lag.count:
        rows["(of it: sent late)"] = report.send_lag
    for kind, found in rows.items():
        values = (found.p50_us, found.p90_us, found.p99_us, found.p99_9_us, found.max_us)
        table.add_row(kind, f"{found.count:,}", *map(duration, values))
    console.print(table)


def _show_troubles(report: Report, console: Console) -> None:
    for code, count in report.errors.items():
        console.print(f"error {code}: {count:,}", style="yellow")
    if report.connections_lost:
        console.print(f"connections lost: {report.connections_lost}", style="red")
    if report.unanswered:
        console.print(f"requests without an answer: {report.unanswered:,}", style="red")
    if report.never_sent:
        console.print(
            f"{report.never_sent:,} requests were due and could not be sent: the server, or this "
            "generator on the same processors, cannot keep the rate; latencies leave them out",
            style="yellow",
        )


def _show_check(report: Report, console: Console) -> None:
    check = report.check
    if check is None:
        console.print("Acknowledged jobs were not looked up (--no-check).", style="yellow")
    else:
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(check.states.items()))
        console.print(
            f"Check: {check.acknowledged:,} acknowledged, {check.looked_up:,} looked up"
            + (f" ({states})" if states else "")
            + f", {check.resent} sent again under their keys"
        )
    if report.sound:
        console.print("Nothing lost, doubled or out of order.", style="green")
        return
    console.print(f"{report.violations:,} violations:", style="bold red")
    for text in report.violation_texts:
        # Text, not markup: payloads may hold brackets.
        console.print(Text(f"  {text}", style="red"))


def duration(microseconds: float) -> str:
    """Write microseconds as people read them."""
    if microseconds < 1_000:
        return f"{microseconds:.0f} µs"
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.2f} ms"
    return f"{microseconds / 1_000_000:.2f} s"


def _workload_line(workload: Workload) -> str:
    line = f"{workload.kinds} of {workload.task}, {workload.payload_bytes} bytes"
    if not workload.keyed:
        line += ", without keys"
    return line


def _shape_line(shape: Closed | Open) -> str:
    if isinstance(shape, Open):
        return f"open loop, {shape.rate:,.0f}/s, connections: {shape.connections}"
    return f"closed loop, connections: {shape.connections}, in flight on each: {shape.pipeline}"
