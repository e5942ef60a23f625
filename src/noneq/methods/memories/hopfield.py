"""Hopfield networks: associative memories that store the data themselves."""

from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.data.discrete import of_one_time
from noneq.data.summary import Summary, summarise
from noneq.domains import Discrete
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_coordinates
from noneq.learning.watching import watched
from noneq.methods.memories.pattern_memory import PatternMemory
from noneq.methods.memories.spin_memory import SpinMemory, as_spins
from noneq.methods.memories.storages import AbstractStorage, Hebbian


class Hopfield(AbstractMethod):
    """An energy with the data as its valleys, in closed form.

    Forward process:
        none; the model is an equilibrium law.
    Learnt object:
        the couplings J of spins, E = −½ s·J s (`Hebbian`, `PseudoInverse`), or the patterns
        themselves, E = −(1/beta) log Σ_m exp(beta x_m·s) + |s|²/2 (`Modern`).
    Objective and weight:
        none; every state of the data is stored as a pattern, at once.
    Sampling:
        the Boltzmann law e^{−beta E}: exact up to 18 spins and for `Modern`, else heat-bath
        dynamics cooled from beta = 0. `model.retrieve` completes a state instead.
    Source and deviations:
        Hopfield 1982 (spins 0 and 1 there, −1 and 1 here); Personnaz et al. 1985; Ramsauer et al.
        2021. A memory of many correlated states does not hold them: its spurious valleys are part
        of the law, which `log_prob_estimate` shows.

    Args:
        storage: the rule, with its inverse temperature.
    """

    source: ClassVar[str] = "hopfield1982neural"

    storage: AbstractStorage = Hebbian()

    @checked
    def init(self, summary: Summary, *, key: Key) -> SpinMemory | PatternMemory:
        """The memory that has stored nothing."""
        return self.storage.stored(jnp.zeros((sum(summary.counts), summary.dim)), summary)

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: Any = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Store states of a single time.

        Args:
            data: the patterns; of two values for all storages but `Modern`.
            key: typed random key, not used.
            init, progress, checkpoint: taken for uniformity, not used.

        Raises:
            InvalidInput: several times or conditions, or more than two values.
        """
        name = type(self).__name__
        check_coordinates(self, data)
        flat = self.storage.prepared(of_one_time(data, name), name)
        summary = summarise(flat)
        empty = self.init(summary, key=key)
        patterns = _patterns(empty, jnp.asarray(empty.frame.normaliser.host(flat.values)))
        return Fit(self.storage.stored(patterns, summary), {}, self, summary)


def _patterns(model: Any, y: Float[Array, "m dim"]) -> Float[Array, "m dim"]:
    """Spins of two-valued states, others as they are."""
    if not isinstance(model.domain, Discrete):
        return y
    return jax.vmap(lambda y: as_spins(y, model.domain))(y)
