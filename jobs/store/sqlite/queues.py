"""Queue names and the small numbers that stand for them in the tables."""

import sqlite3
from collections.abc import Iterable

from penstock.jobs.model import QueueName
from penstock.jobs.store.sqlite.statements import SQL


class QueueNumbers:
    """Know the number of each queue, and number new ones.

    New numbers belong to the transaction they were made in: `keep` or `drop` them with it.
    """

    def __init__(self) -> None:
        self.ids: dict[QueueName, int] = {}
        self.names: dict[int, QueueName] = {}
        self._new: list[QueueName] = []

    def load(self, rows: Iterable[tuple[int, str]]) -> None:
        self.names = {queue_id: QueueName(name) for queue_id, name in rows}
        self.ids = {name: queue_id for queue_id, name in self.names.items()}

    def number(self, connection: sqlite3.Connection, names: Iterable[QueueName]) -> None:
        """Number the queues that have no number yet."""
        for name in names:
            if name not in self.ids:
                queue_id = connection.execute(SQL["insert_queue"], (name,)).lastrowid
                assert queue_id is not None, "an INSERT has a rowid"
                self.ids[name] = queue_id
                self.names[queue_id] = name
                self._new.append(name)

    def keep(self) -> None:
        self._new.clear()

    def drop(self) -> None:
        for name in self._new:
            del self.names[self.ids.pop(name)]
        self._new.clear()
