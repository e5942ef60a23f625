"""The ideal equilibrium baseline: the Boltzmann law of a system's true potential."""

from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.constant import Constant
from noneq.data.summary import Summary, summarise
from noneq.domains import Box
from noneq.errors import InvalidInput, MissingTrait
from noneq.kinds import checked
from noneq.learning.method import (
    AbstractMethod,
    Data,
    Fit,
    Progress,
    as_data,
    check_coordinates,
)
from noneq.learning.watching import watched
from noneq.methods.energies.grid_boltzmann import (
    GridBoltzmann,
    check_grid_dimension,
    check_no_condition,
)
from noneq.systems.base import AbstractLangevin, AbstractSystem
from noneq.systems.prinz import Prinz


_STRAYS = 0.01
"""Larger fractions of the data outside the box mean that another system made them."""


class OracleBoltzmann(AbstractMethod):
    """exp(−V(t, x)/kT) with the system's true potential: what no equilibrium method can beat.

    Where it fails, the equilibrium assumption fails, and not an estimator.

    Forward process:
        none; each time is taken to be in equilibrium with its potential.
    Learnt object:
        nothing: the energy is the system's potential V(t, x), at the system's beta.
    Objective and weight:
        none.
    Sampling:
        Boltzmann law of V at the wanted time, by inverse CDF on a fine grid (`GridBoltzmann`).
    Source and deviations:
        the equilibrium assumption of "Beyond Equilibrium", Appendix D, without its estimator.
        Non-conservative forces are left out. At most three dimensions.

    Args:
        system: whose potential and beta are used.
        box: where the law lives; None is the system's domain. Needed in free space.

    Raises:
        MissingTrait: a system without a potential.
        InvalidInput: a system in free space and no box.
    """

    source: ClassVar[str] = "beyond_equilibrium"

    system: AbstractSystem = Prinz()
    box: Box | None = None

    def __check_init__(self) -> None:
        if not isinstance(self.system, AbstractLangevin):
            raise MissingTrait(
                f"OracleBoltzmann needs a system with a potential (AbstractLangevin); "
                f"{type(self.system).__name__} has none. Take BoltzmannField, which learns one."
            )
        check_grid_dimension(self.system.event_shape)
        if self.box is None and self.system.domain.bounds is None:
            raise InvalidInput(
                f"{type(self.system).__name__} lives in free space; give "
                "OracleBoltzmann(box=Box(low, high)) that holds its mass."
            )

    @checked
    def init(self, summary: Summary, *, key: Key) -> GridBoltzmann:
        """The model; nothing in it is learnt."""
        assert isinstance(self.system, AbstractLangevin)
        check_no_condition(summary.condition_dim, "OracleBoltzmann")
        if summary.event_shape != self.system.event_shape:
            raise InvalidInput(
                f"the data have states of shape {summary.event_shape}, "
                f"{type(self.system).__name__} of shape {self.system.event_shape}; give "
                "OracleBoltzmann(system=...) the system that made the data."
            )
        domain = self.system.domain
        bounds = domain.bounds if self.box is None else self.box.bounds
        assert bounds is not None
        low, high = (np.broadcast_to(corner, summary.event_shape) for corner in bounds)
        return GridBoltzmann(
            landscape=self.system.potential,
            low=Constant(jnp.asarray(low, dtype=float)),
            high=Constant(jnp.asarray(high, dtype=float)),
            beta=self.system.beta,
            domain=domain,
            event_shape=summary.event_shape,
            times=summary.times,
            labels=(summary.names, summary.units, summary.time_unit),
        )

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
        """The model, at once: only the shape and the times of the data matter.

        Args:
            data: snapshots or trajectories of this system.
            key: typed random key, not used.
            init, progress, checkpoint: taken for uniformity, not used.

        Raises:
            InvalidInput: data of another shape, with a condition vector, or outside the box.
        """
        data = as_data(data)
        check_coordinates(self, data)
        summary = summarise(data)
        model = self.init(summary, key=key)
        states = data.snapshots().values
        outside = np.mean((states < model.low.value) | (states > model.high.value))
        if outside > _STRAYS:
            raise InvalidInput(
                f"{100 * outside:.0f} % of the data's entries lie outside the box of "
                f"{type(self.system).__name__}; OracleBoltzmann is for data of that very system: "
                "name the one that made them (command line: --set system=NAME)."
            )
        return Fit(model, {}, self, summary)
