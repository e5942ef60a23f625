"""What snapshots alone tell of entropy production: the current that no dynamics can do without."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key, Numbers
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.helmholtz import helmholtz
from noneq.thermo.learnt.requests import condition_of, count_of, times_of
from noneq.thermo.learnt.transport_cost import mean_over, transport_bound, whitener
from noneq.traced import jit
from noneq.traits import HasDrift, HasVelocity, require


_NAME = "snapshot_rate"


@observable("model", traits=(HasVelocity,), takes=("key",))
def snapshot_rate(
    model: Any,
    n: int = 2048,
    *,
    times: Sequence[float] | np.ndarray,
    diffusivity: Numbers | None = None,
    data: Snapshots | Trajectories | None = None,
    degree: int = 4,
    condition: Any = None,
    key: Key,
) -> Estimate:
    """Least entropy production rate of a change of law, from a model of transport between snapshots.

    **Equation**: ⟨∇φᵀ D ∇φ⟩, D ∇φ the part of the model's velocity u that changes the law:
    φ = argmin ⟨(u − D ∇φ)ᵀ D⁻¹ (u − D ∇φ)⟩. Of all velocities with the same p(x, t) it
    dissipates least. The rest of u, like any current with div(p v) = 0 of the true dynamics, leaves
    every snapshot as it is, and no snapshots tell of it: a stationary law has the value 0 here,
    whatever its currents.

    Args:
        model: a transport with the trait `HasVelocity`, u in physical time.
        n: states at each time.
        times: physical times, increasing; more than one.
        diffusivity: D, a number, ``(dim,)`` or ``(dim, dim)``, in squares of the states' units per
            unit time; None takes that of the model's own noise.
        data: snapshots, for the bound W²/Δ² of `transport_bound` beside the value, in the notes.
        degree: of the polynomial φ.
        condition: as in `sample`.

    Returns:
        Nats per unit time at each time, ``bound`` is ``"lower"``; what is fitted as gradient is judged
        on states that it was not fitted to.

    Raises:
        MissingTrait: a model without velocity.
        InvalidInput: one time, no diffusivity, or one that is not positive definite.

    Source: Maes and Netočný 2014; Nakazato and Ito 2021.
    """
    require(model, HasVelocity, _NAME)
    count_of(n, _NAME, 20)
    condition = condition_of(condition, _NAME)
    if degree < 1:
        raise InvalidInput(f"{_NAME}: degree = {degree}; expected at least 1.")
    clocks = np.asarray(times_of(times, _NAME))
    if clocks.size < 2 or not (np.diff(clocks) > 0).all():
        raise InvalidInput(f"{_NAME}: times {clocks.tolist()}; expected two or more, increasing.")
    size = int(np.prod(model.event_shape))
    noise = _diffusivity(model, clocks[0], size) if diffusivity is None else diffusivity
    root = whitener(noise, size, _NAME)
    rows = []
    for t, k in zip(clocks, jax.random.split(key, clocks.size), strict=True):
        x = model.sample(n, time=float(t), condition=condition, key=k)
        u = np.asarray(_velocities(model, x, jnp.asarray(t, float), condition), np.float64)
        # With y = Rᵀ x, R Rᵀ = D⁻¹, the metric is the plain one and D ∇φ a plain gradient.
        y, w = np.asarray(x, np.float64).reshape(len(x), -1) @ root, u @ root
        split, squares = helmholtz(y, w, degree=degree), (w**2).sum(1)
        whole, error = squares.mean(), squares.std(ddof=1) / np.sqrt(len(x))
        spread = np.hypot(split.share * error, split.stderr * whole)
        rows.append((split.share * whole, spread, whole))
    value, stderr, whole = (np.asarray(column) for column in zip(*rows, strict=True))
    notes = [
        "A lower bound: any current with div(p v) = 0 leaves all snapshots as they are and is not seen.",
        f"Of ⟨uᵀD⁻¹u⟩ of the model, {value.sum() / max(whole.sum(), 1e-300):.0%} is of a gradient.",
    ]
    if data is not None:
        cost = transport_bound(data, noise)
        mean, error = mean_over(cost, np.diff(data.times.astype(np.float64)))
        notes.append(
            f"W²/Δ² of the snapshots themselves, mean over time: {mean:.4g} ± {error:.2g}."
        )
    return Estimate(
        value,
        stderr,
        np.asarray(float(n)),
        times=clocks,
        bound="lower",
        method="snapshots",
        notes=tuple(notes),
    )


def _diffusivity(model: Any, time: float, size: int) -> np.ndarray:
    """D of the model's own noise, at the origin.

    Raises:
        InvalidInput: a model without any.
    """
    shape = tuple(model.event_shape)
    if isinstance(model, HasDrift):
        b = np.asarray(model.diffusion(time, jnp.zeros(shape)), np.float64)
        if b.any():
            full = b if b.ndim == 2 and b.shape == (size, size) else None
            return np.full(size, b.ravel() ** 2 / 2) if full is None else full @ full.T / 2
    raise InvalidInput(
        f"{_NAME}: {type(model).__name__} moves without noise; give diffusivity=, that of the system."
    )


@jit
def _velocities(model: Any, x: Any, t: Any, condition: Any) -> Any:
    one = lambda x: jnp.ravel(model.velocity(x, time=t, condition=condition))
    return jax.vmap(one)(x)
