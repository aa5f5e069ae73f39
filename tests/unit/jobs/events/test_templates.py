"""Templates: what is refused when they are set, and what becomes of an event."""

import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.config.limits import TEMPLATE_BYTES_MAX, TEMPLATE_PLACES_MAX
from penstock.jobs.errors import Invalid, TooLarge
from penstock.jobs.events.model import Event, StreamName
from penstock.jobs.events.templates import (
    DEFAULT_PAYLOAD,
    NAME_CHARACTERS_MAX,
    compile_payload,
    compile_text,
    values_of,
)
from penstock.jobs.job_options import is_tenant

STREAM: Final = StreamName("orders")


def an_event(*fields: bytes) -> Event:
    return Event((1700, 3), 1, fields)


def payload(template: bytes, *fields: bytes, bytes_max: int = 1_000) -> bytes:
    event = an_event(*fields)
    return compile_payload(template).payload(STREAM, event, values_of(event.fields), bytes_max)


def name(template: str, *fields: bytes) -> str:
    event = an_event(*fields)
    compiled = compile_text(template, "TENANT", is_tenant)
    return compiled.text(STREAM, event, values_of(event.fields))


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        (b"[${who}]", b'["B\\"ob"]'),
        (b"[${missing}]", b"[null]"),
        (b"[${total}]", b'["12"]'),
        (b"[${total:json}]", b"[12]"),
        (b"[${missing:json}]", b"[null]"),
        (b"[${who:json}]", b'["B\\"ob"]'),
        (b"[${items:json}, ${a:b:json}]", b'[{"n": [1]}, "yes"]'),
        (b"[${@id}, ${@stream}]", b'["1700-3","orders"]'.replace(b",", b", ")),
        (b'{${who}: ${total}, "$${who}": 1}', b'{"B\\"ob": "12", "${who}": 1}'),
        (b"[${who},${who}]", b'["B\\"ob","B\\"ob"]'),
    ],
)
def test_places_of_a_payload_are_filled_with_json(template: bytes, filled: bytes) -> None:
    fields = (b"who", b'B"ob', b"total", b"12", b"items", b'{"n": [1]}', b"a:b", b"yes")

    assert payload(template, *fields) == filled
    assert json.loads(filled) is not None


def test_all_fields_are_an_object() -> None:
    assert json.loads(payload(b"${@fields}", b"a", b"1", b"b", b"x")) == {"a": "1", "b": "x"}


def test_of_a_field_that_comes_twice_the_last_counts() -> None:
    assert payload(b"[${a}, ${@fields}]", b"a", b"1", b"a", b"2") == b'["2", {"a":"2"}]'


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    filled = payload(b"[${a}, ${a:json}, ${@fields}]", b"a", b"\xff1", b"\xfe", b"")

    assert json.loads(filled) == ["\ufffd1", "\ufffd1", {"a": "\ufffd1", "\ufffd": ""}]


def test_json_that_is_nested_too_deeply_is_taken_for_text() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000

    filled = payload(b"[${a:json}]", b"a", deep, bytes_max=1_000_000)

    assert json.loads(filled) == [deep.decode()]


def test_a_payload_without_places_is_not_looked_into() -> None:
    assert payload(b"\xff{ $ }", b"a", b"1") == b"\xff{ $ }"


def test_an_escaped_place_alone_is_text() -> None:
    assert payload(b"not json: $${a} $ $$x") == b"not json: ${a} $ $$x"


def test_without_a_template_the_payload_is_one_argument() -> None:
    event = an_event(b"a", b"1")

    filled = DEFAULT_PAYLOAD.payload(STREAM, event, values_of(event.fields), 1_000)

    assert json.loads(filled) == [{"stream": "orders", "id": "1700-3", "fields": {"a": "1"}}]


def test_a_payload_stops_growing_at_its_limit() -> None:
    with pytest.raises(TooLarge, match="payload"):
        payload(b"[" + b",".join([b"${a}"] * 200) + b"]", b"a", b"x" * 600)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (b"[${who]", "has no end"),
        (b"[${}]", "names no field"),
        (b"[${:json}]", "names no field"),
        (b"[${who:jsn}]", "after the colon stands json"),
        (b"[${@fields:json}]", "is none of"),
        (b"[${@time}]", "is none of"),
        (b'["${who}"]', "write \\${name}"),
        (b"hello ${who}", "is not JSON once its places are filled"),
        (b"[\xff${who}]", "is not UTF-8 at byte 1"),
        (b"[" + b",".join([b"${a}"] * (TEMPLATE_PLACES_MAX + 1)) + b"]", "256 places"),
        (b'["' + b"a" * TEMPLATE_BYTES_MAX + b'", ${a}]', "bytes"),
    ],
)
def test_a_malformed_payload_is_refused(template: bytes, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        compile_payload(template)


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("acme", "acme"),
        ("${who}", "bob"),
        ("t-${who}-${@id}", "t-bob-1700-3"),
        ("${@stream}/${missing}", "orders/"),
        ("$${x}${who}", "${x}bob"),
    ],
)
def test_places_of_a_name_are_filled_with_text(template: str, filled: str) -> None:
    assert name(template, b"who", b"bob") == filled


def test_a_name_stops_growing_when_it_is_none() -> None:
    filled = name("${a}" * 200, b"a", b"x" * 100_000)

    assert NAME_CHARACTERS_MAX < len(filled) <= 100_000


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("no spaces", "TENANT cannot be 'no spaces'"),
        ("", "TENANT cannot be ''"),
        ("${who:json}", "plain text"),
        ("${@fields}", "plain text"),
        ("${who", "has no end"),
    ],
)
def test_a_malformed_name_is_refused(template: str, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        compile_text(template, "TENANT", is_tenant)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_whatever_an_event_holds_its_payload_is_json(field: bytes, value: bytes) -> None:
    filled = payload(b'{"a": ${a}, "j": ${a:json}, "f": ${@fields}}', b"a", value, field, value)

    read = json.loads(filled)
    assert read["f"][field.decode(errors="replace")] == value.decode(errors="replace")


@given(st.text("${}$ab:@", max_size=12))
def test_a_template_is_refused_or_can_be_filled(template: str) -> None:
    try:
        compiled = compile_text(template, "TENANT", lambda _: True)
    except Invalid:
        return
    event = an_event(b"a", b"1")

    compiled.text(STREAM, event, values_of(event.fields))
