"""Tasks may fork; their children must not go on as workers."""

import contextlib
import os
import signal
import threading
from typing import Final

_OURS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)


class ForkGuard:
    """Cuts a forked child off from the server, and knows whether this process is one."""

    def __init__(self) -> None:
        self.forked = False
        self._fd: int | None = None
        self._masks = threading.local()
        os.register_at_fork(
            before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child
        )

    def protect(self, fd: int) -> None:
        """Name the connection's descriptor, which children close."""
        self._fd = fd

    def exit_if_forked(self) -> None:
        """End a child that left its task and came back to the worker's own code."""
        if self.forked:
            os._exit(0)

    def _before(self) -> None:
        # A signal that reaches the child before `_in_child` would be lost with our handler:
        # multiprocessing terminates children that young, and waits for them.
        self._masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)

    def _in_parent(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.before)

    def _in_child(self) -> None:
        self.forked = True
        # Our handlers speak to an event loop that lives in the parent only.
        for signal_number in _OURS:
            signal.signal(signal_number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.before)
        if self._fd is not None:
            with contextlib.suppress(OSError):  # A task may have closed it.
                os.close(self._fd)
            self._fd = None
