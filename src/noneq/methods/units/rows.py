"""Templates of methods whose states are units: bits, letters or real numbers."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq.data.discrete import of_one_time
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.lattice import lattice_step
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.learning.gradient import AbstractGradientMethod
from noneq.learning.inputs import AbstractInputs
from noneq.learning.method import Data, as_data
from noneq.learning.rows import rows
from noneq.methods.units.units import AbstractUnits


class AbstractUnitsMethod(AbstractInputs, AbstractGradientMethod):
    """A gradient method of p(x, t | condition) of units; its rows hold ``x``, time, condition."""

    visible: eqx.AbstractVar[AbstractUnits]

    def __check_init__(self) -> None:
        if self.dequantise and self.visible.alphabet:
            raise InvalidInput(
                f"{type(self).__name__}: dequantise = {self.dequantise} is for real units; "
                f"{type(self.visible).__name__} take the levels as they are. Leave it out."
            )

    def check(self, data: Data) -> Snapshots | Trajectories:
        """Data that the units can show.

        Raises:
            InvalidInput: values that the units do not know, or discrete data for real units and
                no word on dequantisation.
        """
        name = type(self).__name__
        if self.visible.alphabet:
            return self.visible.prepared(data, name)
        data = as_data(data)
        if isinstance(data.domain, Discrete):
            raise InvalidInput(
                f"{name}: the data live on {data.domain.values.size} levels, where real units have "
                f"no probability; take visible={_fitting(data.domain.values.size)}."
            )
        step = lattice_step(data) if self.dequantise is None else None
        if step is not None:
            count = np.unique(data.values).size
            raise InvalidInput(
                f"{name}: the values are discrete (multiples of {step:g}), so that they have no "
                f"density; take visible={_fitting(count)}, or set dequantise={step:g} to fill the "
                "gaps with uniform noise, or 0 to take them as they are."
            )
        return data

    def rows_of(self, model: Any, data: Any) -> dict[str, Any]:
        """Units ``x``, physical time and condition of every sample."""
        found = rows(data, model.frame.normaliser)
        x = self.visible.read(jnp.asarray(found.pop("y")), model.domain)
        return {"x": x, **found}


class AbstractStationaryMethod(AbstractGradientMethod):
    """A gradient method of a stationary law of units.

    Its rows hold the states ``x (n, dim)`` as units, their features ``phi (n, count)`` and log
    base measure ``base (n,)``.
    """

    visible: eqx.AbstractVar[AbstractUnits]

    def check(self, data: Data) -> Snapshots | Trajectories:
        """States of a single time that the units can show.

        Raises:
            InvalidInput: several times or conditions, or values that the units do not know.
        """
        name = type(self).__name__
        return self.visible.prepared(of_one_time(data, name), name)

    def rows_of(self, model: Any, data: Any) -> dict[str, Array]:
        """States, features and base measure of every sample."""
        x = self.visible.read(jnp.asarray(model.frame.normaliser.host(data.values)), model.domain)
        phi, base = jax.vmap(self.visible.features)(x), jax.vmap(self.visible.log_base)(x)
        return {"x": x, "phi": phi, "base": base}


def _fitting(count: int) -> str:
    """Units for so many levels, and the words for the command line."""
    if count == 2:
        return "BernoulliUnits() (command line: --set visible=BernoulliUnits)"
    return (
        f"CategoricalUnits({count}) (command line: --set visible=CategoricalUnits "
        f"--set visible.levels={count})"
    )
