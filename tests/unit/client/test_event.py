"""What an event tells of itself."""

import pytest

from penstock.client import Event

EVENT = Event(
    "orders",
    "1700000000000-3",
    ((b"type", b"order.paid"), (b"cents", b"950"), (b"tags", b'["a"]'), (b"raw", b"\xff")),
)


def test_its_fields_are_text_and_what_is_no_text_is_shown_as_far_as_it_goes() -> None:
    assert EVENT.fields == {
        "type": "order.paid",
        "cents": "950",
        "tags": '["a"]',
        "raw": "\N{REPLACEMENT CHARACTER}",
    }
    assert EVENT["type"] == "order.paid"
    assert "type" in EVENT
    assert "kind" not in EVENT


def test_of_a_name_that_comes_twice_the_last_counts() -> None:
    assert Event("s", "1-0", ((b"a", b"1"), (b"a", b"2")))["a"] == "2"


def test_what_was_published_as_json_comes_back() -> None:
    assert EVENT.json("cents") == 950
    assert EVENT.json("tags") == ["a"]


def test_what_is_no_json_says_so() -> None:
    with pytest.raises(ValueError, match=r"field 'type' of event 1700000000000-3 is not JSON"):
        EVENT.json("type")


def test_a_field_that_is_not_there_is_a_missing_key() -> None:
    with pytest.raises(KeyError):
        EVENT["kind"]
    with pytest.raises(KeyError):
        EVENT.json("kind")


def test_its_id_says_when_it_was_published() -> None:
    assert EVENT.published_at == 1_700_000_000_000


def test_it_shows_what_it_is() -> None:
    assert repr(Event("s", "1-0", ((b"a", b"1"),))) == "<event 1-0 of s: {'a': '1'}>"
