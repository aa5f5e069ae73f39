"""Sizes as people write them: 512KiB, 256MiB, 10GiB, or plain bytes."""

import re
from typing import Final

_UNITS_BYTES: Final = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_FORM: Final = re.compile(r"(0|[1-9][0-9]{0,14})(KiB|MiB|GiB|TiB)?")


def parse_size(text: str) -> int:
    """Return bytes; ValueError says which forms are understood."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(
            "a size is 512KiB, 256MiB, 10GiB, 2TiB or a plain number of bytes, without a sign"
        )
    return int(found[1]) * _UNITS_BYTES[found[2] or ""]
