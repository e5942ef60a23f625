"""Autoregressive networks: exact likelihoods by masks."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import Key, Scalar
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.objectives import AbstractLoss, AbstractObjective
from noneq.learning.rows import dequantised, left_open
from noneq.learning.training import Training
from noneq.methods.units.autoregressive_model import AutoregressiveModel, Factors
from noneq.methods.units.conditionals import GaussianMixtures, UnitConditionals
from noneq.methods.units.masked_net import MaskedNetwork, random_order
from noneq.methods.units.rows import AbstractUnitsMethod
from noneq.methods.units.units import AbstractUnits, BernoulliUnits
from noneq.nets.inputs import clock_of, label_of


class FactorLoss(AbstractLoss):
    """Mean negative log-likelihood of the rows, in nats of normalised units.

    Args:
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.
    """

    drop: float = 0.0
    width: Array | None = None

    def loss(self, model: Factors, batch: dict[str, Any], *, key: Key) -> Scalar:
        fill_key, drop_key = jax.random.split(key)
        x = dequantised(batch["x"], self.width, key=fill_key)
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        over = (0, 0, None if condition is None else 0)
        return -jnp.mean(jax.vmap(model.log_prob, over)(x, batch["time"], condition))


class Autoregressive(AbstractUnitsMethod):
    """A product of conditional laws of single coordinates, from one masked perceptron.

    Forward process:
        none; coordinates in a fixed order, p(x | t, c) = Π_i p(x_i | x_before i, t, c).
    Learnt object:
        the parameters of all factors: log-odds of bits, logits of letters, and for real units a
        mixture of Gaussians for each coordinate (`MaskedNetwork`).
    Objective and weight:
        exact negative log-likelihood.
    Sampling:
        exact, one coordinate after the other: as many passes as there are coordinates.
    Source and deviations:
        Germain et al. 2015 (MADE), with direct connections; one order and one set of masks in
        place of an ensemble; SiLU in place of ReLU; degrees spread evenly, not at random; physical
        time and condition scale and shift the hidden layers.

    Args:
        visible: kind of the units.
        width, depth: units of a hidden layer, and number of such layers.
        mixture: Gaussians of each coordinate, for real units.
        ordering: seed of a random order of the coordinates; None keeps theirs.
        time_band, drop_condition: as in `AbstractInputs`.
        dequantise: for real units: spacing of discrete data, filled by noise; 0 takes them as
            they are, None refuses them.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: a size below 1, a fraction outside [0, 1), ``dequantise`` for units that
            are discrete.
    """

    source: ClassVar[str] = "germain2015made"

    visible: AbstractUnits = BernoulliUnits()
    width: int = 256
    depth: int = 2
    mixture: int = 8
    ordering: int | None = None
    training: Training = Training(steps=4000, batch=256, ema=0.99)

    def __check_init__(self) -> None:
        for name, most in (("width", 16_384), ("depth", 128), ("mixture", 1024)):
            if not 1 <= getattr(self, name) <= most:
                raise InvalidInput(
                    f"Autoregressive: {name} = {getattr(self, name)}; expected 1 to {most:,}."
                )
        if self.ordering is not None and self.ordering < 0:
            raise InvalidInput(f"Autoregressive: ordering = {self.ordering}; expected a seed ≥ 0.")

    @checked
    def init(self, summary: Summary, *, key: Key) -> AutoregressiveModel:
        """The untrained model."""
        order = random_order(summary.dim, self.ordering)
        discrete = self.visible.alphabet > 0
        conditionals = (
            UnitConditionals(self.visible) if discrete else GaussianMixtures(self.mixture)
        )
        net = MaskedNetwork(
            order,
            self.visible.count(1),
            conditionals.size,
            width=self.width,
            depth=self.depth,
            clock=clock_of(summary, self.time_band),
            label=label_of(summary),
            key=key,
        )
        factors = Factors(net, self.visible, conditionals, order)
        return AutoregressiveModel(factors, summary, optional=self.optional)

    def learnt_part(self, model: AutoregressiveModel) -> Any:
        return model.factors

    def objective_of(self, model: AutoregressiveModel) -> AbstractObjective:
        return FactorLoss(self.drop_condition, self.noise_width(model))
