"""Sizes, as people write them."""

import pytest

from penstock.config.sizes import parse_size

SIZES = [
    ("0", 0),
    ("17", 17),
    ("512KiB", 512 * 1024),
    ("256MiB", 256 * 1024**2),
    ("10GiB", 10 * 1024**3),
    ("2TiB", 2 * 1024**4),
]


@pytest.mark.parametrize(("text", "size"), SIZES)
def test_a_size_is_a_number_of_bytes_or_has_a_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "+1", "1 MiB", "1MB", "1mib", "0x10", "01", "1.5GiB"])
def test_anything_else_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="a size is 512KiB, 256MiB"):
        parse_size(text)
