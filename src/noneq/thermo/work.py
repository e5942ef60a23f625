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
from noneq.systems.driven import HasProtocol
from noneq.systems.underdamped import AbstractUnderdamped
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
    return sample_mean(potential_rates(system, trajectories), times=trajectories.times)


@observable("trajectories", more=("system",), number=False)
def work(trajectories: Trajectories, system: AbstractSystem, *, check: bool = True) -> np.ndarray:
    """Work done on each trajectory between its first and its last time, jumps at both included.

    **Equation**: ∫ ∂_t V dt + Σ_jumps [V(x, λ(t)) − V(x, λ(t−))] + ∫ f_nc ∘ dX. Between two records
    V rises by ½ [ΔV(x_k) + ΔV(x_{k+1})], ΔV(x) = V(t_{k+1}−, x) − V(t_k, x); a jump of the protocol
    (trait `HasProtocol`) at a record counts with the state of that record. The third term
    (Stratonovich) takes the force at the midpoint of each recorded displacement: its error falls
    linearly with the recording interval, that of the first as its square.

    A jump between two records counts with the mean of both states: record at the jumps. Of two
    windows that meet at a jump, both count it.

    Args:
        trajectories: ``(n, T, dim)`` with at least two times, or one at which a protocol jumps; on a
            torus recorded displacements must stay below half a period.
        system: the system that they follow, with its protocol if it is driven; of motion with
            inertia too.
        check: refuse data whose drift or noise is not the system's (false alarms below 1e-6 a
            call, see `noneq.thermo.goodness_of_fit`); False answers whatever the data are.

    Returns:
        ``(n,)`` energies, positive where work is done on the system.

    Raises:
        InvalidInput: missing observations, a single time, data of another system, or work that is
            not finite.
        MissingTrait: a system without potential.

    Source: Jarzynski 1997; Schmiedl and Seifert 2007 for jumps at the ends.
    """
    system = langevin(system, "work")
    single = isinstance(system, HasProtocol) and bool(system.protocol.jumps)
    check_complete(trajectories, "work", times=1 if single else 2)
    if check:
        check_recorded_by(trajectories, system, "work")
    total = np.sum(_rises(system, trajectories), axis=1, dtype=np.float64)
    total += stratonovich(system, _pushing(system), trajectories)
    if not np.isfinite(total).all():
        raise InvalidInput(
            f"work: the potential of {type(system).__name__} is not finite on "
            f"{int((~np.isfinite(total)).sum())} of {total.size} trajectories; they leave the states "
            "for which it is defined: check its units and its domain."
        )
    return total


def _pushing(system: AbstractLangevin | AbstractUnderdamped) -> Callable[..., Array]:
    """The force that is no gradient, of a whole state; of motion with inertia it moves positions alone."""
    if isinstance(system, AbstractLangevin):
        return system.nonconservative_force

    def force(t: Array, x: Array) -> Array:
        pull = system.nonconservative_force(t, _place(system, x))
        return jnp.concatenate([pull, jnp.zeros_like(pull)])

    return force


def _place(system: AbstractLangevin | AbstractUnderdamped, x: Array) -> Array:
    """What the potential takes: the state, of motion with inertia its positions."""
    return x if isinstance(system, AbstractLangevin) else x[: x.shape[0] // 2]


def stratonovich(
    system: AbstractSystem, force: Callable[..., Array], trajectories: Trajectories
) -> np.ndarray:
    """∫ force(t, X) ∘ dX along each trajectory, ``(n,)``, by the midpoint rule."""
    if trajectories.times.size < 2:
        return np.zeros(trajectories.n)
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


def langevin(system: AbstractSystem, what: str) -> AbstractLangevin | AbstractUnderdamped:
    """The system, if it has a potential, of states or of positions.

    Raises:
        MissingTrait: it has none.
    """
    if isinstance(system, AbstractLangevin | AbstractUnderdamped):
        return system
    raise MissingTrait(
        f"{what} needs a system with a potential (AbstractLangevin or AbstractUnderdamped), got "
        f"{type(system).__name__}."
    )


def potential_rates(
    system: AbstractLangevin | AbstractUnderdamped, trajectories: Trajectories
) -> np.ndarray:
    """∂_t V at every recorded state, (n, T) in float64."""
    times = jnp.asarray(trajectories.times, jnp.zeros(()).dtype)
    return np.asarray(_potential_rates(system, times, _device(trajectories)), np.float64)


def _rises(
    system: AbstractLangevin | AbstractUnderdamped, trajectories: Trajectories
) -> np.ndarray:
    """Rise of V at every record and after it, ``(n, T)``."""
    times = trajectories.times
    if isinstance(system, HasProtocol):
        times = _on_jumps(times, system.protocol.jumps)
    marks = jnp.asarray(times, jnp.zeros(()).dtype)
    return np.asarray(_potential_rises(system, marks, _device(trajectories)))


def _on_jumps(times: np.ndarray, jumps: tuple[float, ...]) -> np.ndarray:
    """Times with those that differ from a jump by rounding moved onto it."""
    if not jumps:
        return times
    marks = np.asarray(jumps)
    nearest = marks[np.argmin(np.abs(times[:, None] - marks), axis=1)]
    interval = np.diff(times).min() if times.size > 1 else max(1.0, abs(times[0]))
    return np.where(np.abs(times - nearest) <= 1e-3 * interval, nearest, times)


def _device(trajectories: Trajectories) -> Array:
    return jnp.asarray(trajectories.values, jnp.zeros(()).dtype)


@eqx.filter_jit
def _potential_rates(
    system: AbstractLangevin | AbstractUnderdamped, times: Array, values: Array
) -> Array:
    rate = lambda t, x: jax.grad(system.potential, argnums=0)(t, _place(system, x))
    return jax.lax.map(lambda xs: jax.vmap(rate)(times, xs), values, batch_size=256)


@eqx.filter_jit
def _potential_rises(
    system: AbstractLangevin | AbstractUnderdamped, times: Array, values: Array
) -> Array:
    """At every record its jump and half the rises of the intervals on both sides."""
    if isinstance(system, HasProtocol):
        potential = system.potential_at
        after, before = jax.vmap(system.protocol)(times), jax.vmap(system.protocol.before)(times)
    else:
        potential = lambda value, t, x: system.potential(t, x)
        after = before = times

    def at(state, k):
        x = _place(system, state)
        here = potential(after[k], times[k], x)
        jump = here - potential(before[k], times[k], x)
        following = jnp.minimum(k + 1, times.size - 1)
        previous = jnp.maximum(k - 1, 0)
        ahead = potential(before[following], times[following], x) - here
        behind = potential(before[k], times[k], x) - potential(after[previous], times[previous], x)
        ahead = jnp.where(k < times.size - 1, ahead, 0.0)
        behind = jnp.where(k > 0, behind, 0.0)
        return jump + (ahead + behind) / 2

    along = lambda xs: jax.vmap(at)(xs, jnp.arange(times.size))
    return jax.lax.map(along, values, batch_size=256)


@eqx.filter_jit
def _force_times_step(
    system: AbstractSystem, force: Callable[..., Array], times: Array, values: Array
) -> Array:
    def one(t, x, y):
        step = system.domain.difference(y, x)
        return jnp.vdot(force(t, system.domain.project(x + step / 2)), step)

    along = lambda xs: jax.vmap(one)(times, xs[:-1], xs[1:])
    return jax.lax.map(along, values, batch_size=256)
