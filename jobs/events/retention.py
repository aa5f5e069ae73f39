"""What a stream is to keep, and whether it has more than that."""

from penstock.jobs.events.stream import Stream
from penstock.jobs.events.trimming import TrimWish, floor_of
from penstock.jobs.model import Instant


def overdue(stream: Stream, now: Instant) -> TrimWish | None:
    """Return what of a stream is to be trimmed now; None if nothing is, or a group keeps it."""
    first_id = stream.first_id
    if first_id is None:
        return None
    length_max = stream.length_max
    if length_max is not None and stream.length <= length_max:
        length_max = None
    before = None
    if stream.age_ms_max is not None and first_id < (now - stream.age_ms_max, 0):
        before = (now - stream.age_ms_max, 0)
    if length_max is None and before is None:
        return None
    if floor_of(stream.groups.values()) <= first_id:
        return None
    return TrimWish(length_max=length_max, before=before)
