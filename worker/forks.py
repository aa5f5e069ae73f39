"""Tasks may fork; their children must not go on as workers."""

import os


class ForkGuard:
    """Cuts a forked child off from the server, and knows whether this process is one."""

    def __init__(self) -> None:
        self.forked = False
        self._fd: int | None = None
        os.register_at_fork(after_in_child=self._in_child)

    def protect(self, fd: int) -> None:
        """Name the connection's descriptor, which children close."""
        self._fd = fd

    def exit_if_forked(self) -> None:
        """End a child that left its task and came back to the worker's own code."""
        if self.forked:
            os._exit(0)

    def _in_child(self) -> None:
        self.forked = True
        if self._fd is not None:
            os.close(self._fd)
