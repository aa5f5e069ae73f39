"""The statements of queries.sql by name."""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Final

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def parse_statements(text: str) -> Mapping[str, str]:
    """Return the statements of a file by the names that stand before them."""
    statements: dict[str, str] = {}
    for name, statement in _named(text):
        assert name not in statements, f"two statements are named {name}"
        statements[name] = statement
    return statements


def _named(text: str) -> Iterator[tuple[str, str]]:
    _, *parts = _NAME.split(text)
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        lines = (line for line in body.splitlines() if not line.startswith("--"))
        yield name, "\n".join(lines).strip()


SQL: Final = parse_statements(
    files("penstock.jobs.store.sqlite").joinpath("queries.sql").read_text("utf-8")
)
