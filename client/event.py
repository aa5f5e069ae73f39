"""An event as those see it who read a stream."""

from typing import Any, TypeAlias

import msgspec

# Names and values as they were published; a name may come more than once.
Pairs: TypeAlias = tuple[tuple[bytes, bytes], ...]


class Event:
    """One event of a stream. `id` is `milliseconds-sequence`; ids of a stream grow.

    `raw` are its fields as they were published: pairs of bytes, in their order. `deliveries` is
    how often it was given to a consumer of the group, this time included.
    """

    __slots__ = ("_fields", "deliveries", "id", "raw", "stream")

    def __init__(self, stream: str, id: str, raw: Pairs, deliveries: int = 1) -> None:
        self.stream = stream
        self.id = id
        self.raw = raw
        self.deliveries = deliveries
        self._fields: dict[str, str] | None = None

    @property
    def fields(self) -> dict[str, str]:
        """The fields as text; of a name that comes more than once, the last."""
        if self._fields is None:
            self._fields = {
                name.decode(errors="replace"): value.decode(errors="replace")
                for name, value in self.raw
            }
        return self._fields

    @property
    def published_at(self) -> int:
        """When it was published, in unix milliseconds, by the server's clock."""
        return int(self.id.partition("-")[0])

    def __getitem__(self, name: str) -> str:
        """Return a field as text; KeyError says that it is not there."""
        return self.fields[name]

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def json(self, name: str) -> Any:
        """Return what was published as JSON: all that was neither text nor bytes.

        Raises:
            KeyError: there is no such field. ValueError: it is not JSON.
        """
        try:
            return msgspec.json.decode(self.fields[name])
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(f"field {name!r} of event {self.id} is not JSON: {error}") from error

    def __repr__(self) -> str:
        return f"<event {self.id} of {self.stream}: {self.fields}>"
