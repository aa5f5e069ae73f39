"""Finding the tasks of an app."""

import sys
from pathlib import Path

import pytest

from penstock.worker import AppError, Registry, load_app, task

MODULE = """
from penstock.worker import Registry, task

@task
def one() -> int:
    return 1

@task(name="two")
def second() -> int:
    return 2

alias = one
chosen = [one]
registry = Registry([second])
mixed = [one, 17]
number = 17

class Group:
    inside = second
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module in the current directory, which is not on sys.path."""
    name = f"app_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    return name


@pytest.mark.parametrize(
    ("attribute", "names"),
    [
        ("", ["one", "two"]),
        (":chosen", ["one"]),
        (":registry", ["two"]),
        (":one", ["one"]),
        (":Group", ["two"]),
        (":Group.inside", ["two"]),
    ],
)
def test_tasks_are_found_in_a_module_or_an_attribute(
    module: str, attribute: str, names: list[str]
) -> None:
    assert load_app(module + attribute).names == names


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        (":nothing", "has no attribute 'nothing'"),
        (":mixed", "17 in the list is not a task"),
        (":number", "17 is neither a module, a list of tasks nor a Registry"),
    ],
)
def test_an_attribute_without_tasks_is_an_error(module: str, attribute: str, message: str) -> None:
    with pytest.raises(AppError, match=message):
        load_app(module + attribute)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "no tasks there; decorate functions with @task"),
        ("import nowhere_at_all", "importing it failed: No module named 'nowhere_at_all'"),
        ("1/0", "importing it failed: ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(3)", "importing it failed: SystemExit: 3"),
        ("def", "importing it failed: SyntaxError"),
        (
            MODULE + "\n@task(name='one')\ndef other() -> int:\n    return 3\n",
            "two tasks have the name 'one'",
        ),
    ],
)
def test_a_module_that_cannot_serve_is_an_error(module: str, source: str, message: str) -> None:
    Path(f"broken_{module}.py").write_text(source)

    with pytest.raises(AppError, match=message):
        load_app(f"broken_{module}")


@pytest.mark.parametrize("app", ["nowhere", "nowhere.at.all", "nowhere:tasks"])
def test_a_module_that_does_not_exist_is_an_error_that_says_where_was_looked(
    module: str, app: str
) -> None:
    with pytest.raises(AppError, match="there is no module 'nowhere'; modules are looked for in"):
        load_app(app)


def test_an_app_without_a_module_is_an_error() -> None:
    with pytest.raises(AppError, match="write it as module or module:attribute"):
        load_app(":tasks")


def test_one_task_under_two_names_of_a_module_is_one_task() -> None:
    @task
    def only() -> None: ...

    assert len(Registry([only, only])) == 1
