"""What each room must never know. `make lint` holds the layers; this holds what they cannot say."""

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT, imports, is_within, modules, name, tree

# Time and jitter are arguments, so that a simulation can prove what these rooms do.
IMPURE = (
    "aiosqlite", "anyio", "asyncio", "datetime", "logging", "os", "random", "secrets", "select",
    "selectors", "signal", "socket", "sqlite3", "ssl", "structlog", "subprocess", "threading",
    "time", "uvloop",
)  # fmt: skip

RULES = [module for module in modules("jobs") if "store" not in module.relative_to(ROOT).parts]
STORE = modules("jobs/store")
WIRE = modules("protocol")
ALL = modules(*PACKAGES)

# The server's store, and the client's outbox: a local file of its own.
ADAPTERS = ("jobs/store/sqlite/", "client/outbox_file.py", "client/outbox_opening.py")

# The calendar of schedules: it counts with wall times, and asks no clock for one.
CALENDAR = ("jobs/cron/expression.py", "jobs/cron/zones.py")

# A program that is run to write a page of the documents does read and write files.
GENERATORS = {"protocol/reference.py"}


def offences(path: Path, forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{name(path)}:{line} imports {imported}"
        for line, imported in imports(path)
        if any(is_within(imported, package) for package in forbidden)
    ]


@pytest.mark.parametrize("path", RULES, ids=name)
def test_the_rules_about_jobs_are_pure(path: Path) -> None:
    allowed = {"datetime"} if name(path) in CALENDAR else set()

    assert offences(path, tuple(module for module in IMPURE if module not in allowed)) == []


@pytest.mark.parametrize("path", [path for path in RULES if name(path) in CALENDAR], ids=name)
def test_the_calendar_asks_no_clock(path: Path) -> None:
    asked = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}

    assert asked & {"now", "today", "utcnow"} == set()


@pytest.mark.parametrize("path", [p for p in WIRE if name(p) not in GENERATORS], ids=name)
def test_the_wire_is_pure(path: Path) -> None:
    assert offences(path, IMPURE) == []


@pytest.mark.parametrize("path", ALL, ids=name)
def test_only_the_metrics_page_knows_prometheus(path: Path) -> None:
    allowed = name(path) == "server/metrics.py"

    assert allowed or offences(path, ("prometheus_client",)) == []


@pytest.mark.parametrize("path", ALL, ids=name)
def test_only_the_adapter_knows_its_database(path: Path) -> None:
    allowed = name(path).startswith(ADAPTERS)

    assert allowed or offences(path, ("aiosqlite", "sqlite3")) == []


@pytest.mark.parametrize("path", ALL, ids=name)
def test_only_the_composition_root_chooses_a_backend(path: Path) -> None:
    allowed = name(path) == "server/app.py"
    backends = [
        backend
        for backend in ("penstock.jobs.store.memory", "penstock.jobs.store.sqlite")
        if not name(path).startswith(backend.removeprefix("penstock.").replace(".", "/"))
    ]

    assert allowed or offences(path, tuple(backends)) == []


@pytest.mark.parametrize("path", ALL, ids=name)
def test_no_package_imports_the_tests(path: Path) -> None:
    assert offences(path, ("tests", "examples")) == []
