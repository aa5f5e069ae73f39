"""What a stream is trimmed to, by whom, and how far that may go."""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from msgspec import Struct

from penstock.jobs.events.group import Group
from penstock.jobs.events.ids import successor
from penstock.jobs.events.model import ID_MAX, ID_MIN, EventId

# Told how many events were removed, once all of a trim is done.
TrimTold: TypeAlias = Callable[[int], None]

# What an approximate trim removes if it does not say; Redis' figure: a hundred nodes of a hundred.
APPROXIMATE_EVENTS_MAX: Final = 10_000


class TrimWish(Struct, frozen=True):
    """Trim a stream to a length, or to what is not before an id.

    An approximate one may leave more, and removes at most *limit* events; 0 is no limit.
    """

    length_max: int | None = None
    before: EventId | None = None
    is_approximate: bool = False
    limit: int | None = None

    @property
    def events_max(self) -> int | None:
        """The most that is to be removed; None for no limit."""
        if not self.is_approximate or self.limit == 0:
            return None
        return APPROXIMATE_EVENTS_MAX if self.limit is None else self.limit


class Trim(Struct, frozen=True, gc=False):
    """What is to be removed from a stream, of all wishes together; done in several commits.

    `gone_count` is how many events are to have gone, of all the stream was ever given: so what is
    appended meanwhile changes nothing. `told` has who asked, and what was removed before.
    """

    gone_count: int = 0
    before: EventId = ID_MIN
    events_max: int | None = 0
    removed_count: int = 0
    told: tuple[tuple[TrimTold, int], ...] = ()

    def joined(self, wish: TrimWish, added_count: int, last_id: EventId) -> "Trim":
        """Return this and one more wish, which comes when so many events have been added.

        What is added after *last_id* is none of its business, though it were before its id.
        """
        gone_count = 0 if wish.length_max is None else added_count - wish.length_max
        before = ID_MIN if wish.before is None else min(wish.before, successor(last_id))
        events_max = wish.events_max
        if events_max is not None and self.events_max is not None:
            events_max += self.events_max
        else:
            events_max = None
        return Trim(
            max(self.gone_count, gone_count),
            max(self.before, before),
            events_max,
            self.removed_count,
            self.told,
        )

    def telling(self, told: TrimTold) -> "Trim":
        """Return this with one more who is to be told."""
        return Trim(
            self.gone_count,
            self.before,
            self.events_max,
            self.removed_count,
            (*self.told, (told, self.removed_count)),
        )

    def after_removal(self, count: int) -> "Trim":
        """Return what is left to do."""
        return Trim(
            self.gone_count,
            self.before,
            None if self.events_max is None else self.events_max - count,
            self.removed_count + count,
            self.told,
        )

    def tell(self) -> None:
        """Tell all who asked that it is done."""
        for told, before_count in self.told:
            told(self.removed_count - before_count)


def floor_of(groups: Iterable[Group]) -> EventId:
    """Return the first event of a stream that some group needs, and no trim may remove."""
    return min((group.needs_from for group in groups if not group.is_lossy), default=ID_MAX)
