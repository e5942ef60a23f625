"""The friction tensor of slow driving, from correlations in equilibrium."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.control.protocols.ends import on_line
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.kinds import checked
from noneq.simulation import simulate
from noneq.spec.names import unknown
from noneq.statistics.work.line_laws import boltzmann_line
from noneq.systems.base import AbstractLangevin
from noneq.systems.driven import relaxed


_WINDOW = 6.0
"""Correlations are summed up to so many of their own times (Sokal)."""


@checked
def friction_tensor(
    system: AbstractLangevin,
    parameters: Sequence[str],
    *,
    duration: float,
    n: int = 256,
    frames: int = 401,
    key: Key,
) -> Estimate:
    """What slow driving dissipates: the friction tensor ζ of a system's parameters.

    **Equation**: W − ΔF = ∫ λ'ᵀ ζ(λ) λ' dt for slow λ(t); ζ_ij = beta ∫_0^∞ ⟨δX_i(0) δX_j(t)⟩ dt with
    X_i = ∂V/∂λ_i, from runs at rest at λ. The integral ends at six correlation times, where what is left
    is below its noise; a run must be many correlation times long.

    Args:
        system: held at λ: its own numbers. It starts as `noneq.systems` says and relaxes for
            ``duration`` first; on a line it starts in equilibrium.
        parameters: names of its numbers, such as ``("barrier",)``.
        duration: of each run.
        n: runs.
        frames: recorded times of a run; several a correlation time.
        key: random key.

    Returns:
        ``(p, p)`` energy times time over the parameters' units, symmetric, with the error over runs;
        ``notes`` say the correlation time.

    Raises:
        InvalidInput: no such number, a run shorter than ten correlation times, or frames farther apart
            than one.

    Source: Sivak and Crooks 2012, Phys. Rev. Lett. 108, 190602.
    """
    names = _names(system, parameters)
    if not 0 < duration < float("inf") or n < 4 or frames < 20:
        raise InvalidInput(
            f"friction_tensor: duration = {duration}, n = {n}, frames = {frames}; expected a time > 0, at "
            "least 4 runs and 20 frames."
        )
    start_key, path_key = jax.random.split(key)
    times = np.linspace(0.0, duration, frames)
    start = _equilibrium(system, duration, n, start_key)
    paths = simulate(system, times, n=n, key=path_key, start=start)
    forces = np.asarray(_forces(system, names, jnp.asarray(paths.values, float)), np.float64)
    forces = forces - forces.mean((0, 1))
    dt = float(times[1])
    correlation = _correlations(forces)
    own = np.einsum("nkii->k", correlation) / n
    own = own / own[0]
    running = dt * (np.cumsum(own) - own / 2 - 0.5)
    long = np.flatnonzero(np.arange(frames) * dt > _WINDOW * np.maximum(running, dt))
    reach = 0.5 * duration
    if not long.size or long[0] * dt > reach:
        raise InvalidInput(
            f"friction_tensor: the forces stay correlated over a run of {duration:g}; take a longer one."
        )
    if running[long[0]] < dt:
        raise InvalidInput(
            f"friction_tensor: records are {dt:.3g} apart and the forces forget within; take more frames "
            "or a shorter duration."
        )
    cut = int(long[0])
    sums = correlation[:, : cut + 1]
    each = system.beta * dt * (sums.sum(1) - (sums[:, 0] + sums[:, cut]) / 2)
    each = (each + np.swapaxes(each, 1, 2)) / 2
    return Estimate(
        each.mean(0),
        each.std(0, ddof=1) / np.sqrt(n),
        np.asarray(n),
        method="green_kubo",
        notes=(f"Correlation time {running[cut]:.3g}; summed up to {cut * dt:.3g}.",),
    )


@checked
def line_friction(system: AbstractLangevin, parameter: str, nodes: int = 4001) -> float:
    """ζ of one parameter of a system on a line, by quadrature: what `friction_tensor` tends to.

    **Equation**: ζ = beta² ∫ G(x)²/p(x) dx, G(x) = ∫_{−∞}^x (X − ⟨X⟩) p dx, X = ∂V/∂λ
    (1/(4 beta k³) for the stiffness k of a trap).

    Raises:
        InvalidInput: no such number, several coordinates, or no equilibrium.
    """
    (name,) = _names(system, (parameter,))
    if system.event_shape != (1,):
        raise InvalidInput(
            f"line_friction: states of shape {system.event_shape}; use friction_tensor."
        )
    law = boltzmann_line(on_line(lambda x: system.potential(0.0, x)), system.beta, nodes)
    force = np.asarray(_forces(system, (name,), jnp.asarray(law.x, float)[None, :, None]))[0, :, 0]
    p, h = np.exp(law.log_density), law.x[1] - law.x[0]
    parts = (force - law.weights @ force) * p
    inner = np.concatenate([[0.0], np.cumsum((parts[1:] + parts[:-1]) / 2 * h)])
    # From the right end beyond the middle, where the left sum has lost its digits.
    inner = np.where(law.cumulative() < 0.5, inner, inner - inner[-1])
    return float(system.beta**2 * np.trapezoid(inner**2 / p, law.x))


def _names(system: AbstractLangevin, parameters: Sequence[str]) -> tuple[str, ...]:
    known = [
        f.name
        for f in dataclasses.fields(system)
        if type(getattr(system, f.name)) is float and f.name != "beta"
    ]
    for name in parameters:
        if name not in known:
            raise unknown(f"number of {type(system).__name__} that can be driven", name, known)
    if not parameters:
        raise InvalidInput("friction_tensor: name at least one parameter.")
    return tuple(parameters)


def _equilibrium(system: AbstractLangevin, duration: float, n: int, key: Key) -> Any:
    """States ``(n, *event_shape)`` in equilibrium: drawn on a line, else relaxed."""
    if system.event_shape == (1,):
        law = boltzmann_line(on_line(lambda x: system.potential(0.0, x)), system.beta)
        return law.draw(n, int(jax.random.randint(key, (), 0, 2**30)))[:, None]
    return np.asarray(_relaxed(system, duration, jax.random.split(key, n)))


@eqx.filter_jit
def _relaxed(system: AbstractLangevin, duration: float, keys: Array) -> Array:
    return jax.vmap(lambda key: relaxed(system, duration, key))(keys)


@eqx.filter_jit
def _forces(system: AbstractLangevin, names: tuple[str, ...], values: Array) -> Array:
    """∂V/∂λ of every state ``(n, T, p)``."""
    fields = lambda s: [getattr(s, name) for name in names]

    def potential(numbers: list[Array], x: Array) -> Array:
        return eqx.tree_at(fields, system, numbers).potential(0.0, x)

    numbers = [jnp.asarray(value, values.dtype) for value in fields(system)]
    force = lambda x: jnp.stack(jax.grad(potential)(numbers, x))
    return jax.vmap(jax.vmap(force))(values)


def _correlations(forces: np.ndarray) -> np.ndarray:
    """⟨X_i(0) X_j(t)⟩ of each run, averaged over its start, ``(n, T, p, p)``."""
    count = forces.shape[1]
    size = 2 ** int(np.ceil(np.log2(2 * count)))
    wave = np.fft.rfft(forces, size, axis=1)
    product = np.conj(wave)[..., :, None] * wave[..., None, :]
    whole = np.fft.irfft(product, size, axis=1)[:, :count]
    return whole / np.arange(count, 0, -1)[:, None, None]
