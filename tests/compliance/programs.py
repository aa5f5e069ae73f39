"""Runs of small programs written with other people's clients; each prints what became of it."""

import ast
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

PROGRAMS: Final = Path(__file__).parent / "clients"
_RUN_SECONDS_MAX: Final = 60


def claims(program: str) -> list[str]:
    """Return what a Python program checks: its functions marked with `@claim`."""
    tree = ast.parse((PROGRAMS / program).read_text(encoding="utf-8"))
    return [n.name for n in tree.body if isinstance(n, ast.AsyncFunctionDef) and n.decorator_list]


@functools.cache
def python_outcomes(library: Path | None, program: str, *arguments: str) -> dict[str, str | None]:
    """Run a program once; return for each of its claims None, or the traceback."""
    environ = {**os.environ, "PYTHONPATH": str(library or "")}
    ended = _run([sys.executable, str(PROGRAMS / program), *arguments], environ)
    outcomes: dict[str, str | None] = json.loads(ended)
    return outcomes


def node_claims(program: str) -> list[str]:
    """Return what a Node program checks: the asynchronous methods of its `claims`."""
    text = (PROGRAMS / program).read_text(encoding="utf-8")
    return re.findall(r"^  async (\w+)\(\) \{$", text, re.MULTILINE)


@functools.cache
def node_outcomes(library: Path, program: str, *arguments: str) -> dict[str, str | None]:
    """Run a program of `clients/` once; return for each of its claims None, or the error."""
    text = (PROGRAMS / program).read_text(encoding="utf-8")
    outcomes: dict[str, str | None] = json.loads(node_output(library, program, text, *arguments))
    return outcomes


def node_output(library: Path, name: str, text: str, *arguments: str) -> str:
    """Run a Node program beside its library: imports are looked up from where a program lies."""
    with tempfile.TemporaryDirectory(dir=library) as place:
        program = Path(place) / name
        program.write_text(text, encoding="utf-8")
        return _run(["node", str(program), *arguments], dict(os.environ))


def _run(command: list[str], environ: dict[str, str]) -> str:
    ended = subprocess.run(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=_RUN_SECONDS_MAX,
    )
    assert ended.returncode == 0, f"{command} ended with {ended.returncode}: {ended.stderr}"
    return ended.stdout
