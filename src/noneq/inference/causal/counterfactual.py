"""What a recorded path would have been after an intervention, with the same noise."""

import warnings
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.data.ensembles import Trajectories
from noneq.domains import Free, Product, Torus, periods_of
from noneq.errors import InvalidInput, MissingTrait
from noneq.needs import observable
from noneq.simulation.learnt import MODEL_STEPS, LearntSystem
from noneq.systems.base import AbstractDiffusion, Intervened
from noneq.systems.interventions import Intervention
from noneq.traits import AbstractModel


Convention: TypeAlias = Literal["additive", "lower-triangular"]
"""Which function of state and noise the mechanism is taken to be."""
_COARSE = 0.5
"""‖∂f/∂x‖ h from which on one Euler step per interval is too coarse."""
_PROBED = 256


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """Factual paths beside those of the same noise under a change.

    Attributes:
        factual: as recorded.
        paths: counterfactual, observed at the same frames.
        noise: ΔW of the interval that ends at each frame but the first, ``(n, T − 1, dim)``, with
            a lower-triangular B; 0 where no frame or no noise is, and in clamped coordinates
            that of the factual path.
        convention: ``"additive"``: B is the same at all states, so that the difference of
            the paths does not depend on how the noise is turned; ``"lower-triangular"``: B is the
            Cholesky factor of B Bᵀ, one choice of many that give the same law.
    """

    factual: Trajectories
    paths: Trajectories
    noise: Float[np.ndarray, "n intervals dim"]
    convention: Convention

    @property
    def difference(self) -> Float[np.ndarray, "n T dim"]:
        """Counterfactual − factual, 0 where no frame is."""
        away = self.paths.values - self.factual.values.astype(np.float64)
        periods = periods_of(self.paths.domain, self.paths.event_shape)
        round_ = np.where(periods > 0, periods, 1.0)
        return away - np.where(periods > 0, round_ * np.round(away / round_), 0.0)

    def __str__(self) -> str:
        n, frames, dim = self.paths.values.shape
        return (
            f"Counterfactual({n} paths, {frames} times, {dim} coordinates, {self.convention} noise)"
        )


@observable("values", number=False)
def counterfactual(
    model: AbstractDiffusion | AbstractModel, trajectory: Trajectories, change: Intervention
) -> Counterfactual:
    """What recorded paths would have been under an intervention, given the noise that they met.

    **Equation**: abduct ΔW_k = B⁻¹(x_{k+1} − x_k − f h) from the factual path, one Euler–Maruyama
    step for each interval between observed frames, and replay it under the changed drift f' and
    noise B': x'_{k+1} = x'_k + f' h + B' ΔW_k. In float64; without a change the path comes back.

    The law of X does not say what the counterfactual is: dX = f dt + B R(X) dW has the same law
    for every rotation R, and other counterfactuals. The result names the convention that was taken.

    Args:
        model: a system, or a fitted model with the trait `HasDrift`.
        trajectory: paths ``(n, T, dim)``; uneven times and gaps are allowed, and cost accuracy
            of order h.
        change: what is done; ``Intervention(clamp={"x": 1.0})``.

    Raises:
        InvalidInput: paths of another dimension than the model's, reflecting walls (which forget
            the noise), or a change of the noise of a coordinate that has none.
        MissingTrait: a model without drift.

    Intervals that are long for the drift are warned of.

    Source: Pearl 2009, section 7.1 (abduction, action, prediction); Hansen and Sokol 2014.
    """
    system = _system_of(model, trajectory)
    changed = Intervened(system, change)
    times = np.asarray(trajectory.times, np.float64)
    _check_steps(system, trajectory, times)
    # Digits matter: the difference of two paths may be small against both.
    with jax.enable_x64(True):
        values = jnp.asarray(np.asarray(trajectory.values, np.float64))
        seen = jnp.asarray(trajectory.observed)
        additive = _is_additive(system, trajectory, times)
        if not additive:
            _refuse_degenerate(system, trajectory, times)
        paths, noise = _replayed(system, changed, values, seen, jnp.asarray(times), additive)
        paths, noise = np.asarray(paths), np.asarray(noise)
    if not np.isfinite(paths).all():
        raise InvalidInput(
            "counterfactual: the replayed path left all bounds; record at shorter intervals, or "
            "ask for a smaller change."
        )
    labels = {k: v for k, v in trajectory.labels().items() if k != "drawn_from"}
    other = Trajectories(paths, times, mask=trajectory.mask, **labels)
    convention: Convention = "additive" if additive else "lower-triangular"
    return Counterfactual(trajectory, other, noise, convention)


@eqx.filter_jit
def _replayed(
    system: AbstractDiffusion,
    changed: Intervened,
    values: Array,
    seen: Array,
    times: Array,
    additive: bool,
) -> tuple[Array, Array]:
    """Counterfactual states (n, T, dim) and noise (n, T − 1, dim)."""
    factors = jnp.asarray(changed.intervention.factors(values.shape[-1]))

    def path(states: Array, there: Array) -> tuple[Array, Array]:
        def frame(carry: Any, now: Any) -> tuple[Any, Any]:
            time, x, y, begun = carry
            t, at, observed = now
            h = t - time
            rest = system.domain.difference(at, x) - system.drift(time, x) * h
            root = _root(system.diffusion(time, x), x)
            noise = _solved(root, rest)
            there = changed.intervention.held(y)
            turned = rest if additive else _root(system.diffusion(time, there), y) @ noise
            moved = y + changed.drift(time, y) * h + factors * turned
            moved = changed.intervention.held(changed.domain.project(moved))
            after = jnp.where(begun, moved, changed.intervention.begun(at))
            kept = (time, x, y, begun)
            new = (t, at, after, jnp.asarray(True))
            carry = jax.tree.map(lambda a, b: jnp.where(observed, a, b), new, kept)
            return carry, (carry[2], jnp.where(observed & begun, noise, 0.0))

        first = (times[0], states[0], states[0], jnp.asarray(False))
        _, (found, noise) = jax.lax.scan(frame, first, (times, states, there))
        return found, noise[1:]

    return jax.vmap(path)(values, seen)


def _root(b: Array, x: Array) -> Array:
    """The lower-triangular L with L Lᵀ = B Bᵀ; rows of zeros stay."""
    if b.ndim < 2:
        return jnp.diag(jnp.abs(jnp.broadcast_to(b, x.shape)))
    square = b @ b.T
    still = jnp.diag(square) == 0
    root = jnp.linalg.cholesky(square + jnp.diag(jnp.where(still, 1.0, 0.0)))
    return root * jnp.where(still, 0.0, 1.0)[:, None]


def _solved(root: Array, rest: Array) -> Array:
    """ΔW of L ΔW = rest, 0 in coordinates without noise."""
    still = jnp.diag(root) == 0
    filled = root + jnp.diag(jnp.where(still, 1.0, 0.0))
    rest = jnp.where(still, 0.0, rest)
    return jax.scipy.linalg.solve_triangular(filled, rest, lower=True)


def _system_of(model: Any, trajectory: Trajectories) -> AbstractDiffusion:
    times = trajectory.times
    if isinstance(model, AbstractModel):
        step = float(times[-1] - times[0]) / MODEL_STEPS or 1.0
        model = LearntSystem(model, float(times[0]), step, symbols=trajectory.names)
    if not isinstance(model, AbstractDiffusion):
        raise MissingTrait(
            f"counterfactual: {type(model).__name__} has no drift; expected a system "
            "dX = f dt + B dW or a fitted model with the trait HasDrift."
        )
    if model.event_shape != trajectory.event_shape or len(model.event_shape) != 1:
        raise InvalidInput(
            f"counterfactual: paths of states of shape {trajectory.event_shape} for a system of "
            f"shape {model.event_shape}; expected equal vectors."
        )
    if times.size < 2:
        raise InvalidInput("counterfactual: one frame has no noise; give at least two.")
    parts = model.domain.parts if isinstance(model.domain, Product) else (model.domain,)
    if not all(isinstance(part, Free | Torus) for part in parts):
        raise InvalidInput(
            f"counterfactual: {type(model.domain).__name__} reflects or absorbs, so that a path "
            "does not tell its noise; expected free or periodic coordinates."
        )
    return model


def _probe(trajectory: Trajectories) -> np.ndarray:
    """Some observed states."""
    states = trajectory.values[trajectory.observed]
    return np.asarray(states[:: max(1, len(states) // _PROBED)][:_PROBED], np.float64)


def _is_additive(system: AbstractDiffusion, trajectory: Trajectories, times: np.ndarray) -> bool:
    """Whether B is the same wherever the paths go."""
    states = jnp.asarray(_probe(trajectory))
    every = np.asarray(jax.vmap(system.diffusion, (None, 0))(times[0], states))
    size = np.abs(every).max(initial=0.0)
    return bool(np.abs(every - every[:1]).max(initial=0.0) <= 1e-9 * size)


def _refuse_degenerate(
    system: AbstractDiffusion, trajectory: Trajectories, times: np.ndarray
) -> None:
    """Noise that vanishes somewhere cannot be told from a path there."""
    states = jnp.asarray(_probe(trajectory))
    root = lambda x: jnp.diag(_root(system.diffusion(times[0], x), x))
    sizes = np.abs(np.asarray(jax.vmap(root)(states)))
    weak = (sizes.min(0) < 1e-9 * sizes.max()) & (sizes.max(0) > 0)
    if weak.any():
        name = trajectory.names[int(np.argmax(weak))]
        raise InvalidInput(
            f"counterfactual: the noise of {name} depends on the state and vanishes on the paths, so "
            "that they do not tell it; leave such frames out."
        )


def _check_steps(system: AbstractDiffusion, trajectory: Trajectories, times: np.ndarray) -> None:
    states = jnp.asarray(_probe(trajectory), jnp.zeros(()).dtype)
    slopes = jax.vmap(jax.jacfwd(system.drift, argnums=1), (None, 0))(float(times[0]), states)
    rate = float(np.linalg.norm(np.asarray(slopes), 2, axis=(1, 2)).max())
    longest = float(np.diff(times).max())
    if rate * longest > _COARSE:
        warnings.warn(
            f"counterfactual: the drift changes by a factor of {rate * longest:.2g} within an interval "
            f"of {longest:.3g}, for one Euler step; record at intervals below {_COARSE / rate:.2g}.",
            stacklevel=4,
        )
