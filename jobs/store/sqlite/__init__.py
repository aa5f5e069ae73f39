"""The store that keeps jobs in one SQLite database on a local disk."""

from penstock.jobs.store.sqlite.opening import open_sqlite_store

__all__ = ["open_sqlite_store"]
