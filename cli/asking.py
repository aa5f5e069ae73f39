"""Asking a person before something is done that cannot be undone."""

import sys

from penstock.cli.exits import CommandFailed, Exit
from penstock.cli.output import printable


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal, unless *yes* was said before; where nobody sits, go on.

    Raises:
        CommandFailed: the answer was not yes.
    """
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    sys.stderr.write(f"penstock: {printable(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandFailed(Exit.DECLINED, "nothing was done")
