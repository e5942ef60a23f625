"""A fit in a child of a fork server, with a checkpoint after every chunk of steps."""

import sys
import time
from multiprocessing.connection import Connection

import jax


def fit(words: list[str], cache: str, pipe: Connection) -> None:
    """Run the command, telling every step at which the state is safe, and exit with its code."""
    from noneq import cli
    from noneq.learning import checkpoints
    from noneq.learning.checkpoints import Checkpoint

    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    checkpoints._EVERY_SECONDS = 0.0
    save = Checkpoint.save

    def save_and_tell(self, state, history, **how):
        save(self, state, history, **how)
        pipe.send(len(history["step"]))
        time.sleep(0.01)

    Checkpoint.save = save_and_tell
    sys.exit(cli.run(words))
