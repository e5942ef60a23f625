"""The command line: one verb for each step of the main job.

What it needs takes a second to import, and is imported by what is called here: so a signal in this
second is one line as well.
"""

import os
import signal
from collections.abc import Sequence
from typing import Any, NoReturn


def main() -> None:
    """Entry point of ``noneq``."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop_at_once)
    from noneq.cli import app

    app.main()


def run(arguments: Sequence[str]) -> int:
    """Run the program and return its exit code; an error is one line on stderr."""
    from noneq.cli import app

    return app.run(arguments)


def _stop_at_once(number: int, frame: Any) -> NoReturn:
    """Nothing is open yet that would have to be closed."""
    os.write(2, b"noneq: stopped on request.\n")
    os._exit(128 + number)
