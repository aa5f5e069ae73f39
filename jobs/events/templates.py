"""What a trigger makes of an event: the payload of its job, the name of a group or a tenant.

A template is text with places, `${field}`, that are filled from an event:

    ${field}        in a payload a JSON string, null where the event has no such field;
                    in a name the text itself, nothing where it has none
    ${field:json}   in a payload the text as it is, if it is JSON; else the string
    ${@id} ${@stream}   the event's id and its stream, likewise
    ${@fields}      in a payload all its fields, an object
    $${             the two characters ${

Of a field that an event has more than once the last counts. JSON is UTF-8: other bytes come out
as U+FFFD. A payload with places must be JSON once they are filled, which is tried when it is set.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from penstock.config.limits import TEMPLATE_BYTES_MAX, TEMPLATE_PLACES_MAX
from penstock.jobs.errors import Invalid, TooLarge
from penstock.jobs.events.model import Event, EventId, Fields, StreamName

# No name may be that long; a field of a megabyte need not be put together again and again.
NAME_CHARACTERS_MAX: Final = 1_024

Values: TypeAlias = Mapping[bytes, bytes]

_PIECE: Final = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_ID: Final = "@id"
_STREAM: Final = "@stream"
_FIELDS: Final = "@fields"
_LITERAL: Final = "$${"
_JSON: Final = "json"
# What stands in the places when a payload is tried: a string is good wherever JSON takes a value,
# and as a name of an object; within quotes it is not, and whoever put it there is told.
_TRIED: Final = b'""'


class Place(Struct, frozen=True):
    """What is filled in; `as_json` takes the text of a field for JSON."""

    name: str
    as_json: bool = False


class Template(Struct, frozen=True):
    """A template as it was written, and in parts: text, and places between."""

    source: str
    parts: tuple[str | Place, ...]

    @property
    def has_places(self) -> bool:
        return any(isinstance(part, Place) for part in self.parts)

    def text(self, stream: StreamName, event: Event, values: Values) -> str:
        """Fill the places with plain text; not much further than any name may be long."""
        text = ""
        for part in self.parts:
            text += part if isinstance(part, str) else _plain(part, stream, event, values)
            if len(text) > NAME_CHARACTERS_MAX:
                break
        return text


class PayloadTemplate(Struct, frozen=True):
    """The payload of a trigger's jobs: bytes that are always the same, or JSON with places."""

    source: bytes
    template: Template | None = None

    def payload(self, stream: StreamName, event: Event, values: Values, bytes_max: int) -> bytes:
        """Fill the places with JSON. Raises TooLarge, before it has grown much beyond."""
        if self.template is None:
            return self.source
        filled: dict[Place, bytes] = {}
        payload = bytearray()
        for part in self.template.parts:
            if isinstance(part, str):
                payload += part.encode()
            else:
                if part not in filled:
                    filled[part] = _json(part, stream, event, values)
                payload += filled[part]
            if len(payload) > bytes_max:
                raise TooLarge("payload", len(payload), bytes_max)
        return bytes(payload)


def values_of(fields: Fields) -> Values:
    """Return the values of an event by name: of a name that comes twice, the last."""
    return dict(zip(fields[::2], fields[1::2], strict=True))


def format_id(event_id: EventId) -> str:
    """Write an id as clients see it."""
    return f"{event_id[0]}-{event_id[1]}"


# --- compiling -----------------------------------------------------------------------------------


def compile_payload(source: bytes) -> PayloadTemplate:
    """Compile the payload of a trigger's jobs. Raises Invalid.

    What has no places is not looked into, as any payload.
    """
    if b"${" not in source:
        return PayloadTemplate(source)
    text = _utf8(source, "the payload template")
    template = Template(text, tuple(_parts(text, "the payload template")))
    tried = b"".join(part.encode() if isinstance(part, str) else _TRIED for part in template.parts)
    if template.has_places and not _is_json(tried):
        raise Invalid(
            "the payload template is not JSON once its places are filled; each is filled with a "
            'whole value, a string with its quotes: write ${name}, and not "${name}"'
        )
    return PayloadTemplate(source, template)


def compile_text(source: str, what: str, is_good: Callable[[str], bool]) -> Template:
    """Compile what gives plain text, a name of *what*. Raises Invalid."""
    template = Template(source, tuple(_parts(source, what)))
    for part in template.parts:
        if isinstance(part, Place) and (part.as_json or part.name == _FIELDS):
            raise Invalid(f"{what} is plain text: ${{{_written(part)}}} stands for JSON")
    if not template.has_places and not is_good("".join(map(str, template.parts))):
        raise Invalid(f"{what} cannot be {source!r}")
    return template


def _parts(text: str, what: str) -> Iterator[str | Place]:
    if len(text.encode()) > TEMPLATE_BYTES_MAX:
        raise Invalid(f"{what} may have {TEMPLATE_BYTES_MAX} bytes, not {len(text.encode())}")
    end = places_count = 0
    for found in _PIECE.finditer(text):
        if found.start() > end:
            yield text[end : found.start()]
        end = found.end()
        if found[0] == _LITERAL:
            yield "${"
            continue
        if not found[2]:
            raise Invalid(f"{what}: {_cut(found[0])!r} has no end; write $${{ for the characters")
        places_count += 1
        if places_count > TEMPLATE_PLACES_MAX:
            raise Invalid(f"{what} may have {TEMPLATE_PLACES_MAX} places")
        yield _place(found[1], what)
    if end < len(text):
        yield text[end:]


def _place(inside: str, what: str) -> Place:
    name, colon, kind = inside.rpartition(":")
    if not colon:
        name = kind
    elif kind != _JSON:
        raise Invalid(f"{what}: ${{{_cut(inside)}}}: after the colon stands json, or nothing does")
    place = Place(name, bool(colon))
    if not name:
        raise Invalid(f"{what}: ${{{inside}}} names no field")
    if name.startswith("@") and (colon or name not in (_ID, _STREAM, _FIELDS)):
        raise Invalid(
            f"{what}: ${{{_cut(inside)}}} is none of ${{@id}}, ${{@stream}}, ${{@fields}}"
        )
    return place


# --- filling -------------------------------------------------------------------------------------


def _json(place: Place, stream: StreamName, event: Event, values: Values) -> bytes:
    if place.name == _FIELDS:
        return msgspec.json.encode({_text(name): _text(values[name]) for name in values})
    value = None
    if not place.name.startswith("@"):
        value = values.get(place.name.encode())
        if value is None:
            return b"null"
        if place.as_json and _is_json(value):
            return value
    return msgspec.json.encode(_plain(place, stream, event, values))


def _plain(place: Place, stream: StreamName, event: Event, values: Values) -> str:
    if place.name == _ID:
        return format_id(event.id)
    if place.name == _STREAM:
        return stream
    return _text(values.get(place.name.encode(), b""))


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _is_json(text: bytes) -> bool:
    try:
        text.decode()
        msgspec.json.decode(text)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return False
    return True


def _utf8(source: bytes, what: str) -> str:
    try:
        return source.decode()
    except UnicodeDecodeError as problem:
        raise Invalid(f"{what} is not UTF-8 at byte {problem.start}") from None


def _written(place: Place) -> str:
    return f"{place.name}:{_JSON}" if place.as_json else place.name


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"


DEFAULT_PAYLOAD: Final = compile_payload(
    b'[{"stream": ${@stream}, "id": ${@id}, "fields": ${@fields}}]'
)
