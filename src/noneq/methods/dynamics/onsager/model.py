"""A motion that is the sum of dissipation and circulation; its stationary law is known by its form."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.frames.checks import check_count
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.methods.dynamics.onsager.fields import OnsagerFields
from noneq.methods.dynamics.onsager.likelihood import BLOCKS
from noneq.methods.dynamics.onsager.rates import rate
from noneq.simulation.ensemble import simulate
from noneq.simulation.learnt import LearntSystem
from noneq.traits import AbstractModel, HasDrift, HasPaths, HasScore, HasSplit


_WALK, _STRIDE = 300, 0.5
"""Moves of the random walk that draws from the stationary law, and their size over the spread."""


class OnsagerModel(AbstractModel, HasSplit, HasDrift, HasPaths, HasScore):
    """dX = [−(M + W)∇V + ε div(M + W)] dt + √(2 ε M) dW with the law e^{−V/ε}/Z.

    Attributes:
        fields: V, M and W.
        frame: the user's side.
        starts: states of the data, from which draws and paths start.
        step: of the integration, in physical time.
        influence: of the blocks of the record on the coefficients, in the order of the leaves of
            ``fields``; their scatter is the error of the fit.
        rate: entropy production over all states of the data, and its standard error.
    """

    fields: OnsagerFields
    frame: Frame
    starts: Constant
    step: Constant
    influence: Constant
    rate: Constant

    def __init__(self, fields: OnsagerFields, summary: Summary, starts: int, size: int):
        self.fields, self.frame = fields, Frame(summary)
        self.starts = Constant(jnp.zeros((starts, summary.dim)))
        self.step = Constant(jnp.ones(()))
        self.influence = Constant(jnp.zeros((BLOCKS, size)))
        self.rate = Constant(jnp.zeros(2))

    @property
    def event_shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Shape of one state."""
        return self.frame.event_shape

    @property
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where states live."""
        return self.frame.domain

    @checked
    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return self.fields.drift(x)

    @checked
    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        fields = self.fields
        return jnp.sqrt(2 * fields.temperature.value) * jnp.linalg.cholesky(fields.mobility(x))

    @checked
    def energy(
        self, x: Float[Array, "*event"], *, time: Any = None, condition: Any = None
    ) -> Scalar:
        """V/ε, so that e^{−energy} is the stationary law up to its norm."""
        return self.fields.energy(x) / self.fields.temperature.value

    @checked
    def score(
        self, x: Float[Array, "*event"], *, time: Any = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        return -jax.grad(self.fields.energy)(x) / self.fields.temperature.value

    @checked
    def velocity(
        self, x: Float[Array, "*event"], *, time: Any = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        """v = −W∇V + ε div W of the stationary current."""
        return self.fields.velocity(x)

    @checked
    def mobility(self, x: Float[Array, "*event"]) -> Array:
        """M."""
        return self.fields.mobility(x)

    @checked
    def circulation(self, x: Float[Array, "*event"]) -> Array:
        """W."""
        return self.fields.circulation(x)

    def entropy_production_rate(self, states: Any = None) -> Estimate:
        """⟨vᵀ (ε M)⁻¹ v⟩ with its error, that of the fit included, nats per unit time.

        The error is the scatter of 100 blocks of the record, which must be long against the
        relaxation; each is followed through the fit to the end.

        Args:
            states: (n, dim) of the stationary law to average over; None takes all of the data.

        Raises:
            InvalidInput: states of another shape.
        """
        if states is None:
            value, error = np.asarray(self.rate.value, np.float64)
            return Estimate(np.asarray(value), np.asarray(error), np.asarray(BLOCKS))
        x = np.asarray(states, np.float64)
        if x.ndim != 2 or x.shape[1:] != self.event_shape:
            raise InvalidInput(
                f"entropy_production_rate: states of shape {x.shape}; expected (n, "
                f"{self.event_shape[0]})."
            )
        value, error = rate(self.fields, x, np.asarray(self.influence.value, np.float64))
        return Estimate(np.asarray(value), np.asarray(error), np.asarray(len(x)))

    @checked
    def sample(
        self, n: int, *, time: Any = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        """Draws of e^{−V/ε}, the same at all times: a random walk of 300 moves from states of the data."""
        check_count(n)
        self.frame.asked.check(condition)
        return _walk(self.fields, self.starts.value, key, n)

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        return self.sample_paths(n, times=times, condition=condition, key=key).snapshots()

    @checked
    def sample_paths(
        self,
        n: int,
        *,
        times: Sequence[float] | np.ndarray,
        start: Numbers | None = None,
        condition: Any = None,
        key: Key,
    ) -> Trajectories:
        """n paths by Euler and Maruyama, from ``start`` or from draws of the stationary law."""
        self.frame.asked.check(condition)
        begin, key = jax.random.split(key)
        x = self.sample(n, key=begin) if start is None else np.asarray(start, np.float32)
        if x.shape != (n, *self.event_shape):
            raise InvalidInput(f"start has shape {x.shape}; expected {(n, *self.event_shape)}.")
        at = np.atleast_1d(np.asarray(times, np.float64))
        system = LearntSystem(self, float(at[0]), float(self.step.value))
        paths = simulate(system, at, n=n, key=key, start=x)
        names, units, time_unit = self.frame.labels
        return Trajectories(paths.values, at, names=names, units=units, time_unit=time_unit)


@eqx.filter_jit
def _walk(fields: OnsagerFields, starts: Array, key: Key, n: int) -> Array:
    begin, walk = jax.random.split(key)
    x = starts[jax.random.randint(begin, (n,), 0, len(starts))]
    log_of = lambda x: -jax.vmap(fields.energy)(x) / fields.temperature.value

    def move(state, key):
        x, log_x = state
        step, accept = jax.random.split(key)
        y = x + _STRIDE * fields.scale.value * jax.random.normal(step, x.shape)
        log_y = log_of(y)
        kept = jnp.log(jax.random.uniform(accept, (n,))) < log_y - log_x
        return (jnp.where(kept[:, None], y, x), jnp.where(kept, log_y, log_x)), None

    return jax.lax.scan(move, (x, log_of(x)), jax.random.split(walk, _WALK))[0][0]
