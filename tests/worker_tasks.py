"""Tasks that worker processes of tests import; some kill the worker."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from noneq.errors import InvalidInput


@dataclass(frozen=True)
class Doubling:
    """Leaves 2n in a file; ``once`` kills its worker the first time, ``always`` each time."""

    folder: str
    once: tuple[int, ...] = ()
    always: tuple[int, ...] = ()
    refuses: tuple[int, ...] = ()

    def __call__(self, n):
        place = Path(self.folder)
        tries = place / f"{n}.tries"
        tries.write_text((tries.read_text() if tries.exists() else "") + "x")
        if n in self.always or (n in self.once and tries.read_text() == "x"):
            os.kill(os.getpid(), signal.SIGKILL)
        if n in self.refuses:
            raise InvalidInput(f"{n} is refused.")
        (place / str(n)).write_text(str(2 * n))
