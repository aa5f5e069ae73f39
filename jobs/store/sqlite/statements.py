"""The statements of queries.sql and event_queries.sql by name."""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Final

_NAME: Final = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)


def parse_statements(text: str) -> Mapping[str, str]:
    """Return the statements of a file by the names that stand before them.

    A part is no statement: it stands in statements after it as $ and its name.
    """
    parts: dict[str, str] = {}
    statements: dict[str, str] = {}
    for kind, name, body in _named(text):
        assert name not in parts | statements, f"two statements are named {name}"
        for part, meaning in parts.items():
            body = body.replace(f"${part}", meaning)
        (parts if kind == "part" else statements)[name] = body
    return statements


def _named(text: str) -> Iterator[tuple[str, str, str]]:
    _, *pieces = _NAME.split(text)
    for kind, name, body in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        lines = (line for line in body.splitlines() if not line.startswith("--"))
        yield kind, name, "\n".join(lines).strip()


def _read(file_name: str) -> Mapping[str, str]:
    folder = files("penstock.jobs.store.sqlite")
    return parse_statements(folder.joinpath(file_name).read_text("utf-8"))


SQL: Final = _read("queries.sql")
EVENT_SQL: Final = _read("event_queries.sql")
