"""Durations as people write them: 500ms, 10s, 5m, 1h, or plain milliseconds."""

import re
from typing import Final

_UNITS_MS: Final = {"": 1, "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FORM: Final = re.compile(r"(0|[1-9][0-9]{0,14})(ms|s|m|h|d)?")


def parse_duration_ms(text: str) -> int:
    """Return milliseconds; ValueError says which forms are understood."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(
            "a duration is 500ms, 10s, 5m, 1h, 7d or a plain number of milliseconds, without a sign"
        )
    return int(found[1]) * _UNITS_MS[found[2] or ""]
