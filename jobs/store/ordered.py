"""Job ids in an order that can be entered at any position."""

from bisect import bisect_right, insort
from collections.abc import Iterator

# Ids of one chunk; a longer one is split, so that adding moves few of them.
CHUNK_IDS_MAX = 1024


class OrderedIds:
    """Keep ids by (place, id), smallest first."""

    __slots__ = ("_chunks", "_firsts")

    def __init__(self) -> None:
        self._chunks: list[list[tuple[int, int]]] = []
        self._firsts: list[tuple[int, int]] = []  # Of each chunk; no chunk is empty.

    def add(self, place: int, job_id: int) -> None:
        entry = (place, job_id)
        if not self._chunks:
            self._chunks.append([entry])
            self._firsts.append(entry)
            return
        at = self._chunk_of(entry)
        chunk = self._chunks[at]
        insort(chunk, entry)
        if len(chunk) > CHUNK_IDS_MAX:
            # Cut where it grew: ids mostly come at the end, and chunks so stay full.
            half = CHUNK_IDS_MAX if chunk[-1] == entry else CHUNK_IDS_MAX // 2
            self._chunks.insert(at + 1, chunk[half:])
            self._firsts.insert(at + 1, chunk[half])
            del chunk[half:]
        self._firsts[at] = chunk[0]

    def discard(self, place: int, job_id: int) -> None:
        entry = (place, job_id)
        at = self._chunk_of(entry)
        chunk = self._chunks[at]
        found = bisect_right(chunk, entry) - 1
        assert found >= 0, f"job {job_id} is not at {place}"
        assert chunk[found] == entry, f"job {job_id} is not at {place}"
        del chunk[found]
        if chunk:
            self._firsts[at] = chunk[0]
        else:
            del self._chunks[at]
            del self._firsts[at]

    def after(self, position: tuple[int, int] | None) -> Iterator[int]:
        """Iterate over the ids strictly after a position; None is before all."""
        if position is None:
            at, start = 0, 0
        elif self._chunks:
            at = self._chunk_of(position)
            start = bisect_right(self._chunks[at], position)
        else:
            return
        for chunk in self._chunks[at:]:
            for index in range(start, len(chunk)):
                yield chunk[index][1]
            start = 0

    def up_to(self, place: int) -> Iterator[int]:
        """Iterate over the ids whose place is at most *place*."""
        for chunk in self._chunks:
            for found, job_id in chunk:
                if found > place:
                    return
                yield job_id

    def _chunk_of(self, entry: tuple[int, int]) -> int:
        return max(0, bisect_right(self._firsts, entry) - 1)
