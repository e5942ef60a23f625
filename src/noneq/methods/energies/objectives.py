"""Three ways to learn an energy from data without its normalisation."""

import math
from abc import abstractmethod
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from noneq._typing import Key, Scalar
from noneq.constant import learnable
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked, checked
from noneq.learning.objectives import AbstractObjective, HasHoveringLoss
from noneq.learning.rows import dequantised, left_open
from noneq.methods.energies.energy_model import TiltedEnergy
from noneq.methods.energies.langevin_moves import moved, walker


class Rows(NamedTuple):
    """Normalised states with their physical times and conditions (None: there are none)."""

    y: Float[Array, "n dim"]
    time: Float[Array, " n"]
    condition: Float[Array, "n columns"] | None


class AbstractEnergyObjective(AbstractChecked):
    """What an energy follows in training; fields are its hyper-parameters."""

    @abstractmethod
    def init(self, model: TiltedEnergy, *, key: Key) -> PyTree:
        """State carried from step to step, or None."""

    @abstractmethod
    def direction(
        self, model: TiltedEnergy, state: PyTree, rows: Rows, *, key: Key
    ) -> tuple[Scalar, PyTree, PyTree]:
        """(loss, gradient with respect to the learnable arrays, new state)."""


class EnergyLoss(AbstractObjective, HasHoveringLoss):
    """An energy objective on the rows of a data set.

    Args:
        rule: which one.
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.
    """

    rule: AbstractEnergyObjective
    drop: float = 0.0
    width: Array | None = None

    @property
    def hovers(self) -> bool:
        return not isinstance(self.rule, AbstractScoreObjective)

    @checked
    def init(self, model: TiltedEnergy, *, key: Key) -> PyTree:
        return self.rule.init(model, key=key)

    def grad(
        self, model: TiltedEnergy, state: PyTree, batch: dict[str, Any], *, key: Key
    ) -> tuple[Scalar, PyTree, PyTree]:
        fill_key, drop_key, key = jax.random.split(key, 3)
        y = dequantised(batch["y"], self.width, key=fill_key)
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        return self.rule.direction(model, state, Rows(y, batch["time"], condition), key=key)


class Chains(NamedTuple):
    """Persistent chains, each of its own time and condition, and whether they have begun."""

    rows: Rows
    begun: Bool[Array, ""]


class PersistentLangevin(AbstractEnergyObjective):
    """Maximum likelihood, with the model's mean taken over chains that go on from step to step.

    **Equation**: ∇L = ⟨∇_theta E⟩_data − ⟨∇_theta E⟩_chains, the gradient of −log p once the chains
    follow the model. At each step the chains make one jump and ``steps`` Metropolis-adjusted
    Langevin moves (no bias of the step size), and a fraction ``restart`` begins anew at rows of the
    batch, with their times and conditions. If the model is the law of the data, restarts leave
    that law as it is: the fixed point is that of maximum likelihood. The loss is the gap
    ⟨E⟩_data − ⟨E⟩_chains: it hovers around zero and is no measure of the fit.

    Args:
        chains: their number.
        steps: Langevin moves of each per training step.
        step_size: largest step, in units of the normalised data (see `langevin_move`).
        restart: fraction of the chains that begin anew.

    Raises:
        InvalidInput: a value outside its range.

    Source: Tieleman 2008 (persistence); Du and Mordatch 2019 (Langevin chains in a replay buffer,
    restarts). Deviations: Metropolis steps; restarts at data and not at uniform noise, whose
    basins would set the weights of modes; no spectral norm, no penalty of |E|².
    """

    chains: int = 256
    steps: int = 10
    step_size: float = 0.5
    restart: float = 0.05

    def __check_init__(self) -> None:
        if self.chains < 1 or self.steps < 1:
            raise InvalidInput(
                f"PersistentLangevin: chains = {self.chains}, steps = {self.steps}; expected at "
                "least 1 of each."
            )
        if not (0 < self.step_size < math.inf and 0 <= self.restart <= 1):
            raise InvalidInput(
                f"PersistentLangevin: step_size = {self.step_size}, restart = {self.restart}; "
                "expected a finite number > 0 and a fraction in [0, 1]."
            )

    @checked
    def init(self, model: TiltedEnergy, *, key: Key) -> Chains:
        columns = jnp.zeros((self.chains, model.columns)) if model.columns else None
        rows = Rows(jnp.zeros((self.chains, model.dim)), jnp.zeros(self.chains), columns)
        return Chains(rows, jnp.asarray(False))

    def direction(
        self, model: TiltedEnergy, state: Chains, rows: Rows, *, key: Key
    ) -> tuple[Scalar, PyTree, Chains]:
        start_key, row_key, move_key = jax.random.split(key, 3)
        again = jax.random.uniform(start_key, (self.chains,)) < self.restart
        again |= ~state.begun
        index = jax.random.randint(row_key, (self.chains,), 0, rows.y.shape[0])

        def renewed(old: Array, new: Array) -> Array:
            return jnp.where(again.reshape(-1, *(1,) * (old.ndim - 1)), new[index], old)

        chains = jax.tree.map(renewed, state.rows, rows)

        def advanced(y: Array, time: Array, condition: Any, key: Key) -> Array:
            tilt = lambda y: model.tilt(y, time, condition)
            return moved(tilt, walker(tilt, y), 1.0, self.step_size, self.steps, key=key).y

        keys = jax.random.split(move_key, self.chains)
        y = jax.vmap(advanced, (*_over(chains), 0))(chains.y, chains.time, chains.condition, keys)
        chains = chains._replace(y=jax.lax.stop_gradient(y))
        loss = lambda model: _pinned(model, rows) - _pinned(model, chains)
        value, grads = _slope(loss, model)
        return value, grads, Chains(chains, jnp.asarray(True))


class AbstractScoreObjective(AbstractEnergyObjective):
    """A plain loss of the score −∇E at one state: no chains, and no word on Z."""

    @abstractmethod
    def loss(
        self, model: TiltedEnergy, y: Float[Array, " dim"], time: Any, condition: Any, *, key: Key
    ) -> Scalar:
        """The loss of one state for one draw of the noise."""

    @checked
    def init(self, model: TiltedEnergy, *, key: Key) -> None:
        return None

    def direction(
        self, model: TiltedEnergy, state: None, rows: Rows, *, key: Key
    ) -> tuple[Scalar, PyTree, None]:
        keys = jax.random.split(key, rows.y.shape[0])

        def mean(model: TiltedEnergy) -> Scalar:
            one = lambda y, time, condition, key: self.loss(model, y, time, condition, key=key)
            return jnp.mean(jax.vmap(one, (*_over(rows), 0))(*rows, keys))

        value, grads = _slope(mean, model)
        return value, grads, None


class DenoisingScoreMatching(AbstractScoreObjective):
    """The score of the data with Gaussian noise of one level.

    **Equation**: ½ E |sigma s(y + sigma ξ) + ξ|², the mean over ξ and −ξ (which takes most of the
    variance of 1/sigma away). Its minimum is the law of y + sigma ξ: modes come out wider by
    sigma, in units of the normalised data. Relative weights of modes without data between them are
    hardly seen, as by all score matching.

    Args:
        sigma: the level.

    Raises:
        InvalidInput: a level that is not positive and finite.

    Source: Vincent 2011, eq. 17 (times sigma²).
    """

    sigma: float = 0.1

    def __check_init__(self) -> None:
        if not 0 < self.sigma < math.inf:
            raise InvalidInput(
                f"DenoisingScoreMatching: sigma = {self.sigma}; expected a finite number > 0."
            )

    def loss(
        self, model: TiltedEnergy, y: Float[Array, " dim"], time: Any, condition: Any, *, key: Key
    ) -> Scalar:
        xi = jax.random.normal(key, y.shape, y.dtype)
        pair = jnp.stack([xi, -xi])
        scores = jax.vmap(lambda xi: model.score(y + self.sigma * xi, time, condition))(pair)
        return jnp.sum((self.sigma * scores + pair) ** 2) / 4


class SlicedScoreMatching(AbstractScoreObjective):
    """The score of the data themselves, the trace of its slope by random projections.

    **Equation**: E[½ |s|² + (1/m) Σ vᵀ ∇s v], v of m random signs per number (one dimension: exact).
    On few data it narrows wells around single samples without bound, as nothing smooths; and it
    hardly sees relative weights of separate modes.

    Args:
        projections: m.

    Raises:
        InvalidInput: fewer than one.

    Source: Song et al. 2019 (sliced), eq. 8, the variance-reduced form.
    """

    projections: int = 1

    def __check_init__(self) -> None:
        if self.projections < 1:
            raise InvalidInput(
                f"SlicedScoreMatching: projections = {self.projections}; expected at least 1."
            )

    def loss(
        self, model: TiltedEnergy, y: Float[Array, " dim"], time: Any, condition: Any, *, key: Key
    ) -> Scalar:
        score = lambda y: model.score(y, time, condition)
        probes = jax.random.rademacher(key, (self.projections, *y.shape), y.dtype)
        values, slopes = jax.vmap(lambda v: jax.jvp(score, (y,), (v,)))(probes)
        return jnp.sum(values[0] ** 2) / 2 + jnp.mean(jnp.sum(probes * slopes, axis=1))


def _over(rows: Rows) -> tuple[Any, ...]:
    return 0, 0, None if rows.condition is None else 0


def _pinned(model: TiltedEnergy, rows: Rows) -> Scalar:
    """Mean of E(y, t, c) − E(0, t, c): what depends on t and c alone cancels before it adds noise."""
    gap = lambda y, *rest: model(y, *rest) - model(jnp.zeros_like(y), *rest)
    return jnp.mean(jax.vmap(gap, _over(rows))(*rows))


def _slope(loss: Any, model: TiltedEnergy) -> tuple[Scalar, PyTree]:
    free, fixed = eqx.partition(model, learnable(model))
    return jax.value_and_grad(lambda free: loss(eqx.combine(free, fixed)))(free)
