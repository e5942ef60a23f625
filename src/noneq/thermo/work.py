"""Work done on a driven system."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput, MissingTrait
from noneq.estimate import Estimate, sample_mean
from noneq.needs import observable
from noneq.systems.base import AbstractLangevin, AbstractSystem
from noneq.thermo.goodness_of_fit import check_recorded_by


@observable("trajectories", more=("system",))
def power(trajectories: Trajectories, system: AbstractSystem, *, check: bool = True) -> Estimate:
    """Mean power of the time-dependent potential at each time.

    **Equation**: ⟨∂_t V(t, X_t)⟩.

    Args:
        trajectories: ``(n, T, dim)``; every recorded state counts, so the interval does not matter.
        system: the system that they follow.
        check: refuse data whose drift or noise is not the system's (false alarms below 1e-6 a
            call, see `noneq.thermo.goodness_of_fit`); False answers whatever the data are.

    Returns:
        One number per time, energy per unit time, with the error over trajectories.

    Raises:
        InvalidInput: missing observations, fewer than two trajectories, or data of another system.
        MissingTrait: a system without potential.
    """
    check_complete(trajectories, "power")
    system = langevin(system, "power")
    if check:
        check_recorded_by(trajectories, system, "power")
    return sample_mean(_rates(system, trajectories), times=trajectories.times)


@observable("trajectories", more=("system",), number=False)
def work(trajectories: Trajectories, system: AbstractSystem, *, check: bool = True) -> np.ndarray:
    """Work done on each trajectory between its first and its last time.

    **Equation**: ∫ ∂_t V dt + ∫ f_nc ∘ dX, the first by the trapezoidal rule over the recorded
    times, the second (Stratonovich) with the force at the midpoint of each recorded displacement:
    its error falls linearly with the recording interval.

    Args:
        trajectories: ``(n, T, dim)`` with at least two times; on a torus recorded displacements
            must stay below half a period.
        system: the system that they follow.
        check: refuse data whose drift or noise is not the system's (false alarms below 1e-6 a
            call, see `noneq.thermo.goodness_of_fit`); False answers whatever the data are.

    Returns:
        ``(n,)`` energies, positive where work is done on the system.

    Raises:
        InvalidInput: missing observations, a single time, or data of another system.
        MissingTrait: a system without potential.
    """
    check_complete(trajectories, "work", times=2)
    system = langevin(system, "work")
    if check:
        check_recorded_by(trajectories, system, "work")
    driving = np.trapezoid(_rates(system, trajectories), trajectories.times, axis=1)
    return driving + stratonovich(system, system.nonconservative_force, trajectories)


def stratonovich(
    system: AbstractSystem, force: Callable[..., Array], trajectories: Trajectories
) -> np.ndarray:
    """∫ force(t, X) ∘ dX along each trajectory, ``(n,)``, by the midpoint rule."""
    middle = (trajectories.times[1:] + trajectories.times[:-1]) / 2
    times = jnp.asarray(middle, jnp.zeros(()).dtype)
    parts = np.asarray(_force_times_step(system, force, times, _device(trajectories)))
    return np.asarray(np.sum(parts, axis=1, dtype=np.float64))


def check_complete(trajectories: Trajectories, what: str, times: int = 1) -> None:
    """Refuse trajectories with gaps or too few times.

    Raises:
        InvalidInput: naming the cure.
    """
    if trajectories.mask is not None:
        raise InvalidInput(
            f"{what}: some observations are missing; keep complete trajectories or times only."
        )
    if trajectories.times.size < times:
        raise InvalidInput(
            f"{what}: {trajectories.times.size} recorded time(s); at least {times} are needed."
        )


def langevin(system: AbstractSystem, what: str) -> AbstractLangevin:
    """The system, if it has a potential.

    Raises:
        MissingTrait: it has none.
    """
    if isinstance(system, AbstractLangevin):
        return system
    raise MissingTrait(
        f"{what} needs a system with a potential (AbstractLangevin), got {type(system).__name__}."
    )


def _rates(system: AbstractLangevin, trajectories: Trajectories) -> np.ndarray:
    """∂_t V at every recorded state, (n, T) in float64."""
    times = jnp.asarray(trajectories.times, jnp.zeros(()).dtype)
    return np.asarray(_potential_rates(system, times, _device(trajectories)), np.float64)


def _device(trajectories: Trajectories) -> Array:
    return jnp.asarray(trajectories.values, jnp.zeros(()).dtype)


@eqx.filter_jit
def _potential_rates(system: AbstractLangevin, times: Array, values: Array) -> Array:
    rate = jax.grad(system.potential, argnums=0)
    return jax.lax.map(lambda xs: jax.vmap(rate)(times, xs), values, batch_size=256)


@eqx.filter_jit
def _force_times_step(
    system: AbstractSystem, force: Callable[..., Array], times: Array, values: Array
) -> Array:
    def one(t, x, y):
        step = system.domain.difference(y, x)
        return jnp.vdot(force(t, system.domain.project(x + step / 2)), step)

    along = lambda xs: jax.vmap(one)(times, xs[:-1], xs[1:])
    return jax.lax.map(along, values, batch_size=256)
