"""Killing a worker process with everything that its tasks started.

A process group is not enough: a daemon makes a session of its own. So each worker has a unique
value in its environment, which all its descendants inherit, and descent is followed as well, for
those that were given another environment. What escapes both has changed its environment and lost
its parent before it was looked for.
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

from msgspec import Struct

COOKIE_VARIABLE: Final = "PENSTOCK_WORKER"
# Rounds of looking and killing; only a fork bomb needs more than two.
_ROUNDS_MAX: Final = 50
_PROC: Final = Path("/proc")
_DEAD_STATES: Final = ("Z", "X")


class ProcessStatus(Struct, frozen=True):
    """What /proc/<pid>/stat says about a process."""

    pid: int
    state: str
    parent: int
    session: int


def parse_status(text: str) -> ProcessStatus:
    """Read the text of /proc/<pid>/stat. The name in it may hold blanks and parentheses."""
    before, _, after = text.rpartition(")")
    state, parent, _group, session, *_ = after.split()
    return ProcessStatus(int(before.split(" ", 1)[0]), state, int(parent), int(session))


def signal_group(pid: int, signal_number: signal.Signals) -> None:
    """Send a signal to a process that leads a group, and to its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal_number)


def kill_tree(root: int, cookie: str) -> None:
    """Kill all that descends from *root* or carries *cookie*, and *root*.

    Reads /proc and may take milliseconds: call it in a thread. *root* must not have been reaped,
    so that its number cannot be another process. Afterwards none of them runs.
    """
    killed: set[int] = set()
    for _ in range(_ROUNDS_MAX):
        living = {pid for pid in _members(root, cookie, killed) if _kill(pid)}
        if not living:
            break
        killed |= living


def _members(root: int, cookie: str, known: set[int]) -> list[int]:
    """Find the living members; *known* are ancestors too, even when they are gone."""
    statuses = [status for status in map(_status, _pids()) if status is not None]
    members = {root} | known
    while True:
        found = {
            status.pid
            for status in statuses
            if status.pid not in members and (status.parent in members or status.session == root)
        }
        if not found:
            break
        members |= found
    mark = f"{COOKIE_VARIABLE}={cookie}".encode()
    return [
        status.pid
        for status in statuses
        if status.state not in _DEAD_STATES
        and (status.pid in members or mark in _environment(status.pid))
    ]


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(_PROC) if name.isdigit() and int(name) != os.getpid()]


def _status(pid: int) -> ProcessStatus | None:
    try:
        return parse_status((_PROC / str(pid) / "stat").read_text(errors="replace"))
    except (OSError, ValueError):  # It is gone.
        return None


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # It is gone, or another user's.
        return []


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True
