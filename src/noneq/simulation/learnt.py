"""A fitted model as a system: its drift and diffusion, simulated like those of nature."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.data.summary import Summary
from noneq.domains import AbstractDomain, Discrete, periods_of
from noneq.errors import InvalidInput
from noneq.systems.base import AbstractDiffusion, HasRange
from noneq.traits import HasDrift, require


MODEL_STEPS = 1000
"""Of a fitted model over the whole time, which states no step of its own."""
_REACH = 4.0
"""Standard deviations around the mean within which nearly all data lie."""


class LearntSystem(AbstractDiffusion, HasRange):
    """dX = f(t, X) dt + B(t, X) dW with the drift and the diffusion of a fitted model.

    `simulate` makes one of a model that it is given; `LearntSystem.of` one that knows its data.

    Args:
        model: with the trait `HasDrift`.
        start: time whose law `initial` draws from.
        internal_step: step of the integration, in physical time.
        symbols: names of the coordinates.
        seen: lowest and highest value of each coordinate in the data; empty if not known.

    Raises:
        InvalidInput: a step that is not positive.
        MissingTrait: a model without drift.
    """

    model: Any
    start: float
    internal_step: float
    symbols: tuple[str, ...] = eqx.field(default=("x",), kw_only=True)  # pyright: ignore
    seen: tuple[tuple[float, float], ...] = eqx.field(default=(), kw_only=True)  # pyright: ignore

    @classmethod
    def of(cls, model: Any, summary: Summary) -> "LearntSystem":
        """The system of a fit, ``LearntSystem.of(fit.model, fit.summary)``.

        Starts at the first time of the data, in steps of a thousandth of their whole time; has
        their names, and their range: the box of a bounded domain, else four standard deviations
        around the mean.

        Raises:
            MissingTrait: a model without drift.
        """
        step = summary.span / MODEL_STEPS or 1.0
        labels = {"symbols": summary.names, "seen": _range_of(summary)}
        return cls(model, summary.times[0], step, **labels)

    def __check_init__(self) -> None:
        require(self.model, HasDrift, "a simulation")
        if not 0 < self.internal_step < float("inf"):
            raise InvalidInput(
                f"LearntSystem: internal_step = {self.internal_step}; expected a positive time."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """That of the model."""
        return self.model.event_shape

    @property
    def domain(self) -> AbstractDomain:
        """That of the model."""
        return self.model.domain

    @property
    def time_step(self) -> float:
        """As given."""
        return self.internal_step

    def initial(self, key: Key) -> Float[Array, "*event"]:
        """One draw of the model at the start."""
        return self.model.sample(1, time=self.start, key=key)[0]

    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """The model's drift."""
        return self.model.drift(t, x)

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """The model's diffusion."""
        return jnp.asarray(self.model.diffusion(t, x), x.dtype)


def _range_of(summary: Summary) -> tuple[tuple[float, float], ...]:
    """Where the data lay; empty where their summary does not say."""
    if summary.transform or isinstance(summary.domain, Discrete):
        return ()
    shift, scale = np.asarray(summary.shift), np.asarray(summary.scale)
    reach = np.where(summary.domain.bounds is None, _REACH * scale, scale)
    periods = periods_of(summary.domain, summary.event_shape)
    round_ = periods.reshape(len(shift), -1).max(axis=1) > 0
    low, high = np.where(round_, -np.inf, shift - reach), np.where(round_, np.inf, shift + reach)
    return tuple(zip(low.tolist(), high.tolist(), strict=True))
