"""A standard output that is a terminal, as far as a command can see."""

import io
import re
import sys

import pytest


class TerminalText(io.TextIOWrapper):
    """What a terminal was sent."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return True

    def getvalue(self) -> str:
        self.flush()
        return self._bytes.getvalue().decode()

    def plain(self) -> str:
        """Return it without colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.getvalue())


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> TerminalText:
    """Let standard output be a terminal of this width."""
    shown = TerminalText()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    return shown
