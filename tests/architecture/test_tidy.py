"""Sizes, names and leftovers: what keeps the code readable when nobody is looking."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, modules, name, tree

MODULE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70

OURS = modules(*PACKAGES)
EVERYTHING = [*OURS, *modules("examples", "tests")]

# One word per idea (ARCHITECTURE.md, glossary): these are other systems' words for ours. A job is
# completed; only an event is acknowledged, as Redis has it.
OTHER_WORDS = {
    "dequeue": "claim", "enqueue": "submit",
    "nack": "fail or release", "requeue": "release or retry", "topic": "queue", "tube": "queue",
}  # fmt: skip
# Files with these names collect what has no home.
HOMELESS = {"base", "common", "helpers", "manager", "misc", "util", "utils"}


@pytest.mark.parametrize("path", EVERYTHING, ids=name)
def test_modules_can_be_read_in_one_sitting(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")

    assert lines <= MODULE_LINES_MAX, f"{name(path)} has {lines} lines; is it two nouns?"


@pytest.mark.parametrize("path", EVERYTHING, ids=name)
def test_functions_fit_a_screen(path: Path) -> None:
    long = [
        f"{name(path)}:{node.lineno} {node.name} has {_length(node)} lines"
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and _length(node) > FUNCTION_LINES_MAX
    ]

    assert long == []


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", OURS, ids=name)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == "" or ast.get_docstring(tree(path)), name(path)


@pytest.mark.parametrize("path", OURS, ids=name)
def test_names_use_one_word_per_idea(path: Path) -> None:
    found = [
        f"{name(path)}:{line} {identifier}: say {OTHER_WORDS[word]!r}, not {word!r}"
        for line, identifier in _defined(tree(path))
        for word in _words(identifier)
        if word in OTHER_WORDS
    ]

    assert found == []


def _defined(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the names that a module makes; those it only uses belong to others."""
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def _words(identifier: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)]


@pytest.mark.parametrize("path", OURS, ids=name)
def test_every_module_is_a_noun_with_a_home(path: Path) -> None:
    assert path.stem not in HOMELESS


@pytest.mark.parametrize("path", EVERYTHING, ids=name)
def test_nothing_is_left_for_later(path: Path) -> None:
    left = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")  # tidy: the pattern
    lines = path.read_text(encoding="utf-8").splitlines()

    found = [f"{name(path)}:{n} {line.strip()}" for n, line in enumerate(lines, 1)
             if left.search(line) and "tidy: the pattern" not in line]  # fmt: skip

    assert found == []
