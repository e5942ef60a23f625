"""Committors of motion in equilibrium as the minimum of a Dirichlet form."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key, Numbers, Scalar
from noneq.domains import is_periodic
from noneq.errors import InvalidInput
from noneq.inference.rare.committor.grid import box_of, sets_of
from noneq.inference.rare.committor.grid_chain import root_of
from noneq.inference.rare.committor.network import (
    NetworkCommittor,
    outside,
    states_in,
    untrained,
)
from noneq.inference.rare.sets import SetOf
from noneq.learning.loop import train
from noneq.learning.objectives import AbstractLoss
from noneq.learning.training import Training
from noneq.needs import observable
from noneq.nets import MLP, AbstractNet
from noneq.systems.base import AbstractDiffusion, AbstractGradient, AbstractLangevin


_TRAINING = Training(steps=4000, batch=1024, rate=3e-3)
_CURL = 0.1
_LIGHT = 1e-7
"""Weight, of the largest, below which states are left out."""


class Dirichlet(AbstractLoss):
    """Mean of w ∇qᵀ D ∇q over states."""

    def loss(self, model: Any, batch: Any, *, key: Key) -> Scalar:
        """Rows are (state, D, w)."""

        def one(x, spread, weight):
            slope = jax.grad(lambda x: model(x))(x).reshape(-1)
            return weight * slope @ spread @ slope

        return jnp.mean(jax.vmap(one)(*batch))


@observable("model", more=("start", "target"), takes=("key",), number=False)
def variational_committor(
    system: AbstractDiffusion,
    start: SetOf,
    target: SetOf,
    *,
    states: Numbers | None = None,
    log_weights: Numbers | None = None,
    bounds: Sequence[Any] | None = None,
    net: AbstractNet = MLP(width=48, depth=3),
    training: Training = _TRAINING,
    n: int = 20_000,
    progress: Any = None,
    key: Key,
) -> NetworkCommittor:
    """The committor of motion in equilibrium, in any dimension, without simulating a transition.

    **Equation**: min over q of E_π[∇qᵀ D ∇q], q = 0 in ``start``, 1 in ``target``; at the minimum it
    is the reactive flux.

    Args:
        system: a diffusion in detailed balance.
        start, target: sets as inequalities, ``"x < -0.9"``, or functions of one state that are
            positive inside.
        states: ``(n, *event_shape)`` of the law π, such as all frames of long trajectories; or of any
            law that reaches what lies between the sets, with ``log_weights``.
        log_weights: ln(π/law of the states), up to a constant.
        bounds: without ``states``, for Langevin systems of up to three coordinates: ``((low, high),
            …)`` of evenly spread states, weighted by e^{−beta V}.
        net, training: the network, and the gradient loop.
        n: states in ``bounds``.
        progress: as in `fit`.
        key: typed random key.

    Raises:
        InvalidInput: a driven system, sets given by truth values or that overlap, or too few states
            between them.
        FitDiverged: a loss that is not finite.

    Source: Khoo, Lu and Ying 2019; Li, Lin and Ren 2019.
    """
    a, b = sets_of(system, start, target)
    if states is None:
        states, log_weights = _boltzmann(system, bounds, n)
    values = np.asarray(states, np.float32)
    if values.shape[1:] != tuple(system.event_shape):
        raise InvalidInput(
            f"variational_committor: states of shape {values.shape}; expected (n, "
            f"{', '.join(map(str, system.event_shape))})."
        )
    weights = _weights(log_weights, len(values))
    keep = outside(values, a, b) & (weights > _LIGHT * weights.max())
    values, weights = values[keep], weights[keep]
    spread = np.asarray(_spreads(system, jnp.asarray(values)))
    _refuse_driven(system, values)
    init_key, train_key = jax.random.split(key)
    rows = (values, spread, (weights / weights.mean()).astype(np.float32))
    model = untrained(net, values, a, b, init_key)
    return train(model, Dirichlet(), rows, training, key=train_key, progress=progress)[0]


def _boltzmann(system: AbstractDiffusion, bounds: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spread states and their Boltzmann weights.

    Raises:
        InvalidInput: no potential.
    """
    if not isinstance(system, AbstractLangevin) or len(system.event_shape) != 1:
        raise InvalidInput(
            f"variational_committor: {type(system).__name__} states no potential; give states= of its "
            "steady law, such as the frames of long trajectories."
        )
    values = states_in(box_of(system, bounds), n)
    energy = jax.vmap(lambda x: system.potential(0.0, x))(jnp.asarray(values))
    return values, -system.beta * np.asarray(energy, np.float64)


def _weights(log_weights: Any, n: int) -> np.ndarray:
    if log_weights is None:
        return np.ones(n)
    logs = np.asarray(log_weights, np.float64)
    if logs.shape != (n,) or np.isnan(logs).any():
        raise InvalidInput(
            f"variational_committor: log_weights of shape {logs.shape} for {n} states; expected one "
            "number for each."
        )
    return np.exp(logs - logs.max())


def _spreads(system: AbstractDiffusion, states: Array) -> Array:
    """D at many states, (n, dim, dim)."""

    def one(x):
        b = root_of(system.diffusion(0.0, x), x.size)
        return b @ b.T / 2

    return jax.vmap(one)(states)


def _refuse_driven(system: AbstractDiffusion, states: np.ndarray) -> None:
    """Refuse motion that is not in detailed balance: D^{-1}(f − ∇·D) must be a gradient.

    Raises:
        InvalidInput: saying how far it is from one.
    """
    if isinstance(system, AbstractGradient):
        return
    dim = states[0].size

    def force(x):
        shaped = lambda x: x.reshape(states.shape[1:])
        spread = lambda x: (
            root_of(system.diffusion(0.0, shaped(x)), dim)
            @ root_of(system.diffusion(0.0, shaped(x)), dim).T
            / 2
        )
        slope = jnp.einsum("ijj->i", jax.jacfwd(spread)(x))
        drift = system.drift(0.0, shaped(x)).reshape(-1)
        return jnp.linalg.solve(spread(x), drift - slope)

    some = jnp.asarray(states[:: max(1, len(states) // 256)].reshape(-1, dim)[:256])
    jacobian = np.asarray(jax.vmap(jax.jacfwd(force))(some))
    odd = np.linalg.norm(jacobian - jacobian.swapaxes(1, 2)) / np.linalg.norm(jacobian)
    if not odd < _CURL or is_periodic(system.domain):
        raise InvalidInput(
            f"variational_committor: the force of {type(system).__name__} is no gradient (curl "
            f"{odd:.2g} of its slopes) or goes round; the principle holds in equilibrium only: take "
            "grid_committor or shooting_committor."
        )
