"""One tenant that floods a queue, and nine that submit now and then: how long each waits.

The same work runs twice, in strict order (which is first in, first out here) and in fair order,
with one worker that takes a job at a time. A wait is counted in jobs that began in between, not
in seconds: so the figures do not depend on the machine.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvloop
from msgspec import Struct

from penstock.loadtest.conversation import Command, Conversation
from penstock.loadtest.errors import LoadtestError
from penstock.loadtest.processes import ServerProcess
from penstock.loadtest.target import Target
from penstock.protocol.replies import ErrorReply

FLOOD_JOBS: Final = 2_000
QUIET_TENANTS: Final = 9
_QUIET_EVERY: Final = 20  # Jobs begun between two jobs of a quiet tenant.
_QUIET_JOBS: Final = 20  # Of each.
_QUEUE: Final = "crowded"


class Waits(Struct, frozen=True):
    """How many other jobs began while a job waited."""

    order: str
    flood_median: int
    quiet_median: int
    quiet_most: int


def measure_fairness(parent: Path | None, tell: Callable[[str], None]) -> list[Waits]:
    """Run the work in both orders. Raises LoadtestError."""
    with TemporaryDirectory(prefix="penstock-fairness-", dir=parent) as directory:
        arguments = ("--workers", "0", "--http", "off", "--log-level", "warning")
        found = []
        for order in ("strict", "fair"):
            tell(f"{order} order")
            with ServerProcess(Path(directory, order), *arguments) as server:
                found.append(uvloop.run(_run(server.target, order)))
    return found


def fairness_lines(found: Sequence[Waits]) -> list[str]:
    """Write the waits as a Markdown table."""
    return [
        f"| {FLOOD_JOBS:,} jobs of one tenant at once, {_QUIET_JOBS} of {QUIET_TENANTS} others | "
        "flooding: median wait | quiet: median wait | quiet: longest wait |",
        "|---|---|---|---|",
        *(
            f"| {waits.order} | {waits.flood_median:,} jobs | {waits.quiet_median:,} jobs "
            f"| {waits.quiet_most:,} jobs |"
            for waits in found
        ),
    ]


async def _run(target: Target, order: str) -> Waits:
    begun = 0
    submitted_at: dict[int, tuple[str, int]] = {}  # By job: its tenant, the jobs begun before.
    waits: defaultdict[str, list[int]] = defaultdict(list)
    quiet = [f"quiet-{number}" for number in range(QUIET_TENANTS)]
    total = FLOOD_JOBS + QUIET_TENANTS * _QUIET_JOBS
    async with Conversation(target) as conversation:
        (done,) = await conversation.ask([("QUEUE.SET", _QUEUE, "ORDER", order)])
        if isinstance(done, ErrorReply):
            raise LoadtestError(f"{order} order was refused: {done.code} {done.text}")

        async def submit(tenants: Sequence[str]) -> None:
            commands: list[Command] = [
                ("JOB.SUBMIT", "noop", "", "QUEUE", _QUEUE, "TENANT", tenant) for tenant in tenants
            ]
            for tenant, reply in zip(tenants, await conversation.ask(commands), strict=True):
                if not isinstance(reply, int):
                    raise LoadtestError(f"a submission was refused: {reply!r}")
                submitted_at[reply] = (tenant, begun)

        await submit(["flooding"] * FLOOD_JOBS)
        while begun < total:
            if begun % _QUIET_EVERY == 0 and begun < _QUIET_EVERY * _QUIET_JOBS:
                await submit(quiet)
            (claims,) = await conversation.ask([("JOB.CLAIM", _QUEUE)])
            if not isinstance(claims, list) or len(claims) != 1 or not isinstance(claims[0], list):
                raise LoadtestError(f"a job was asked for and given: {claims!r}")
            job_id, attempt = claims[0][0], claims[0][1]
            assert isinstance(job_id, int)
            assert isinstance(attempt, int)
            tenant, before = submitted_at.pop(job_id)
            waits["flooding" if tenant == "flooding" else "quiet"].append(begun - before)
            begun += 1
            await conversation.ask([("JOB.COMPLETE", job_id, attempt)])
    flood, others = sorted(waits["flooding"]), sorted(waits["quiet"])
    return Waits(order, flood[len(flood) // 2], others[len(others) // 2], others[-1])
