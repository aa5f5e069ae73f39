"""The schema: numbered migrations, forward only, all that are missing in one transaction."""

import re
import sqlite3
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from penstock.jobs.store.port import StoreUnusable

# "PnSt": it says in the file's header whose file it is. Never change it.
APPLICATION_ID: Final = 0x506E5374
_MIGRATION_NAME: Final = re.compile(r"^(\d{4})_\w+\.sql$")


def read_migrations() -> Sequence[str]:
    """Return the migrations in order; the first is number 1."""
    folder = files("penstock.jobs.store.sqlite").joinpath("migrations")
    found = sorted(
        (int(match[1]), entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if (match := _MIGRATION_NAME.match(entry.name))
    )
    assert [number for number, _ in found] == list(range(1, len(found) + 1)), "no gaps"
    return [script for _, script in found]


def migrate(connection: sqlite3.Connection, database: Path, migrations: Sequence[str]) -> None:
    """Bring the schema up to date. Raises StoreUnusable if a newer server made it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise StoreUnusable(
            f"{database} has schema {version} and this server knows up to {len(migrations)}: a "
            "newer server wrote it; start that version again"
        )
    if version == len(migrations):
        return
    missing = "\n".join(migrations[version:])
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{missing}\nPRAGMA user_version = {len(migrations)};\nCOMMIT;"
        )
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
