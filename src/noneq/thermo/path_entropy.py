"""Entropy production measured on trajectories of a known system."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput, MissingTrait
from noneq.estimate import Estimate, sample_mean
from noneq.needs import observable
from noneq.systems.base import AbstractDiffusion, AbstractLangevin, AbstractSystem
from noneq.systems.driven import HasProtocol
from noneq.systems.underdamped import AbstractUnderdamped
from noneq.thermo.goodness_of_fit import check_recorded_by, check_shape
from noneq.thermo.work import check_complete, potential_rates, stratonovich, work


@observable("trajectories", more=("system",))
def system_rate(
    trajectories: Trajectories,
    system: AbstractSystem,
    *,
    start: float | None = None,
    check: bool = True,
) -> Estimate:
    """Mean entropy production rate in a (periodic) steady state.

    **Equation**: Langevin systems: beta W/T, W = ∫ ∂_t V dt + ∫ f_nc ∘ dX, the work over the
    window, all of which ends as heat; ∂_t V is taken at the records (with a `Protocol`, whose jumps
    count, the work is that of `work`). Systems with inertia: the heat into every bath over its
    temperature, Σ_i [∫ F_i ∘ dx_i − m Δ(v_i²)/2]/(T_i T). Other diffusions with constant
    invertible D: (1/T) ∫ D^{-1} f ∘ dX.

    Each trajectory is one independent sample. The Stratonovich sums carry an error linear in the
    recording interval; the first term has none, whatever the interval (with a protocol one of the
    second order). Choose a window of whole
    periods, or one long against them.

    Args:
        trajectories: ``(n, T, dim)`` of that system.
        system: the system that they follow.
        start: times before it are a transient and left out; None keeps all.
        check: refuse data whose drift or noise is not the system's (false alarms below 1e-6 a
            call, see `noneq.thermo.goodness_of_fit`); False answers whatever the data are.

    Returns:
        Nats per unit time, k_B = 1.

    Raises:
        InvalidInput: missing observations, fewer than two times or two trajectories, a noise
            that depends on the state or is singular, or data of another system.
        MissingTrait: a system without dynamics.
    """
    if not isinstance(system, AbstractDiffusion):
        raise MissingTrait(
            f"system_rate needs a system with dynamics (AbstractDiffusion), got "
            f"{type(system).__name__}."
        )
    check_complete(trajectories, "system_rate", times=2)
    check_shape(trajectories, system, "system_rate")
    if start is not None:
        keep = np.flatnonzero(trajectories.times >= start)
        if keep.size < 2:
            raise InvalidInput(
                f"system_rate: {keep.size} time(s) from start = {start:g} on; choose "
                f"an earlier start, the last time is {trajectories.times[-1]:g}."
            )
        trajectories = trajectories.frames(keep)
    span = np.ptp(trajectories.times)
    if isinstance(system, AbstractLangevin):
        if check:
            check_recorded_by(trajectories, system, "system_rate")
        if isinstance(system, HasProtocol):
            done = work(trajectories, system, check=False)
        else:
            # Rises between two records, as in `work`, would be too small by a share (ω dt)²/12.
            done = np.trapezoid(potential_rates(system, trajectories), trajectories.times, axis=1)
            done += stratonovich(system, system.nonconservative_force, trajectories)
        return sample_mean(system.beta * done / span, method="system")
    if isinstance(system, AbstractUnderdamped):
        if not min(system.temperatures) > 0:
            raise InvalidInput(
                f"system_rate: a bath of {type(system).__name__} has temperature 0, "
                "where heat costs infinitely much entropy; give every bath a temperature."
            )
        force = _BathForce(system)
    else:
        force = _HeatForce(system, _inverse_diffusivity(system, trajectories))
    if check:
        check_recorded_by(trajectories, system, "system_rate")
    return sample_mean(stratonovich(system, force, trajectories) / span, method="system")


class _HeatForce(eqx.Module):
    """D^{-1} f: the force whose work is the heat over kT."""

    system: AbstractDiffusion
    inverse: Array

    def __call__(self, t: ScalarLike, x: Float[Array, "dim"]) -> Float[Array, "dim"]:
        return self.inverse @ self.system.drift(t, x)


class _BathForce(eqx.Module):
    """(F/T, −m v/T) of a state (x, v): the force whose work is the heat over kT of each bath."""

    system: AbstractUnderdamped

    def __call__(self, t: ScalarLike, x: Float[Array, "state"]) -> Float[Array, "state"]:
        place, v = jnp.split(x, 2)
        bath = jnp.asarray(self.system.temperatures, x.dtype)
        return jnp.concatenate([self.system.force(t, place) / bath, -self.system.mass * v / bath])


def _inverse_diffusivity(system: AbstractDiffusion, trajectories: Trajectories) -> Array:
    """D^{-1} with D = B B^T/2, for a B that is the same at all of some states."""
    t = float(trajectories.times[0])
    states = jnp.asarray(trajectories.values[:64, -1], jnp.zeros(()).dtype)
    noise = np.asarray(jax.vmap(system.diffusion, (None, 0))(t, states), np.float64)
    name = type(system).__name__
    if np.ptp(noise, axis=0).any():
        raise InvalidInput(
            f"system_rate: the noise of {name} depends on the state; only constant "
            "noise is supported."
        )
    b = noise[0] if noise[0].ndim == 2 else np.diag(np.broadcast_to(noise[0], states.shape[1:]))
    diffusivity = b @ b.T / 2
    if np.linalg.matrix_rank(diffusivity) < len(diffusivity):
        raise InvalidInput(
            f"system_rate: {name} has a direction without noise, in which irreversible "
            "motion would cost infinitely much; give every coordinate noise."
        )
    return jnp.asarray(np.linalg.inv(diffusivity), states.dtype)
