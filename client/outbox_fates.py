"""What became of submissions, for those of this process who hold a handle on one."""

import threading
import weakref
from collections.abc import Callable, Iterable, Sequence

from penstock.client.outbox_entry import Entry, EntryState


class Fate:
    """What is known of one entry. `entry` is None until it is settled."""

    __slots__ = ("__weakref__", "entry", "id", "is_gone", "key", "listeners")

    def __init__(self, entry_id: int, key: str) -> None:
        self.id = entry_id
        self.key = key
        self.entry: Entry | None = None
        # It was settled and forgotten before anybody here saw how.
        self.is_gone = False
        self.listeners: list[Callable[[], None]] = []

    @property
    def is_known(self) -> bool:
        """Whether there is nothing to wait for."""
        return self.entry is not None or self.is_gone


class Fates:
    """All fates that somebody still holds, and the condition that is notified of changes."""

    def __init__(self) -> None:
        # Held while entries are written, so that none is settled before its fate is watched.
        self.changed = threading.Condition()
        self._watched: weakref.WeakValueDictionary[int, Fate] = weakref.WeakValueDictionary()

    def watch(self, fate: Fate) -> None:
        """Tell this fate when its entry is settled."""
        with self.changed:
            self._watched[fate.id] = fate

    def unknown_ids(self) -> list[int]:
        """Return the entries that somebody waits to hear of."""
        with self.changed:
            return sorted(fate.id for fate in self._watched.values() if not fate.is_known)

    def settle(self, entries: Iterable[Entry]) -> None:
        """Tell of entries what became of them; pending ones are passed over."""
        told: list[Fate] = []
        with self.changed:
            for entry in entries:
                fate = self._watched.get(entry.id)
                if fate is None or entry.state is EntryState.PENDING:
                    continue
                fate.entry = entry
                told.append(fate)
            self.changed.notify_all()
        _tell(told)

    def look(self, asked: Sequence[int], found: Sequence[Entry]) -> None:
        """Take in what a question about entries brought; what was not found is gone."""
        self.settle(found)
        present = {entry.id for entry in found}
        gone: list[Fate] = []
        with self.changed:
            for entry_id in asked:
                fate = self._watched.get(entry_id)
                if fate is not None and entry_id not in present:
                    fate.is_gone = True
                    gone.append(fate)
            self.changed.notify_all()
        _tell(gone)

    def unsettle(self, entry_ids: Iterable[int]) -> None:
        """Take back what was told of entries that are to be sent once more."""
        with self.changed:
            for entry_id in entry_ids:
                fate = self._watched.get(entry_id)
                if fate is not None:
                    fate.entry = None


def _tell(fates: Iterable[Fate]) -> None:
    for fate in fates:
        for listener in list(fate.listeners):
            listener()
