"""Paths and their work under a protocol whose values may be traced."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.control.protocols.curve import Curve
from noneq.errors import MissingTrait
from noneq.simulation.ensemble import own_solver
from noneq.simulation.solvers import noise_shape
from noneq.systems.driven import HasProtocol
from noneq.systems.protocols import AbstractProtocol
from noneq.systems.underdamped import AbstractUnderdamped


class DrivenPaths(NamedTuple):
    """What a protocol does to paths.

    Attributes:
        work: of each path, jumps at both ends included, ``(n,)``.
        end: last states, ``(n, *event)``.
    """

    work: Float[Array, " n"]
    end: Array


class _Held(AbstractProtocol):
    """One value at all times."""

    value: Any

    @property
    def span(self) -> tuple[float, float]:
        return 0.0, 1.0

    @property
    def jumps(self) -> tuple[float, ...]:
        return ()

    @property
    def knots(self) -> tuple[float, ...]:
        return 0.0, 1.0

    def __call__(self, t: Any) -> Any:
        return self.value

    def before(self, t: Any) -> Any:
        return self.value


def driven_paths(
    system: Any, curve: Curve, starts: Float[Array, "n *event"], *, steps: int, key: Key
) -> DrivenPaths:
    """Paths under a protocol that is held during each step and jumps between them.

    **Equation**: W = Σ_k [V(λ_k, x_k) − V(λ_{k−1}, x_k)], λ_{−1} the value before the start, λ_K the one
    after the end and λ_k that in the middle of step k: exact for the protocol in steps, and
    differentiable by its values along the paths.

    Args:
        system: with a potential and the trait `HasProtocol`; its own protocol is replaced.
        curve: λ(t).
        starts: states of the equilibrium before the start.
        steps: of the whole duration: Euler–Maruyama, or BAOAB with inertia.
        key: typed random key.
    """
    h = curve.duration / steps
    solver = own_solver(system)
    shape = (len(starts), *noise_shape(system, 0.0, np.zeros(system.event_shape, np.float32)))
    position = isinstance(system, AbstractUnderdamped)
    between = curve.held(steps)
    before, after = curve.before(0.0), curve(curve.duration)
    values = jnp.concatenate([before[None], between, after[None]])

    def energy(value: Array, x: Array) -> Array:
        place = jnp.split(x, 2)[0] if position else x
        return system.potential_at(value, 0.0, place)

    rise = jax.vmap(lambda old, new, x: energy(new, x) - energy(old, x), (None, None, 0))

    def step(carry: tuple[Array, Array], frame: Any) -> tuple[tuple[Array, Array], None]:
        x, work = carry
        old, value, index = frame
        work = work + rise(old, value, x)
        xi = jax.random.normal(jax.random.fold_in(key, index), shape, x.dtype)
        still = eqx.tree_at(lambda s: s.protocol, system, _Held(value))
        move = lambda x, xi: still.domain.project(solver.step(still, 0.0, x, h, xi))
        return (jax.vmap(move)(x, xi), work), None

    zero = jnp.zeros(len(starts), starts.dtype)
    frames = (values[:-2], values[1:-1], jnp.arange(steps))
    (x, work), _ = jax.lax.scan(step, (starts, zero), frames)
    return DrivenPaths(work + rise(values[-2], values[-1], x), x)


@eqx.filter_jit
def drawn(system: Any, n: int, key: Key) -> Array:
    """n states at which the system starts."""
    return jax.vmap(system.initial)(jax.random.split(key, n))


def require_protocol(system: Any, what: str) -> None:
    """Refuse a system without a moving parameter. Raises `MissingTrait`."""
    if not isinstance(system, HasProtocol):
        raise MissingTrait(
            f"{what} needs a system whose potential follows a protocol (HasProtocol), got "
            f"{type(system).__name__}; make one with noneq.systems.Driven or DrivenLangevin."
        )
