"""The outbox: submissions that are on this machine's disk before the server has them."""

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, Unpack

from penstock.client.errors import NotAcknowledged, OutboxFull, OutboxUnusable, Refused
from penstock.client.outbox_entry import (
    Entry,
    EntryState,
    NewEntry,
    OutboxStatus,
    read_command,
)
from penstock.client.outbox_fates import Fate, Fates
from penstock.client.outbox_file import OutboxFile, Totals
from penstock.client.outbox_sender import Connect, Sender, Tell
from penstock.client.outbox_settings import OutboxGiven, OutboxSettings
from penstock.config import limits

# Connections of SQLite must not be closed in a process that was forked while they were open.
_ABANDONED: Final[list[object]] = []
_FOREVER: Final = float("inf")
LIST_MAX: Final = limits.OUTBOX_LIST_ENTRIES_DEFAULT


class Outbox:
    """Submissions in a local file: pending, acknowledged with the job's id, or refused.

    Give its path, or an `Outbox` where its settings are to be other than the default, to a client:
    `Client(outbox=Outbox("mail.outbox", when_full="refuse"))`. The client opens it, sends what is
    in it from a thread, and closes it. By itself, in a `with` block, it only tells what is in the
    file. Processes may share a path; one of them sends, and calls back.

    Callbacks get the entry. They are called in the order of the answers, once each, after the
    answer is on disk: by a `Client` in the outbox's thread, by an `AsyncClient` on its loop.
    `on_exit` gets the outbox, still open, when it closes or the program ends.
    """

    def __init__(self, path: str | os.PathLike[str], **settings: Unpack[OutboxGiven]) -> None:
        self.path = Path(path)
        self.settings = OutboxSettings(**settings)
        self._connect: Connect | None = None
        self._tell: Tell = _call
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        """Start from nothing: at first, and in a process that was forked."""
        self._process = os.getpid()
        self._opening = threading.Lock()
        self._fates = Fates()
        self._file: OutboxFile | None = None
        self._sender: Sender | None = None

    # --- opening and closing -------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def attach(self, connect: Connect) -> None:
        """Say how the server is reached; from then on opening begins to send.

        Raises:
            ValueError: it is the outbox of another client.
        """
        if self._connect is not None:
            raise ValueError(
                f"the outbox {self.path} belongs to another client; use that one, or an Outbox "
                "object of its own with the same path"
            )
        self._connect = connect

    def open(self, tell: Tell | None = None) -> None:
        """Open the file, and begin to send if a client is attached. Opening twice is harmless.

        Raises:
            OutboxUnusable: the file cannot be used; it says why, and what to do.
        """
        if tell is not None:
            self._tell = tell
        self._opened()

    def close(self, wait_ms: int | None = None) -> None:
        """Stop sending and close the file; what is pending stays in it.

        Before that, what is pending is waited for: *wait_ms*, or `close_ms` of the settings as
        long as there is no problem in sending. Then `on_exit` is called.
        """
        if self._closed or self._file is None:
            self._closed = True
            return
        self.stop(wait_ms)
        atexit.unregister(self._at_exit)
        try:
            if self.settings.on_exit is not None:
                self.settings.on_exit(self)
        finally:
            self._closed = True
            self._file.close()
            with self._fates.changed:
                self._fates.changed.notify_all()

    def stop(self, wait_ms: int | None = None) -> None:
        """Stop sending, after waiting as `close` does. This is its first half."""
        sender = self._sender
        if sender is None or self._process != os.getpid():
            return
        try:
            if wait_ms is None:
                self._wait_until_sent(self.settings.close_ms, lambda: sender.problem is None)
            else:
                self._wait_until_sent(wait_ms, _always)
        except OutboxUnusable:
            pass  # Whoever wrote was told, and the log; closing is still to be done.
        finally:
            sender.stop()

    def flush(self, wait_ms: int | None = None) -> bool:
        """Wait until all that is pending now has been settled; say whether it has.

        At most *wait_ms*; without it, as long as it takes. Refused counts as settled.
        """
        self._opened()
        sender = self._sender
        if sender is None:
            return self._wait_until_sent(wait_ms, _always)
        return self._wait_until_sent(wait_ms, lambda: sender.is_running)

    # --- asking --------------------------------------------------------------------------------

    def status(self) -> OutboxStatus:
        """Return counts, the age of the oldest pending entry, and what keeps it from being sent."""
        file = self._opened()
        totals = file.totals()
        oldest = file.oldest()
        sender = self._sender
        held = totals.pending + totals.refused
        return OutboxStatus(
            pending=totals.pending,
            pending_bytes=totals.pending_bytes,
            refused=totals.refused,
            refused_bytes=totals.refused_bytes,
            acknowledged=totals.acknowledged,
            oldest_submitted_at=oldest,
            oldest_age_ms=None if oldest is None else max(0, _now_ms() - oldest),
            beyond=max(0, held - self.settings.entries_max),
            problem=None if sender is None else sender.problem,
            sends=sender is not None and sender.sends,
        )

    def pending(self, *, after: int = 0, limit: int = LIST_MAX) -> list[Entry]:
        """Return entries that have no answer yet, oldest first.

        At most *limit*, and those beyond the id *after*: the last one's id leads to the next page.
        """
        return self._opened().listed(EntryState.PENDING, after, limit)

    def acknowledged(self, *, after: int = 0, limit: int = LIST_MAX) -> list[Entry]:
        """Return entries that are jobs, with their ids, as long as they are kept."""
        return self._opened().listed(EntryState.ACKNOWLEDGED, after, limit)

    def refused(self, *, after: int = 0, limit: int = LIST_MAX) -> list[Entry]:
        """Return entries that the server declined, with code and text.

        They stay, and count towards the high-water mark, until they are forgotten or tried again.
        """
        return self._opened().listed(EntryState.REFUSED, after, limit)

    def entry(self, entry_id: int) -> Entry | None:
        """Return one entry, or None if it is not there (any more)."""
        return next(iter(self._opened().known([entry_id])), None)

    def command(self, entry_id: int) -> list[bytes] | None:
        """Return what was submitted: JOB.SUBMIT and its arguments; None once it is a job."""
        command = self._opened().command(entry_id)
        return read_command(command) if command else None

    # --- settling what was refused -------------------------------------------------------------

    def forget(self, *entry_ids: int) -> int:
        """Remove refused or acknowledged entries; pending ones stay. Return how many there were."""
        count = self._opened().forget(entry_ids)
        with self._fates.changed:
            self._fates.changed.notify_all()
        return count

    def retry(self, *entry_ids: int) -> int:
        """Send refused entries once more, in their old place. Return how many there were."""
        count = self._opened().retry(entry_ids)
        self._fates.unsettle(entry_ids)
        self._wake()
        return count

    # --- for the clients and their handles -----------------------------------------------------

    def add(self, new: Sequence[NewEntry]) -> list[Fate]:
        """Write submissions, all or none, in one transaction; they are on disk when this returns.

        Raises:
            OutboxFull: nothing was written, as there is no room. OutboxUnusable: as `open`.
        """
        give_up_at = _FOREVER
        if self.settings.block_ms is not None:
            give_up_at = time.monotonic() + self.settings.block_ms / 1000
        while True:
            file = self._opened()
            with self._fates.changed:
                written = self._write(file, new)
                if not isinstance(written, Totals):
                    break
                self._wait_for_room(written, new, give_up_at)
        self._wake()
        return written

    def look_up(self, fate: Fate) -> None:
        """Ask the file what became of an entry, and be told from now on."""
        if fate.is_known:
            return
        file = self._opened()
        self._fates.watch(fate)
        self._fates.look([fate.id], file.known([fate.id]))

    def wait_for(self, fate: Fate, seconds: float | None) -> None:
        """Wait until it is known what became of an entry."""
        self.look_up(fate)
        if self._is_called_back():
            seconds = 0
        with self._fates.changed:
            self._fates.changed.wait_for(lambda: fate.is_known or self._closed, seconds)

    def job_id_of(self, fate: Fate) -> int:
        """Return the id of an entry's job.

        Raises:
            Refused: the server declined it. NotAcknowledged: nothing is known yet.
        """
        entry = fate.entry
        if entry is not None and entry.job_id is not None:
            return entry.job_id
        if entry is not None and entry.code is not None:
            raise Refused(entry.code, entry.text or "")
        if fate.is_gone:
            raise NotAcknowledged(
                f"entry {fate.id} of the outbox {self.path} was settled and is forgotten; its "
                f"job, if it became one, has the key {fate.key!r}"
            )
        sender = self._sender
        why = sender.problem if sender is not None else None
        raise NotAcknowledged(
            f"the server has not acknowledged entry {fate.id} of the outbox {self.path} yet"
            f"{f' ({why})' if why else ''}; it stays there and is sent"
        )

    # --- inside --------------------------------------------------------------------------------

    def _opened(self) -> OutboxFile:
        """Return the open file; open it if this is the first use, or the first after a fork."""
        if self._closed:
            raise OutboxUnusable(f"the outbox {self.path} is closed; make another client")
        if self._file is not None and self._process == os.getpid():
            return self._file
        with self._opening:
            if self._file is None:
                self._open()
            assert self._file is not None
            return self._file

    def _open(self) -> None:
        file = OutboxFile(self.path)
        try:
            if self._connect is not None:
                self._sender = Sender(file, self._fates, self.settings, self._connect, self._tell)
        except OSError as error:
            file.close()
            raise OutboxUnusable(
                f"the outbox {self.path} cannot be opened: {error.strerror or error}"
            ) from error
        self._file = file
        atexit.register(self._at_exit)
        os.register_at_fork(after_in_child=_forked(weakref.ref(self), self._process))
        if self._sender is not None:
            self._sender.start()

    def _at_exit(self) -> None:
        if self._process == os.getpid():
            self.close()

    def abandon(self) -> None:
        """Start anew in a process that was forked: file, locks and connection are the parent's."""
        if self._file is not None:
            _ABANDONED.append(self._file.abandon())
        if self._sender is not None:
            self._sender.abandon()
        self._begin()

    def _is_called_back(self) -> bool:
        """Say whether this is within a callback: a wait there would hold up what it waits for."""
        return self._sender is not None and self._sender.is_current_thread

    def _wake(self) -> None:
        if self._sender is not None:
            self._sender.wake()

    def _write(self, file: OutboxFile, new: Sequence[NewEntry]) -> list[Fate] | Totals:
        settings = self.settings
        now_ms = _now_ms()
        written = file.add(new, now_ms, settings.entries_max, settings.bytes_max)
        if isinstance(written, Totals) and settings.when_full == "spill":
            self._require_disk(sum(len(entry.command) for entry in new))
            written = file.add(new, now_ms, None, None)
        if isinstance(written, Totals):
            return written
        fates = [Fate(entry_id, e.key) for entry_id, e in zip(written, new, strict=True)]
        for fate in fates:
            self._fates.watch(fate)
        return fates

    def _require_disk(self, size: int) -> None:
        """Spill only as long as others have room as well."""
        disk = os.statvfs(self.path.parent)
        free = disk.f_bavail * disk.f_frsize
        if free - size < limits.OUTBOX_DISK_FREE_MIN:
            raise OutboxFull(
                f"the outbox {self.path} is beyond its high-water mark and its disk has only "
                f"{free >> 20} MiB left, of which {limits.OUTBOX_DISK_FREE_MIN >> 20} are for "
                "others; nothing of this was written; free space, or wait until it was sent"
            )

    def _wait_for_room(self, totals: Totals, new: Sequence[NewEntry], give_up_at: float) -> None:
        """Return when it may be tried again. Raises OutboxFull where waiting is not to be."""
        settings = self.settings
        size = sum(len(entry.command) for entry in new)
        remaining = give_up_at - time.monotonic()
        if len(new) > settings.entries_max or size > settings.bytes_max:
            why = f"{len(new)} submissions of {size} bytes never fit; raise the mark"
        elif settings.when_full == "refuse" or self._is_called_back():
            why = "try again when some were sent"
        elif (
            totals.refused + len(new) > settings.entries_max
            or totals.refused_bytes + size > settings.bytes_max
        ):
            why = "those that the server refused leave no room; look at them and forget() them"
        elif remaining <= 0:
            why = f"none became free within {settings.block_ms} ms"
        else:
            self._fates.changed.wait(min(remaining, limits.OUTBOX_LOOK_SECONDS))
            return
        raise OutboxFull(
            f"the outbox {self.path} is at its high-water mark with {totals.pending} entries "
            f"pending and {totals.refused} refused, of {settings.entries_max} "
            f"({settings.bytes_max} bytes): {why}; nothing of this was written"
        )

    def _wait_until_sent(self, wait_ms: int | None, go_on: Callable[[], bool]) -> bool:
        """Wait until what is pending now is settled; say whether it is."""
        file = self._file
        assert file is not None
        if self._is_called_back():
            wait_ms = 0
        until = _FOREVER if wait_ms is None else time.monotonic() + wait_ms / 1000
        last_id = file.totals().next_id - 1
        with self._fates.changed:
            while file.is_pending_until(last_id):
                remaining = until - time.monotonic()
                if remaining <= 0 or self._closed or not go_on():
                    return False
                self._fates.changed.wait(min(remaining, limits.OUTBOX_LOOK_SECONDS))
        return True


def outbox_of(outbox: "str | os.PathLike[str] | Outbox") -> Outbox:
    """Return the outbox that a client was given by its path, or itself."""
    return outbox if isinstance(outbox, Outbox) else Outbox(outbox)


def _forked(outbox: "weakref.ref[Outbox]", process: int) -> Callable[[], None]:
    """Make what a forked process calls first, for an outbox that was opened in this one."""

    def abandon() -> None:
        found = outbox()
        if found is not None and found._process == process:
            found.abandon()

    return abandon


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _call(callback: Callable[[Entry], object], entry: Entry) -> None:
    callback(entry)


def _always() -> bool:
    return True
