"""The data directory: making it, and refusing what a database must not lie on."""

import os
from pathlib import Path
from typing import Final

from penstock.jobs.store.port import StoreUnusable

DATABASE_NAME: Final = "penstock.db"

# The write-ahead log needs memory that is shared between the openers, and locks and syncs that
# mean what they say. Over a network they do not, and nothing says so until jobs are lost.
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "afs", "ceph", "cifs", "coda", "fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs",
        "fuse.sshfs", "glusterfs", "ncpfs", "nfs", "nfs4", "smb3", "smbfs",
    }
)  # fmt: skip
MOUNTS: Final = Path("/proc/self/mountinfo")


def prepare_directory(directory: Path, mounts: Path = MOUNTS) -> None:
    """Make the directory if it is not there. Raises StoreUnusable."""
    try:
        _make(directory)
    except FileExistsError as error:
        raise StoreUnusable(f"{error.filename} is a file; name a directory for the data") from None
    except OSError as error:
        raise StoreUnusable(
            f"the data directory {directory} cannot be made: {error.strerror}"
        ) from error
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise StoreUnusable(
            f"the data directory {directory} cannot be written by this user; change its owner or "
            "name another one"
        )
    kind = file_system_of(directory, mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        raise StoreUnusable(
            f"{directory} lies on a network file system ({kind}), where SQLite cannot keep its "
            "promises; name a directory on a local disk"
        )


def wal_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def _make(directory: Path) -> None:
    if directory.is_dir():
        return
    for parent in reversed(directory.parents):
        if not parent.is_dir():
            parent.mkdir()
            sync_directory(parent.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    sync_directory(directory.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def file_system_of(directory: Path, mounts: Path) -> str | None:
    """Return the kind of file system a directory lies on, where the kernel tells."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    device = directory.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        mount, _, source = line.partition(" - ")
        if mount.split()[2:3] == [number]:
            return source.split()[0]
    return None
