"""Places in a stream, as users say them."""

from datetime import UTC, datetime

import pytest

from penstock.client.position import Position, order_of, start_of

NO_ZONE = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("position", "start"),
    [
        ("cursor", "$"),
        ("now", "$"),
        ("start", "0-0"),
        ("1700000000000-3", "1700000000000-3"),
        ("1700000000000", "1700000000000"),
        (0, "0-0"),
        (1, f"0-{2**63 - 1}"),
        (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), f"999-{2**63 - 1}"),
    ],
)
def test_a_place_is_an_id_behind_which_to_begin(position: Position, start: str) -> None:
    assert start_of(position) == start


@pytest.mark.parametrize(
    "position", ["", "then", "1-", "-1", "1-2-3", "$", "9" * 20, -1, True, NO_ZONE]
)
def test_what_is_no_place_is_refused(position: Position) -> None:
    with pytest.raises(ValueError, match=r"no place in a stream|no time zone"):
        start_of(position)


def test_ids_are_in_the_order_of_their_numbers() -> None:
    assert sorted(["10-0", "9-10", "9-9", "9"], key=order_of) == ["9", "9-9", "9-10", "10-0"]
