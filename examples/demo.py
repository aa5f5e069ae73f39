"""The demonstration that `make demo` runs: python -m examples.demo [DIRECTORY]

Starts a real server with two worker processes on free ports, works on the files of the directory,
shows what the server promises, and stops everything again. Exits with 0 if all went as promised.
"""

import json
import shutil
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from penstock.client import Client, JobInfo, PenstockError
from penstock.loadtest.errors import LoadtestError
from penstock.loadtest.processes import ServerProcess
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import INCOMPLETE, Reply, ReplyReader

WORKERS = 2
BUNDLES = 24
BUNDLE_BYTES = 512 * 1024
LARGE_BUNDLE_BYTES = 4 * BUNDLE_BYTES
URGENT_FILES = 4
NORMAL, URGENT = 1000, 0
FILES_MAX = 400
FILES_LOOKED_AT_MAX = 20_000
# A server that works needs a few seconds for any part of this.
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.1
# A line of 80 columns holds them.
CALL_SHOWN_MAX, RESULT_SHOWN_MAX = 25, 10
METRICS = (
    "penstock_jobs_submitted_total",
    "penstock_jobs_completed_total",
    "penstock_jobs_failed_total",
    "penstock_job_wait_seconds_count",
    "penstock_journal_batch_changes_count",
    "penstock_journal_batch_changes_sum",
    "penstock_workers",
)

console = Console(highlight=False)


class NotAsPromised(Exception):
    """The server did something else than this demonstration shows."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What is worked on: some files as they lie there, and bundles of copies that take time."""

    files: list[Path]
    bundles: list[Path]
    large_bundle: Path


def main() -> int:
    """Run the demonstration; return the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    try:
        with TemporaryDirectory(prefix="penstock-demo-") as temporary:
            show_everything(directory, Path(temporary))
    except KeyboardInterrupt:
        console.print("Interrupted; the server is stopped.")
        return 130
    except (NotAsPromised, PenstockError, LoadtestError, OSError) as error:
        console.print("[bold red]Something is wrong:[/bold red]", end=" ")
        console.print(str(error), markup=False)
        return 1
    console.print(
        "\nEverything is stopped. Next: [bold].venv/bin/penstock serve --app examples.basics[/bold]"
    )
    return 0


def _leave(number: int, frame: object) -> None:
    # As an exception, so that the server is stopped on the way out.
    sys.exit(128 + number)


def show_everything(directory: Path, temporary: Path) -> None:
    """Start the server, show it at work, stop it."""
    desk = lay_out(directory, temporary)
    arguments = ("--http", "127.0.0.1:0", "--workers", str(WORKERS))
    data = temporary / "data"
    with ServerProcess(data, *arguments, "--app", "examples.textstats") as server:
        resp, http = server.announced("resp"), server.announced("http")
        console.print(
            f"[bold]penstock serve[/bold] is ready: RESP on {resp}, HTTP on {http}, SQLite in "
            f"{data}, {WORKERS} worker processes."
        )
        with Client(resp) as client:
            show_overtaking(client, desk)
            show_order_of_replies(client, resp, desk)
        show_metrics(http)
        console.print("\nSIGTERM: the server finishes what runs, syncs and ends.", end=" ")
        code = server.stop()
        console.print(f"Its exit code is {code}.")
        if code != 0:
            raise NotAsPromised(f"the server ended with {code} instead of 0; log: {server.log}")


# --- what is worked on ---------------------------------------------------------------------------


def lay_out(directory: Path, temporary: Path) -> Desk:
    """Choose files and copy them into bundles of one size, so that each takes about as long."""
    if not directory.is_dir():
        raise NotAsPromised(f"{directory} is no directory; name one with files in it")
    files = list(islice(_usable_files(directory), FILES_MAX))
    if not files:
        raise NotAsPromised(
            f"no file of 1 to {BUNDLE_BYTES} bytes below {directory}; name another directory"
        )
    supply = cycle(files)
    bundles = [
        _bundle(temporary / f"bundle-{number:02}", supply, BUNDLE_BYTES)
        for number in range(1, BUNDLES + 1)
    ]
    large = _bundle(temporary / "bundle-XL", supply, LARGE_BUNDLE_BYTES)
    console.print(f"{len(files)} files of {directory}, put into bundles of about 512 KiB.")
    return Desk(files, bundles, large)


def _usable_files(directory: Path) -> Iterator[Path]:
    for path in islice(directory.rglob("*"), FILES_LOOKED_AT_MAX):
        if any(part.startswith(".") for part in path.relative_to(directory).parts):
            continue
        try:
            if path.is_file() and not path.is_symlink() and 0 < path.stat().st_size <= BUNDLE_BYTES:
                path.open("rb").close()
                yield path
        except OSError:
            continue  # Not ours to read.


def _bundle(place: Path, supply: Iterator[Path], size: int) -> Path:
    place.mkdir()
    held = 0
    for number, file in enumerate(supply):
        copy = place / f"{number:05}-{file.name}"
        shutil.copyfile(file, copy)
        held += copy.stat().st_size
        if held >= size:
            break
    return place


# --- urgent jobs overtake ------------------------------------------------------------------------


def show_overtaking(client: Client, desk: Desk) -> None:
    """Submit slow work, then urgent work, and watch which is done first."""
    console.rule("Urgent work overtakes", align="left")
    began = time.monotonic()
    with client.pipeline() as pipeline:
        handles = [pipeline.submit("compressibility", str(bundle)) for bundle in desk.bundles]
    normal = [handle.value.id for handle in handles]
    taken = (time.monotonic() - began) * 1_000
    console.print(
        f"{len(normal)} slow jobs (compress a bundle with LZMA) submitted at priority {NORMAL}, "
        f"each synced to disk before it was acknowledged, all within {taken:.1f} ms."
    )
    _wait_for_the_first(client)
    with client.options(priority=URGENT).pipeline() as pipeline:
        handles = [
            pipeline.submit(task, str(file))
            for file in desk.files[:URGENT_FILES]
            for task in ("statistics", "digest")
        ]
    urgent = [handle.value.id for handle in handles]
    console.print(
        f"When the first was done, {len(urgent)} urgent ones (statistics, digests) followed at "
        f"priority {URGENT}."
    )
    jobs = _watch(client, {"slow": normal, "urgent": urgent})
    if not console.is_terminal:
        console.print()  # Where nothing moves, the bars are written once and without a line end.
    _judge_overtaking([jobs[job_id] for job_id in normal], [jobs[job_id] for job_id in urgent])


def _wait_for_the_first(client: Client) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not client.queue("default").completed:
        if time.monotonic() > deadline:
            raise NotAsPromised(f"no job is finished after {PATIENCE_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)


def _watch(client: Client, groups: dict[str, list[int]]) -> dict[int, JobInfo]:
    """Draw how far each group is until all are done."""
    columns = (TextColumn("{task.description:>7}"), BarColumn(), MofNCompleteColumn())
    progress = Progress(*columns, TextColumn("{task.fields[last]}"))
    bars = {name: progress.add_task(name, total=len(ids), last="") for name, ids in groups.items()}
    deadline = time.monotonic() + PATIENCE_SECONDS
    done: dict[int, JobInfo] = {}
    with Live(progress, console=console, refresh_per_second=10):
        while True:
            for name, ids in groups.items():
                _look(client, [one for one in ids if one not in done], done)
                finished = [done[one] for one in ids if one in done]
                last = max(finished, key=lambda job: job.finished_at or 0, default=None)
                progress.update(
                    bars[name],
                    completed=len(finished),
                    last=f"last: job {last.id}, {last.task}" if last else "",
                )
            if len(done) == sum(map(len, groups.values())):
                return done
            if time.monotonic() > deadline:
                raise NotAsPromised(f"jobs are not finished after {PATIENCE_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)


def _look(client: Client, ids: list[int], done: dict[int, JobInfo]) -> None:
    with client.pipeline() as pipeline:
        shown = [pipeline.show(job_id) for job_id in ids]
    for pending in shown:
        job = pending.value
        if job.state == "dead":
            raise NotAsPromised(f"job {job.id} ({job.task}) is dead: {job.errors[-1].error}")
        if job.state == "completed":
            done[job.id] = job


def _judge_overtaking(normal: list[JobInfo], urgent: list[JobInfo]) -> None:
    last_urgent = max(_finished(job) for job in urgent)
    overtaken = [job for job in normal if _finished(job) > last_urgent]
    order = sorted([*normal, *urgent], key=_finished)
    line = "".join(
        "[bold red]U[/bold red]" if job.priority == URGENT else "[dim]s[/dim]" for job in order
    )
    console.print(f"Order of finishing (U urgent, s slow): {line}")
    if not overtaken:
        raise NotAsPromised("no urgent job overtook any slow one")
    waits = [_finished(job) - job.submitted_at for job in urgent]
    console.print(
        f"[green]The urgent jobs, submitted last, overtook {len(overtaken)} of {len(normal)} slow "
        f"ones[/green]; they took {max(waits)} ms at most, the slow ones up to "
        f"{max(_finished(job) - job.submitted_at for job in normal)} ms."
    )


# --- replies in the order of requests ------------------------------------------------------------


def show_order_of_replies(client: Client, resp: str, desk: Desk) -> None:
    """Send calls of very different length in one write and watch the replies."""
    console.rule("Replies come in the order of requests", align="left")
    first, second, *_ = cycle_to(desk.files, 2)
    calls = [
        ("compressibility", desk.large_bundle),
        ("statistics", first),
        ("digest", first),
        ("compressibility", desk.bundles[0]),
        ("statistics", second),
        ("digest", second),
    ]
    keys = [f"demo-call-{number}" for number in range(1, len(calls) + 1)]
    console.print(f"{len(calls)} calls in one write on one connection, as any Redis client would:")
    arrivals = _call_in_one_write(resp, calls, keys)
    # A key that was used before leads to its job: that is how a client asks again after a crash.
    jobs = [
        client.show(client.options(key=key).submit(task, str(path)).id)
        for key, (task, path) in zip(keys, calls, strict=True)
    ]
    for (reply, _), job in zip(arrivals, jobs, strict=True):
        if reply != job.result:
            raise NotAsPromised(f"the reply to job {job.id} is {reply!r}, not {job.result!r}")
    ranks = {job.id: rank for rank, job in enumerate(sorted(jobs, key=_finished), 1)}
    table = Table(box=SIMPLE_HEAD)
    for heading in ("request", "finished as", "reply after"):
        table.add_column(heading, justify="right")
    table.add_column("call")
    table.add_column("result")
    for number, ((reply, arrived), job, (task, path)) in enumerate(
        zip(arrivals, jobs, calls, strict=True), 1
    ):
        shown = reply.decode(errors="replace") if isinstance(reply, bytes) else repr(reply)
        table.add_row(
            f"{number}",
            f"{ranks[job.id]}",
            f"{arrived:.0f} ms",
            Text(_short(f"{task} {path.name}", CALL_SHOWN_MAX)),
            Text(_short(shown, RESULT_SHOWN_MAX)),
        )
    console.print(table)
    if [ranks[job.id] for job in jobs] == sorted(ranks.values()):
        raise NotAsPromised("all calls finished in order, so that nothing could be shown")
    console.print("[green]They finished out of order and were answered in order.[/green]")


def cycle_to(files: list[Path], count: int) -> list[Path]:
    """Repeat the files until there are enough."""
    return list(islice(cycle(files), count))


def _call_in_one_write(
    resp: str, calls: list[tuple[str, Path]], keys: list[str]
) -> list[tuple[Reply, float]]:
    """Return each reply with the milliseconds after which it came."""
    host, _, port = resp.rpartition(":")
    reader = ReplyReader()
    replies: list[tuple[Reply, float]] = []
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
        requests = [
            encode_command(("JOB.CALL", task, json.dumps([str(path)]), "KEY", key))
            for (task, path), key in zip(calls, keys, strict=True)
        ]
        began = time.monotonic()
        connection.sendall(b"".join(requests))
        while len(replies) < len(calls):
            reply = reader.next()
            if reply is INCOMPLETE:
                data = connection.recv(65_536)
                if not data:
                    raise NotAsPromised("the server closed the connection with calls unanswered")
                reader.feed(data)
            else:
                replies.append((reply, (time.monotonic() - began) * 1000))
    return replies


# --- metrics -------------------------------------------------------------------------------------


def show_metrics(http: str) -> None:
    """Show some lines of what Prometheus would read."""
    console.rule("What the metrics say", align="left")
    with urllib.request.urlopen(f"http://{http}/metrics", timeout=PATIENCE_SECONDS) as answer:
        lines = answer.read().decode().splitlines()
    shown = [line for line in lines if line.startswith(METRICS)]
    if not shown:
        raise NotAsPromised(f"http://{http}/metrics lacks what it should tell")
    for line in shown:
        console.print(f"  {line}", markup=False)


def _finished(job: JobInfo) -> int:
    assert job.finished_at is not None
    return job.finished_at


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


if __name__ == "__main__":
    sys.exit(main())
