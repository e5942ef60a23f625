"""Ending on request: SIGINT and SIGTERM are one line and an exit code, also in a long program.

Python runs the handler of a signal between its own instructions, hence not before a compiled
program ends, which may take hours. A thread that the system wakes at once ends the process where
the main thread does not answer.
"""

import os
import signal
import socket
import sys
import threading
import time
from typing import Any, NoReturn

from noneq.cli.output import say


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_AGAIN = 0.05
_SECONDS = 7.0
"""From the signal to the end; every file of a run is replaced at once, so that none is torn."""


class Stopped(BaseException):
    """A signal of this number came.

    No Exception, so that what takes any error for a file's fault lets it pass.
    """

    @property
    def signal(self) -> int:
        """The signal's number."""
        return self.args[0]

    def __str__(self) -> str:
        return "stopped on request."


def stop_on_signals() -> None:
    """From now on, to the end of the process (main thread only)."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    for number in _SIGNALS:
        signal.signal(number, _raise)
    # Where an exception cannot rise, as in a callback of the garbage collector, the signal comes again.
    sys.unraisablehook = _again
    threading.Thread(target=_watch, args=(ours, theirs), daemon=True).start()


def leave(code: int) -> NoReturn:
    """Exit; after a signal without waiting for programs that still run."""
    if code - 128 in _SIGNALS:
        os._exit(code)
    raise SystemExit(code)


def _raise(number: int, frame: Any) -> NoReturn:
    raise Stopped(number)


def _again(unraisable: Any) -> None:
    if not isinstance(unraisable.exc_value, Stopped):
        return sys.__unraisablehook__(unraisable)
    try:
        _send_soon(unraisable.exc_value.signal)
    except Stopped as stopped:  # it came while this was still at work
        _send_soon(stopped.signal)


def _send_soon(number: int) -> None:
    """The signal, once the caller, in which no exception can rise, is over."""
    timer = threading.Timer(_AGAIN, os.kill, (os.getpid(), number))
    timer.daemon = True
    timer.start()


def _watch(ours: socket.socket, theirs: socket.socket) -> None:
    """Wait for a signal; the other end is held so that it stays open."""
    number = 0
    while number not in _SIGNALS:
        number = ours.recv(1)[0]
    time.sleep(_SECONDS)
    say(str(Stopped(number)))
    os._exit(128 + number)
