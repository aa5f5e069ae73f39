"""The response queue of one connection: replies leave in the order of their requests.

Each request that cannot be answered at once reserves a slot; slots are filled in any order, and
the queue gives out what is complete from the front.
"""

from collections import deque
from collections.abc import Callable

from msgspec import Struct


class Slot(Struct, eq=False):
    """The place of one reply. It is filled exactly once."""

    _responses: "ResponseQueue"
    reply: bytes | None = None
    # Called when the reply leaves the queue for the peer; it may never do.
    when_taken: Callable[[], None] | None = None

    def fill(self, reply: bytes) -> None:
        assert self.reply is None
        self.reply = reply
        self._responses.filled(self, reply)


class ResponseQueue:
    """Replies and slots in request order.

    `held_bytes` counts what is complete and was not taken: it waits behind a slot that is not, or
    for the next `take`.
    """

    __slots__ = (
        "_held_bytes_max",
        "_is_closed",
        "_out",
        "_slots",
        "_when_ready",
        "has_overflowed",
        "held_bytes",
    )

    def __init__(self, when_ready: Callable[[], None], *, held_bytes_max: int) -> None:
        """Take whom to call when it is worth calling `take`, or more is held than should be."""
        self._slots: deque[Slot | bytes] = deque()
        self._out: list[bytes] = []
        self._when_ready = when_ready
        self._held_bytes_max = held_bytes_max
        self._is_closed = False
        self.has_overflowed = False  # More was held than may be, and is given up.
        self.held_bytes = 0

    def __len__(self) -> int:
        """Return how many requests are not answered, or answered behind one that is not."""
        return len(self._slots)

    def add(self, reply: bytes) -> None:
        """Answer a request at once."""
        self.held_bytes += len(reply)
        if self._slots:
            self._slots.append(reply)
        else:
            self._out.append(reply)

    def push(self, message: bytes) -> None:
        """Send what nobody asked for, before all replies that have not left."""
        if not self._is_closed:
            self.held_bytes += len(message)
            self._out.append(message)
            self._when_ready()

    def reserve(self) -> Slot:
        """Keep the place of a reply that comes later."""
        slot = Slot(self)
        self._slots.append(slot)
        return slot

    def append(self, slot: Slot) -> None:
        """Give the current request a slot that was made before, and is not filled."""
        assert slot.reply is None
        self._slots.append(slot)

    def filled(self, slot: Slot, reply: bytes) -> None:
        if self._is_closed:
            slot.reply = b""  # It has nobody to go to.
            return
        others_bytes = self.held_bytes
        self.held_bytes = held_bytes = others_bytes + len(reply)
        # A single reply may be larger than the limit.
        if held_bytes > self._held_bytes_max and others_bytes:
            self.close()
            self.has_overflowed = True
            self._when_ready()
        elif self._slots[0] is slot:
            self._when_ready()

    def take(self) -> bytes:
        """Take all that is complete from the front, ready to be sent."""
        slots = self._slots
        out = self._out
        while slots:
            head = slots[0]
            if not isinstance(head, Slot):
                out.append(head)
                slots.popleft()
                continue
            if head.reply is None:
                break
            out.append(head.reply)
            slots.popleft()
            if head.when_taken is not None:
                when_taken, head.when_taken = head.when_taken, None  # It may lead back to the slot.
                when_taken()
        if not out:
            return b""
        self._out = []
        data = b"".join(out)
        self.held_bytes -= len(data)
        return data

    def close(self) -> None:
        """Forget everything: nobody reads replies any more. Slots may still be filled."""
        self._is_closed = True
        self._slots.clear()
        self._out.clear()
        self.held_bytes = 0
