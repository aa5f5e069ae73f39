"""Runs of small programs written with other people's clients; each prints what became of it."""

import ast
import functools
import json
import os
import subprocess
import sys
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


def node_output(library: Path, program: Path, *arguments: str) -> str:
    """Run a Node program beside the library; imports are looked up from where a program lies."""
    copy = library / program.name
    copy.write_text(program.read_text(encoding="utf-8"), encoding="utf-8")
    return _run(["node", str(copy), *arguments], dict(os.environ))


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
