"""The machine that figures come from, and how long its disk takes to be sure."""

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile
from typing import Final

from msgspec import Struct

_SYNCS: Final = 500
_SYNC_BYTES: Final = 4096


class Machine(Struct, frozen=True):
    """What a reader needs to know to compare figures."""

    processor: str
    processors: int
    memory_gib: float
    system: str
    python: str
    penstock: str
    # Of the minute before the measurement: what else kept the machine busy.
    load_average: float


def describe_machine() -> Machine:
    """Read what the system says about itself."""
    try:
        ours = version("penstock")
    except PackageNotFoundError:
        ours = "from the source tree"
    return Machine(
        processor=_processor(),
        processors=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        penstock=ours,
        load_average=round(os.getloadavg()[0], 2),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def fdatasync_us(directory: Path, syncs: int = _SYNCS) -> float:
    """Append 4 KiB and fdatasync, *syncs* times; return the median in microseconds."""
    block = os.urandom(_SYNC_BYTES)
    taken: list[int] = []
    with NamedTemporaryFile(dir=directory, prefix="fdatasync-") as file:
        descriptor = file.fileno()
        for _ in range(syncs):
            began = time.perf_counter_ns()
            os.write(descriptor, block)
            os.fdatasync(descriptor)
            taken.append(time.perf_counter_ns() - began)
    return median(taken) / 1_000
