"""A disk of a few megabytes that only one server sees, and that is gone with it."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024
_FILLER: Final = "filler"


@cache
def unsharing() -> tuple[str, ...] | None:
    """Return what begins a command that may mount for itself; None if nobody may here."""
    if shutil.which("unshare") is None:
        return None
    for words in (("unshare", "--mount"), ("unshare", "--map-root-user", "--mount")):
        tried = subprocess.run(
            [*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
        )
        if tried.returncode == 0:
            return words
    return None


def on_small_disk(directory: Path, *, size_mib: int, then: str = "true") -> tuple[str, ...]:
    """Return what begins the command of a server whose *directory* is a disk of its own."""
    words = unsharing()
    assert words is not None
    directory.mkdir()
    script = f'mount -t tmpfs -o size={size_mib}m tmpfs "$0" && {then} && exec "$@"'
    return (*words, "sh", "-c", script, str(directory))


class SmallDisk:
    """That disk, seen through the server's process."""

    def __init__(self, pid: int, directory: Path) -> None:
        self._directory = Path(f"/proc/{pid}/root{directory}")

    def fill(self, *, leaving_mib: int = 0) -> None:
        """Take all the room there is, and give a part of it back."""
        fd = os.open(self._directory / _FILLER, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            for step in (MIB, 4096):
                self._take(fd, step)
            os.ftruncate(fd, os.fstat(fd).st_size - leaving_mib * MIB)
        finally:
            os.close(fd)

    def empty(self) -> None:
        """Give the room back."""
        (self._directory / _FILLER).unlink()

    def _take(self, fd: int, step: int) -> None:
        try:
            while True:
                os.write(fd, bytes(step))
        except OSError:
            return  # It is full, for pieces of that size.
