"""What stops a synchronous task: a signal that raises in the main thread."""

import signal
import threading
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import Final

from penstock.worker.errors import SoftTimeout

# What `signal.getsignal` calls: that one tries to make an enum of every handler, which takes four
# times as long as all the rest that is done here before each job.
_handler_of: Final[Callable[[int], object]] = import_module("_signal").getsignal


class Alarm:
    """Raises SoftTimeout, or what another thread asks for, at most once each time it is armed.

    Python runs signal handlers between bytecodes: a task within one long C call gets it afterwards.
    """

    def __init__(self) -> None:
        self._armed = False
        self._owner: object = None
        self._message = ""
        # By another thread: what to raise, and in whose time; None is whoever has it armed.
        self._asked: tuple[object, BaseException] | None = None
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ()) - {signal.SIGALRM}

    def install(self) -> None:
        """Take SIGALRM and the mask of signals, also back from a task that changed them."""
        if _handler_of(signal.SIGALRM) != self._ring:
            signal.signal(signal.SIGALRM, self._ring)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def arm(self, seconds: float, message: str, owner: object = None) -> None:
        self._message = message
        self._owner = owner
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def disarm(self) -> None:
        """Call it off; a signal on its way does nothing any more."""
        self._armed = False
        signal.setitimer(signal.ITIMER_REAL, 0.0)

    def ring_now(self, error: BaseException, owner: object = None) -> None:
        """Raise in the task that runs: in any, or only if it is the owner's. For other threads."""
        self._asked = (owner, error)
        main_thread = threading.main_thread().ident
        assert main_thread is not None
        signal.pthread_kill(main_thread, signal.SIGALRM)

    def _ring(self, signal_number: int, frame: FrameType | None) -> None:
        asked, self._asked = self._asked, None
        if not self._armed:
            return
        if asked is not None and asked[0] in (None, self._owner):
            self._armed = False
            raise asked[1]
        # What was asked for may have been meant for the task before, or come twice.
        if signal.getitimer(signal.ITIMER_REAL)[0] == 0.0:
            self._armed = False
            raise SoftTimeout(self._message)
