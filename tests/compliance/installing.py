"""Clients of others, each version in a directory of its own, installed when first asked for."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import pytest

# Beside the environment that runs the tests: `make clean` takes them along.
CLIENTS: Final = Path(sys.prefix) / "clients"
# `COMPLIANCE=all` makes of a missing client a failure: in CI nothing is left out silently.
ALL: Final = os.environ.get("COMPLIANCE") == "all"
_INSTALL_SECONDS_MAX: Final = 100
_NPM_RETRIES: Final = ("--fetch-retries=1", "--fetch-retry-mintimeout=500")
_refused: dict[str, str] = {}


def python_client(requirement: str) -> Path:
    """Return a directory that holds this Python package, for PYTHONPATH."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--retries", "1"]
    return _installed(requirement, [*command, "--no-compile", requirement, "--target"])


def node_client(requirement: str) -> Path:
    """Return a directory with a `node_modules` that holds this npm package."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        lack(f"{requirement}: node or npm is not installed")
    command = ["npm", "install", "--loglevel=error", "--no-audit", "--no-fund"]
    return _installed(f"npm-{requirement}", [*command, *_NPM_RETRIES, requirement, "--prefix"])


def lack(reason: str) -> NoReturn:
    """Leave out the test that lacks something, or fail it where everything must be there."""
    if ALL:
        pytest.fail(reason)
    pytest.skip(reason)


def _installed(name: str, command: Sequence[str]) -> Path:
    """Install into a directory that appears only when it is whole, once for all processes.

    Who waits for the same client waits for one installation; others go on beside it.
    """
    directory = CLIENTS / name
    if directory.exists():
        return directory
    if not os.access(CLIENTS.parent, os.W_OK):
        lack(f"{name} cannot be installed: {CLIENTS.parent} is not writable")
    CLIENTS.mkdir(exist_ok=True)
    with (CLIENTS / f".lock-{name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            half = CLIENTS / f".half-{name}"
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir()
            try:
                _install([*command, str(half)], name)
                half.rename(directory)
            finally:
                shutil.rmtree(half, ignore_errors=True)
    return directory


def _install(command: Sequence[str], name: str) -> None:
    # Where one could not be had, the next would only wait for the same network.
    program = command[0]
    if program not in _refused:
        try:
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS_MAX
            )
            return
        except subprocess.CalledProcessError as error:
            said = re.findall(r"^(?:ERROR:|npm ERR!|npm error) .*", error.stderr, re.MULTILINE)
            _refused[program] = said[0] if said else f"exit code {error.returncode}"
        except subprocess.TimeoutExpired:
            _refused[program] = f"nothing came within {_INSTALL_SECONDS_MAX} s"
    lack(f"{name} cannot be installed: {_refused[program]}")
