"""Entropy production of a law whose score and whose motion are known, learnt or not."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput, MissingTrait
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.systems.base import AbstractDiffusion
from noneq.thermo.learnt.requests import condition_of, count_of, times_of
from noneq.traced import jit
from noneq.traits import HasDrift, HasScore, HasVelocity, require


_NAME = "score_rate"


@observable("model", traits=(HasScore,), takes=("key",))
def score_rate(
    model: Any,
    n: int = 4096,
    *,
    times: Sequence[float] | np.ndarray | float | None = None,
    states: Snapshots | Trajectories | Numbers | None = None,
    system: AbstractDiffusion | None = None,
    diffusivity: Numbers | None = None,
    condition: Any = None,
    key: Key,
) -> Estimate:
    """Entropy production rate of p(x, t) from its score and its velocity, at each time.

    **Equation**: ⟨vᵀ D⁻¹ v⟩ with the local mean velocity v of ∂_t p + div(p v) = 0: that of the
    model, or v = f − div D − D ∇ log p of the drift f (Itô) and D = B Bᵀ/2 of the model or of a
    system, (div D)_i = Σ_j ∂_j D_ij. It is the total rate, of system and baths, whether p is
    stationary or not.

    An error e of the score is an error D e of v, so that the value errs by ⟨eᵀ D e⟩ from above and
    by twice ⟨vᵀ e⟩ either way; the standard error is that of the mean over states alone.

    Args:
        model: with the trait `HasScore`; and `HasVelocity` or `HasDrift`, or give ``system``.
        n: states at each time, drawn from the model.
        times: physical times; None for a model of a single time.
        states: average over these in place of draws: an array ``(n, *event_shape)`` for one time,
            or data, whose times are then used.
        system: where drift and diffusion are taken from, in place of the model's.
        diffusivity: D where neither tells it: a number, ``(dim,)`` or ``(dim, dim)``, in squares of
            the states' units per unit time.
        condition: as in `sample`.

    Returns:
        Nats per unit time, k_B = 1, one entry per time (a scalar for a single one).

    Raises:
        MissingTrait: no score, or nothing that tells the velocity.
        InvalidInput: no diffusivity, or one that is not positive definite.

    Source: Seifert 2012, section 2; Boffi and Vanden-Eijnden 2024.
    """
    require(model, HasScore, _NAME)
    if system is None and not isinstance(model, HasVelocity | HasDrift):
        raise MissingTrait(
            f"{_NAME}: {type(model).__name__} has a score and neither velocity nor drift; give "
            "system=, whose drift and diffusion are to be used."
        )
    source = system if system is not None else model
    if diffusivity is None and not isinstance(source, AbstractDiffusion | HasDrift):
        raise InvalidInput(
            f"{_NAME}: {type(source).__name__} has a velocity and no noise; give diffusivity=, or "
            "system=."
        )
    condition = condition_of(condition, _NAME)
    clocks = times_of(times, _NAME)
    ensembles = _ensembles(model, n, clocks, states, condition, key)
    # Decided here: inside a compiled function the two are different copies.
    own = source is model and isinstance(model, HasVelocity)
    matrix = _matrix(diffusivity, model)
    found = [_rates(model, source, own, matrix, t, x, condition) for t, x in ensembles]
    for (t, _), rates in zip(ensembles, found, strict=True):
        check_finite(rates, t)
    values = [np.asarray(rates, np.float64) for rates in found]
    moving = np.asarray([t for t, _ in ensembles if t is not None], np.float64)
    several = moving.size > 0 and not (times is None or np.ndim(times) == 0) or len(values) > 1
    pick = (lambda a: np.asarray(a)) if several else (lambda a: np.asarray(a[0]))
    return Estimate(
        pick([v.mean() for v in values]),
        pick([v.std(ddof=1) / np.sqrt(len(v)) for v in values]),
        pick([float(len(v)) for v in values]),
        times=moving if several else None,
        method="score",
        notes=(
            "Coordinates are taken for even under time reversal.",
            f"Velocity of {'the model' if own else 'drift and score'}; its own error "
            "is not part of the standard error.",
        ),
    )


def check_finite(rates: Array, time: Any) -> None:
    """Refuse rates that are not finite.

    Raises:
        InvalidInput: saying that D must be positive definite.
    """
    if not bool(jnp.isfinite(rates).all()):
        place = "" if time is None else f" at time {float(time):g}"
        raise InvalidInput(
            f"{_NAME}: the rate is not finite{place}; D must be positive definite at every state. A "
            "coordinate without noise dissipates without bound if it moves irreversibly: give every "
            "coordinate noise, or diffusivity=."
        )


def mean_velocity(
    model: Any, source: Any, own: bool, t: Any, x: Float[Array, "*event"], condition: Any
) -> Float[Array, " dim"]:
    """v at one state, flattened: the model's own, or f − div D − D ∇ log p of the source."""
    if own:
        return jnp.ravel(model.velocity(x, time=t, condition=condition))
    clock = 0.0 if t is None else t
    score = jnp.ravel(model.score(x, time=t, condition=condition))
    d_of = lambda y: diffusivity_at(source, clock, y.reshape(x.shape))
    flat = jnp.ravel(x)
    outward = jnp.einsum("ijj->i", jax.jacfwd(d_of)(flat))
    return jnp.ravel(source.drift(clock, x)) - outward - d_of(flat) @ score


def diffusivity_at(source: Any, t: Any, x: Float[Array, "*event"]) -> Float[Array, "dim dim"]:
    """D = B Bᵀ/2 at one state."""
    b = jnp.asarray(source.diffusion(t, x), float)
    if b.shape != x.shape and b.ndim == 2:
        return b @ b.T / 2
    return jnp.diag(jnp.ravel(jnp.broadcast_to(b, x.shape)) ** 2) / 2


def _matrix(diffusivity: Numbers | None, model: Any) -> Array | None:
    """D as a positive definite matrix.

    Raises:
        InvalidInput: another shape, or a direction without noise.
    """
    if diffusivity is None:
        return None
    size, given = int(np.prod(model.event_shape)), np.asarray(diffusivity, np.float64)
    if given.shape not in ((), (size,), (size, size)):
        raise InvalidInput(
            f"{_NAME}: diffusivity has shape {given.shape}; expected a number, ({size},) or "
            f"({size}, {size})."
        )
    full = given if given.ndim == 2 else np.diag(np.broadcast_to(given, (size,)))
    if not np.isfinite(full).all() or np.linalg.eigvalsh((full + full.T) / 2).min() <= 0:
        raise InvalidInput(f"{_NAME}: diffusivity is not positive definite.")
    return jnp.asarray(full, float)


def _ensembles(
    model: Any, n: int, times: Any, states: Any, condition: Any, key: Key
) -> list[tuple[Any, Array]]:
    """(time, states) of each average."""
    if isinstance(states, Snapshots | Trajectories):
        chosen = states.times if times is None else times
        pairs = [(float(t), states.at(float(t))) for t in chosen]
    elif states is not None:
        array = np.asarray(states)
        if not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
            raise InvalidInput(f"{_NAME}: states hold what is no finite number.")
        if times is not None and len(times) > 1:
            raise InvalidInput(
                f"{_NAME}: an array of states and {len(times)} times; give one time, or Snapshots."
            )
        pairs = [(None if times is None else times[0], array)]
    else:
        count_of(n, _NAME)
        clocks = [None] if times is None else times
        keys = jax.random.split(key, len(clocks))
        pairs = [
            (t, model.sample(n, time=t, condition=condition, key=k))
            for t, k in zip(clocks, keys, strict=True)
        ]
    for _, x in pairs:
        if x.shape[1:] != tuple(model.event_shape) or len(x) < 2:
            raise InvalidInput(
                f"{_NAME}: states of shape {x.shape}; expected at least two of shape "
                f"{tuple(model.event_shape)}."
            )
    return [(None if t is None else jnp.asarray(t), jnp.asarray(x, float)) for t, x in pairs]


@jit
def _rates(
    model: Any, source: Any, own: bool, matrix: Array | None, t: Any, x: Array, condition: Any
) -> Float[Array, " n"]:
    def one(x: Array) -> Scalar:
        v = mean_velocity(model, source, own, t, x, condition)
        d = diffusivity_at(source, 0.0 if t is None else t, x) if matrix is None else matrix
        return v @ jnp.linalg.solve(d, v)

    return jax.lax.map(one, x, batch_size=1024)
