"""Whether the disk has room for more jobs: decided from what is free; somebody else looks.

What was accepted needs room to end (a job that is completed is a row written), and so does what
makes room. So new jobs are refused long before the disk is full. They are taken again only once
some more is free, or each job removed would let one in and the next one be refused.
"""

from msgspec import Struct

from penstock.config.limits import DISK_FREE_MARGIN_DIVISOR


class LowSpace(Struct, frozen=True):
    """Less is free than must be, and since then never enough."""

    directory: str
    free_bytes: int
    min_bytes: int

    @property
    def enough_bytes(self) -> int:
        return enough_bytes(self.min_bytes)


def enough_bytes(min_bytes: int) -> int:
    """Return how much must be free before jobs are taken again."""
    return min_bytes + min_bytes // DISK_FREE_MARGIN_DIVISOR


def is_low(was_low: bool, *, free_bytes: int, min_bytes: int) -> bool:
    """Decide; between the mark and enough, what was goes on."""
    assert free_bytes >= 0
    assert min_bytes >= 1
    return free_bytes < (enough_bytes(min_bytes) if was_low else min_bytes)
