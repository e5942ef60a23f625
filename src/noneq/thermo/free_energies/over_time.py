"""Free energy of a law that changes with time, from the energy that a model has learnt of it."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput, WrongType
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.systems.base import AbstractLangevin
from noneq.traced import jit
from noneq.traits import HasEnergy, require


Reference: TypeAlias = AbstractLangevin | Callable[[Any, Any], Any]
"""A system with potential and temperature, or (t, x) ↦ energy over kT."""

_NAME = "free_energy_over_time"
_CUBIC = 3


@observable("model", traits=(HasEnergy,), more=("data",), number=False)
def free_energy_over_time(
    model: Any,
    data: Snapshots | Trajectories,
    *,
    reference: Reference | None = None,
    start: float = 0.0,
) -> Estimate:
    """F(t) = −ln ∫ e^{−E(x, t)} dx of a learnt energy, in kT, along the times of the data.

    **Equation**: dF/dt = ⟨∂_t E⟩_t over the states at each time, p_t = e^{F − E}; the integral is
    that of the cubic spline through these means, and F is ``start`` at the first time.

    A law tells its energy up to a constant of each time, E + c(t), and F follows: F + c(t). With
    ``reference`` the constant is that of a known energy U: ⟨U − E⟩_t is added, and F is the free
    energy of U. Errors g(x, t) of the learnt energy then enter by ∫∫ g ∂_t p dx dt alone: where the
    law does not move they do not matter. Between the times of its data a network's energy is only
    interpolated, and ∂_t E with it: where states move by the width of a well or more from one time to
    the next, F is off by as much as 1 kT. Record more times, of fewer states each.

    Args:
        model: with the trait `HasEnergy`, of several times; in units of kT.
        data: states at each time, those of the fit or others: snapshots, or paths, whose frames err
            together.
        reference: the energy whose constant counts; a Langevin system is asked for beta V.
        start: F at the first time, where it is known (by `free_energy` from a Gaussian, say).

    Returns:
        In kT, an entry for each time. The standard error is that of the means over states.

    Raises:
        WrongType: data that are neither snapshots nor paths, or a reference that is neither.
        InvalidInput: fewer than two times, fewer than two states at one of them, states of another
            shape than the model's, or an energy that is not finite.
        MissingTrait: a model without energy.

    Source: Kirkwood 1935; Frenkel and Smit 2002, section 7.1.
    """
    require(model, HasEnergy, _NAME)
    snaps, paths = _states(model, data)
    count = np.bincount(snaps.time_index, minlength=snaps.times.size)
    if snaps.times.size < 2 or count.min() < 2:
        raise InvalidInput(
            f"{_NAME}: {snaps.times.size} times with at least {count.min()} states each; expected "
            "two times or more, and two states or more at each."
        )
    known = _energy_of(reference)
    time, x = jnp.asarray(snaps.sample_times, float), jnp.asarray(snaps.values, float)
    rise = np.asarray(_rises(model, time, x), np.float64)
    gap = np.zeros(len(rise))
    if known is not None:
        gap = np.asarray(_gaps(model, known, time, x), np.float64)
    if not (np.isfinite(rise).all() and np.isfinite(gap).all()):
        raise InvalidInput(f"{_NAME}: the energy is not finite at some state of the data.")
    weights, at = _integrals(snaps.times), snaps.time_index
    value, error = np.full(len(weights), float(start)), np.zeros(len(weights))
    for i in range(1, len(weights)):
        # What each state adds to F(t_i), and what its path does.
        each = weights[i, at] * rise + (1.0 * (at == i) - 1.0 * (at == 0)) * gap
        means = np.bincount(at, each) / count
        value[i] += means.sum()
        error[i] = np.sqrt((np.bincount(paths, (each - means[at]) / count[at]) ** 2).sum())
    return Estimate(
        value,
        error,
        count.astype(float),
        times=np.asarray(snaps.times, np.float64),
        unit="kT",
        method="thermodynamic integration",
    )


def _states(model: HasEnergy, data: Snapshots | Trajectories) -> tuple[Snapshots, np.ndarray]:
    """States with their times, and the number of the path that each is on."""
    if data.event_shape != model.event_shape:  # pyright: ignore[reportAttributeAccessIssue]
        raise InvalidInput(
            f"{_NAME}: states of shape {data.event_shape} for a model of shape "
            f"{model.event_shape}; expected equal."  # pyright: ignore[reportAttributeAccessIssue]
        )
    if isinstance(data, Trajectories):
        return data.snapshots(), np.nonzero(data.observed)[0]
    return data, np.arange(len(data.values))


def _energy_of(reference: Reference | None) -> Callable[[Any, Any], Any] | None:
    if isinstance(reference, AbstractLangevin):
        return lambda t, x: reference.beta * reference.potential(t, x)
    if reference is not None and not callable(reference):
        raise WrongType(
            f"{_NAME}: reference is a {type(reference).__name__}; expected a system with a potential "
            "or a function of (t, x)."
        )
    return reference


def _integrals(times: np.ndarray) -> Float[np.ndarray, "T T"]:
    """Row i times values at the times is the integral of their spline from the first to time i."""
    from scipy.interpolate import make_interp_spline

    clock = np.asarray(times, np.float64)
    degree = min(_CUBIC, clock.size - 1)
    whole = make_interp_spline(clock, np.eye(clock.size), k=degree).antiderivative()
    return whole(clock) - whole(clock[0])


@jit
def _rises(model: HasEnergy, time: Array, x: Array) -> Float[Array, " n"]:
    slope = jax.grad(lambda t, x: model.energy(x, time=t))
    return jax.vmap(slope)(time, x)


def _gaps(
    model: HasEnergy, known: Callable[[Any, Any], Any], time: Array, x: Array
) -> Float[Array, " n"]:
    def one(t: Array, x: Array) -> Scalar:
        return jnp.asarray(known(t, x), float) - model.energy(x, time=t)

    return jax.jit(jax.vmap(one))(time, x)
