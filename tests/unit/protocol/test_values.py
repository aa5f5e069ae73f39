"""Single arguments, whatever their command."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.protocol.errors import ArgumentError
from penstock.protocol.values import shown
from tests.unit.protocol.readers import READERS


@given(st.binary(max_size=300))
def test_an_argument_is_shown_in_one_short_line(raw: bytes) -> None:
    quoted = shown(raw)

    assert quoted.isprintable()
    assert len(quoted) <= 67


@pytest.mark.parametrize("name", sorted(READERS))
@given(data=st.data())
def test_no_arguments_raise_anything_but_a_refusal(name: str, data: st.DataObject) -> None:
    rest = data.draw(st.lists(st.binary(max_size=12), min_size=3, max_size=12))
    read: Callable[[list[bytes]], object] = READERS[name]

    with suppress(ArgumentError):
        read([name.encode(), *rest])
