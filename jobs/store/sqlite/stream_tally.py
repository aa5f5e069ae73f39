"""What a transaction adds to streams and takes from them, and writing their records by it."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from penstock.jobs.events.model import ID_MIN, EventId, StreamNumber, StreamRecord
from penstock.jobs.store.sqlite.event_rows import stream_row
from penstock.jobs.store.sqlite.many_rows import ManyRows
from penstock.jobs.store.sqlite.statements import EVENT_SQL

_PUT_STREAMS: Final = ManyRows(EVENT_SQL["put_streams"])
# What a row takes beside its fields, and what any other is taken to take in all.
_ROW_BYTES: Final = 24
_TOUCHED_ROW_BYTES: Final = 128


class StreamTally(Struct):
    """Count by stream; `written_bytes` is about what the log of the database grows by."""

    growth: Counter[StreamNumber] = field(default_factory=Counter)
    shortened: set[StreamNumber] = field(default_factory=set)
    deleted: dict[StreamNumber, EventId] = field(default_factory=dict)  # The greatest ids.
    written_bytes: int = 0

    def added(self, counts: Counter[StreamNumber], bytes_count: int) -> None:
        self.growth.update(counts)
        self.written_bytes += counts.total() * _ROW_BYTES + bytes_count

    def removed(self, number: StreamNumber, count: int) -> None:
        self.growth[number] -= count
        self.shortened.add(number)
        self.touched(count)

    def deleted_until(self, number: StreamNumber, event_id: EventId) -> None:
        self.deleted[number] = max(event_id, self.deleted.get(number, ID_MIN))

    def touched(self, rows_count: int) -> None:
        self.written_bytes += rows_count * _TOUCHED_ROW_BYTES

    def put(self, connection: sqlite3.Connection, records: Iterable[StreamRecord]) -> None:
        """Write records, with the lengths and the deleted ids that came of the transaction."""
        rows = [
            stream_row(self._as_deleted(record), self.growth.pop(record.number, 0))
            for record in records
        ]
        _PUT_STREAMS.execute(connection, rows)
        for number, growth in self.growth.items():
            last_id = self.deleted.get(number, ID_MIN)
            connection.execute(EVENT_SQL["shorten_stream"], (number, -growth, *last_id))

    def _as_deleted(self, record: StreamRecord) -> StreamRecord:
        last_id = self.deleted.get(record.number, ID_MIN)
        if last_id <= record.max_deleted_id:
            return record
        return replace(record, max_deleted_id=last_id)
