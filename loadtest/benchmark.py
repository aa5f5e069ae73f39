"""redis-benchmark and redis-cli: the generator that is the same for both servers, and a look."""

import csv
import io
import shutil
import subprocess
from typing import Final

from msgspec import Struct

from penstock.config.address import Address
from penstock.loadtest.errors import LoadtestError, NotInstalled
from penstock.loadtest.target import Target

_PROGRAMS: Final = ("redis-server", "redis-benchmark", "redis-cli")
_SECONDS_MAX: Final = 300.0
# What `__rand_int__` in an argument is replaced by: twelve digits.
_RANDOM: Final = ("-r", "1000000000")


class Figure(Struct, frozen=True):
    """What redis-benchmark said about one case, once."""

    rate: float
    p50_ms: float
    p99_ms: float


def require_programs() -> None:
    """Raise NotInstalled if a program of redis is missing."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise NotInstalled(
            f"the comparison needs {' and '.join(missing)}; on Debian: "
            "apt-get install redis-server redis-tools"
        )


def run_benchmark(
    target: Target, connections: int, pipeline: int, count: int, command: tuple[str, ...]
) -> Figure:
    """Send the command *count* times.

    Raises:
        LoadtestError: redis-benchmark failed.
    """
    shape = ("-c", str(connections), "-P", str(pipeline), "-n", str(count))
    output = program_output(
        ["redis-benchmark", *_where(target), *shape, *_RANDOM, "--csv", *command]
    )
    rows = list(csv.DictReader(io.StringIO(output[output.index('"test"') :])))
    (row,) = rows
    return Figure(
        rate=float(row["rps"]),
        p50_ms=float(row["p50_latency_ms"]),
        p99_ms=float(row["p99_latency_ms"]),
    )


def require_answer(target: Target, question: tuple[str, ...], answer: str, count: int) -> None:
    """Ask the server for what it holds.

    Raises:
        LoadtestError: the answer lacks what *count* acknowledged writes must have made of it.
    """
    output = program_output(["redis-cli", *_where(target), *question])
    if answer not in output:
        raise LoadtestError(
            f"{count} writes were acknowledged, and {' '.join(question)} answers: {output}"
        )


def program_output(command: list[str]) -> str:
    """Run a program and return what it wrote.

    Raises:
        LoadtestError: it failed, or took too long.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS_MAX, check=True
        )
    except (subprocess.SubprocessError, OSError) as error:
        told = getattr(error, "stderr", "") or ""
        raise LoadtestError(f"{' '.join(command)} failed: {error} {told}") from error
    return done.stdout


def _where(target: Target) -> tuple[str, ...]:
    assert isinstance(target.address, Address)
    return ("-h", target.address.host, "-p", str(target.address.port))
