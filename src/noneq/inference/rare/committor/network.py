"""A committor as a network that is right on the borders of the sets by its form."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.constant import Constant
from noneq.errors import InvalidInput
from noneq.inference.rare.membership import members
from noneq.inference.rare.sets import StateSet
from noneq.nets import AbstractNet, AbstractNetwork


class NetworkCommittor(eqx.Module):
    """q(x) = P(target before start | x), learnt.

    **Equation**: q = 1/(1 + e^{−ℓ}), ℓ = ln(d_A/d_B) + F(z): d_A and d_B are how far outside the start
    and the target a state lies, by the inequalities that define them, so that q = 0 at the one
    and 1 at the other; z the state in units of the training states.

    Attributes:
        net: F.
        shift, scale: of the training states.
        start, target: the sets.
    """

    net: AbstractNetwork
    shift: Constant
    scale: Constant
    start: StateSet
    target: StateSet

    def __call__(self, x: Float[Array, "*event"]) -> Scalar:
        """q at one state."""
        q = jax.nn.sigmoid(self.log_odds(x))
        q = jnp.where(self.target.contains(x), 1.0, q)
        return jnp.where(self.start.contains(x), 0.0, q)

    def log_odds(self, x: Float[Array, "*event"]) -> Scalar:
        """ℓ at one state outside the sets."""
        least = jnp.finfo(x.dtype).eps
        away = lambda one: jnp.log(jnp.maximum(-one.level(x), least))
        z = (x.reshape(-1) - self.shift.value) / self.scale.value
        return away(self.start) - away(self.target) + self.net(z)[0]


def untrained(
    net: AbstractNet, states: np.ndarray, start: StateSet, target: StateSet, key: Key
) -> NetworkCommittor:
    """A committor of random weights for such states ``(n, *event_shape)``.

    Raises:
        InvalidInput: a set given by truth values.
    """
    for one in (start, target):
        slope = np.asarray(jax.vmap(jax.grad(one.level))(jnp.asarray(states[:64])))
        if not np.any(slope):
            raise InvalidInput(
                f"the set {one.label!r} is given by truth values; a network needs to know how far off "
                "it is: give inequalities as text, or a function that grows from < 0 to > 0."
            )
    flat = states.reshape(len(states), -1)
    made = net.init(states.shape[1:], 1, noise=False, clock=None, label=None, key=key)
    scale = flat.std(0)
    return NetworkCommittor(
        made,
        Constant(jnp.asarray(flat.mean(0))),
        Constant(jnp.asarray(np.where(scale > 0, scale, 1.0))),
        start,
        target,
    )


def outside(states: np.ndarray, start: StateSet, target: StateSet) -> np.ndarray:
    """Truth values of the states between the sets.

    Raises:
        InvalidInput: sets that share a state, or hardly any state between them.
    """
    in_a, in_b = members(start, states), members(target, states)
    if (in_a & in_b).any():
        raise InvalidInput(f"the sets {start.label!r} and {target.label!r} overlap; part them.")
    free = ~(in_a | in_b)
    if free.sum() < 10:
        raise InvalidInput(
            f"{int(free.sum())} of {len(states)} states lie between {start.label!r} and "
            f"{target.label!r}; expected hundreds: give states= or bounds= that cover what lies between."
        )
    return free


def states_in(box: Any, n: int) -> np.ndarray:
    """n evenly spread states of a box ``((low, high), …)`` (Halton's sequence)."""
    from scipy.stats import qmc

    low, high = np.asarray(box, float).T
    return np.asarray(qmc.scale(qmc.Halton(len(low), rng=0).random(n), low, high), np.float32)
