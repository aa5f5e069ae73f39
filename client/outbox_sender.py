"""The thread behind an outbox: it sends what is pending, in order, when the server can be reached.

Of several processes that share the file one sends, the holder of a lock; when that one is gone
another takes over. Its connection is its own: a call of the client may take an hour.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from penstock.client.blocking_connection import BlockingConnection, Slot
from penstock.client.errors import OutboxFull, OutboxUnusable, PenstockError
from penstock.client.outbox_entry import Entry, Outgoing
from penstock.client.outbox_fates import Fates
from penstock.client.outbox_file import OutboxFile
from penstock.client.outbox_lock import FileLock
from penstock.client.outbox_pace import Later, Pace, Verdict, judge
from penstock.client.outbox_settings import OutboxSettings
from penstock.client.requests import Lost, Request, read_id
from penstock.config import limits

Tell = Callable[[Callable[[Entry], object], Entry], None]
Connect = Callable[[], BlockingConnection]

_LOG: Final = logging.getLogger("penstock.client.outbox")
_REMOVAL_SECONDS: Final = 1.0


class Sender:
    """Sends until it is stopped. *tell* calls a callback, where callbacks are to be called."""

    def __init__(
        self,
        file: OutboxFile,
        fates: Fates,
        settings: OutboxSettings,
        connect: Connect,
        tell: Tell,
    ) -> None:
        self._file = file
        self._fates = fates
        self._settings = settings
        self._connect = connect
        self._tell = tell
        self._lock = FileLock(_lock_path(file.path))
        self._holds_lock = False
        self._connection: BlockingConnection | None = None
        self._pace = Pace()
        self._failure: str | None = None
        self._wanted = threading.Event()
        self._stopping = False
        self._seen_version = -1
        self._remove_at = 0.0
        self._thread = threading.Thread(target=self._run, name="penstock outbox", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to send."""
        self._wanted.set()

    def stop(self) -> None:
        """End: what is on its way and has no answer yet stays pending."""
        self._stopping = True
        self._wanted.set()
        if self._connection is not None:
            self._connection.abort()
        if not self.is_current_thread:
            self._thread.join(limits.CLIENT_CLOSE_SECONDS)

    def abandon(self) -> None:
        """Let go of everything in a process that was forked: the parent goes on with it."""
        self._lock.release()
        if self._connection is not None:
            self._connection.close()

    @property
    def is_current_thread(self) -> bool:
        """Whether this is called by a callback."""
        return threading.current_thread() is self._thread

    @property
    def is_running(self) -> bool:
        """Whether it will send, when it can."""
        return self._thread.is_alive()

    @property
    def sends(self) -> bool:
        """Whether this process is the one that sends."""
        return self._holds_lock

    @property
    def problem(self) -> str | None:
        """Why something is not being sent just now."""
        return self._failure or self._pace.problem

    # --- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._wanted.wait(self._turn())
                self._wanted.clear()
        except OutboxUnusable as error:
            if not self._stopping:
                self._failure = str(error)
                _LOG.error("the outbox sends no more: %s", error)
        except Exception as error:
            # A mistake of ours; whoever asks for the status reads of it. Nothing is lost.
            self._failure = f"{type(error).__name__}: {error}"
            _LOG.exception("the outbox sends no more")
        finally:
            self._disconnect()
            self._lock.release()
            self._holds_lock = False

    def _turn(self) -> float:
        """Do what can be done now; return the seconds until there may be more to do."""
        if not self._holds_lock:
            self._holds_lock = self._lock.take()
        if not self._holds_lock:
            self._look()
            return limits.OUTBOX_LOOK_SECONDS
        now = time.monotonic()
        pause = self._pace.paused_until() - now
        if pause > 0:
            # Whoever waits for room may have got it by another process's forgetting.
            self._look()
            return min(pause, limits.OUTBOX_LOOK_SECONDS)
        chosen = self._pace.choose(self._file.candidates(self._pace.paused_queues(now)))
        if chosen:
            self._send(self._file.outgoing(chosen))
            return 0.0
        self._remove_old(now)
        return self._rest(now)

    def _rest(self, now: float) -> float:
        """Wait for something to send; what other processes write is seen by the file's version."""
        queue_at = self._pace.next_queue_at(now)
        until = float("inf") if queue_at is None else queue_at
        while not (self._stopping or self._wanted.is_set() or self._look()):
            now = time.monotonic()
            if now >= min(until, self._remove_at):
                break
            self._wanted.wait(min(limits.OUTBOX_LOOK_SECONDS, until - now))
        return 0.0

    def _look(self) -> bool:
        """Take in what was written to the file; say whether anything was."""
        version = self._file.version()
        if version == self._seen_version:
            return False
        self._seen_version = version
        asked = self._fates.unknown_ids()
        self._fates.look(asked, self._file.known(asked) if asked else ())
        return True

    # --- sending -------------------------------------------------------------------------------

    def _send(self, outgoing: Sequence[Outgoing]) -> None:
        """Send one window and write down what became of it."""
        now_ms = time.time_ns() // 1_000_000
        requests = [
            Request(entry.encoded(now_ms), read_id, Lost.SEND_AGAIN, key=entry.key)
            for entry in outgoing
        ]
        began = time.monotonic()
        try:
            if self._connection is None:
                self._connection = self._connect()
            slots = self._connection.perform_all(requests)
        except PenstockError as error:
            self._disconnect()
            self._pace.lost(str(error), time.monotonic())
            return
        if any(slot.error is not None for slot in slots):
            self._disconnect()
        now = time.monotonic()
        verdicts = _verdicts(slots, is_silent=now - began >= limits.CLIENT_ANSWER_SECONDS)
        if self._settle(outgoing, verdicts):
            queues = (entry.queue for entry in outgoing)
            self._pace.settle(zip(queues, verdicts, strict=True), now)
            self._remove_old(now)

    def _settle(self, outgoing: Sequence[Outgoing], verdicts: Sequence[Verdict]) -> bool:
        """Write down what is decided, then tell of it; say whether it could be written."""
        decided = [
            (entry.id, verdict)
            for entry, verdict in zip(outgoing, verdicts, strict=True)
            if not isinstance(verdict, Later)
        ]
        if not decided:
            return True
        try:
            self._file.settle(decided, time.time_ns() // 1_000_000)
        except OutboxFull as error:
            # They are sent again, under the same keys, and written down when there is room.
            self._pace.lost(str(error), time.monotonic())
            return False
        settled = self._file.known([entry_id for entry_id, _ in decided])
        self._fates.settle(settled)
        for entry in settled:
            self._tell_of(entry)
        return True

    def _tell_of(self, entry: Entry) -> None:
        settings = self._settings
        is_refused = entry.code is not None
        callback = settings.on_refused if is_refused else settings.on_acknowledged
        if callback is None:
            return
        try:
            self._tell(callback, entry)
        except Exception:
            # The application's own mistake must not keep the others from being sent.
            _LOG.exception("a callback of the outbox failed at entry %d", entry.id)

    def _remove_old(self, now: float) -> None:
        if now < self._remove_at:
            return
        self._remove_at = now + _REMOVAL_SECONDS
        settings = self._settings
        settled_before = time.time_ns() // 1_000_000 - settings.acknowledged_keep_ms
        try:
            while self._file.forget_old(settled_before, settings.acknowledged_max):
                if self._stopping:
                    break
        except OutboxFull:
            # Removing needs room as well. It is tried again; sending is not held up by it.
            _LOG.debug("no room to remove acknowledged entries", exc_info=True)

    def _disconnect(self) -> None:
        """Leave the connection; the next attempt is a new one, at the pace of this sender."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _verdicts(slots: Sequence[Slot], *, is_silent: bool) -> list[Verdict]:
    """Judge the replies of a window.

    A server that was silent for too long may hold back the reply of a queue that is full: of the
    first that has none only the queue is held back, so that the others get by.
    """
    verdicts = [judge(slot.reply, slot.error) for slot in slots]
    for at, (slot, verdict) in enumerate(zip(slots, verdicts, strict=True)):
        if is_silent and slot.error is not None and isinstance(verdict, Later):
            verdicts[at] = Later(verdict.why, of_queue=True)
            break
    return verdicts


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name}-send")
