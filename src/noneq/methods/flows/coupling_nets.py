"""Invertible maps of one vector: couplings through mixtures of logistics, mixed linearly."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.constant import Constant
from noneq.methods.flows.logistics import mixture_logit, mixture_logit_inverse
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.inputs import Clock, Label


_SPREAD = 2.0
"""The means of an untrained mixture lie in ±2; the states that it sees have unit variance."""
_MOST_LOG_SCALE = 6.0


class Mixing(eqx.Module):
    """y = ((x − shift) e^{−log_scale}) U L T with U, L unit triangular and T a fixed rotation.

    Measured on data (`Couplings.measured`) shift and scale are a data-dependent activation
    normalisation; U and L start at the identity.

    Source: Kingma & Dhariwal 2018, sections 3.1 and 3.2.
    """

    shift: Float[Array, " dim"]
    log_scale: Float[Array, " dim"]
    upper: Float[Array, "dim dim"]
    lower: Float[Array, "dim dim"]
    turn: Constant

    def __init__(self, turn: Float[Array, "dim dim"]):
        dim = turn.shape[0]
        self.shift = self.log_scale = jnp.zeros(dim)
        self.upper = self.lower = jnp.zeros((dim, dim))
        self.turn = Constant(turn)

    def forward(self, x: Float[Array, " dim"]) -> tuple[Float[Array, " dim"], Scalar]:
        """y and log |det dy/dx|."""
        y = (x - self.shift) * jnp.exp(-self.log_scale)
        y = y + y @ jnp.triu(self.upper, 1)
        y = y + y @ jnp.tril(self.lower, -1)
        return y @ self.turn.value, -jnp.sum(self.log_scale)

    def inverse(self, y: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """The x that `forward` takes to y."""
        x = y @ self.turn.value.T
        x = solve_triangular(self.lower, x, trans=1, lower=True, unit_diagonal=True)
        x = solve_triangular(self.upper, x, trans=1, lower=False, unit_diagonal=True)
        return x * jnp.exp(self.log_scale) + self.shift


class Coupling(eqx.Module):
    """y1 = x1; y2 = logit(F(x2)) e^a + b, with F, a and b functions of x1, time and condition.

    **Equation**: F = Σ_j π_j sigmoid((x − μ_j) e^{−s_j}); a = tanh(·), s = 6 tanh(·/6);
    log |det dy/dx| = Σ (log f − log F − log(1 − F) + a). A vector of one number is x2: its map
    depends on time and condition alone.

    Source: Ho et al. 2019, eqs. 12 to 15; the bound on s is ours.
    """

    net: AbstractNetwork
    base: Float[Array, "moved numbers"]
    kept: int = eqx.field(static=True)

    def __init__(
        self,
        recipe: AbstractNet,
        dim: int,
        context: int,
        components: int,
        clock: Clock | None,
        label: Label | None,
        *,
        key: Key,
    ):
        """``context``: numbers beside x1 on which the map depends."""
        self.kept = dim // 2
        moved, numbers = dim - self.kept, 3 * components + 2
        means = _SPREAD * ((2 * jnp.arange(components) + 1) / components - 1)
        base = [jnp.zeros(components), means, jnp.full(components, -0.5), jnp.zeros(2)]
        self.base = jnp.tile(jnp.concatenate(base), (moved, 1))
        self.net = recipe.init(
            (self.kept + context or 1,),
            moved * numbers,
            noise=False,
            clock=clock,
            label=label,
            key=key,
        )

    def forward(
        self, x: Float[Array, " dim"], time: Any, condition: Any, context: Array
    ) -> tuple[Float[Array, " dim"], Scalar]:
        """y and log |det dy/dx|."""
        kept, moved = x[: self.kept], x[self.kept :]
        mixture, a, b = self._parameters(kept, time, condition, context)
        value, log_slope = mixture_logit(moved, *mixture)
        return jnp.concatenate([kept, value * jnp.exp(a) + b]), jnp.sum(log_slope + a)

    def inverse(
        self, y: Float[Array, " dim"], time: Any, condition: Any, context: Array
    ) -> Float[Array, " dim"]:
        """The x that `forward` takes to y."""
        kept, moved = y[: self.kept], y[self.kept :]
        mixture, a, b = self._parameters(kept, time, condition, context)
        x = mixture_logit_inverse((moved - b) * jnp.exp(-a), *mixture)
        return jnp.concatenate([kept, x])

    def _parameters(
        self, kept: Array, time: Any, condition: Any, context: Array
    ) -> tuple[tuple[Array, Array, Array], Array, Array]:
        seen = jnp.concatenate([kept, context])
        # A network has at least one input; a constant one says nothing.
        seen = seen if seen.size else jnp.ones(1)
        raw = self.net(seen, None, time, condition).reshape(self.base.shape) + self.base
        logits, means, log_scales = jnp.split(raw[:, :-2], 3, axis=1)
        log_scales = _MOST_LOG_SCALE * jnp.tanh(log_scales / _MOST_LOG_SCALE)
        return (logits, means, log_scales), jnp.tanh(raw[:, -2]), raw[:, -1]


class Couplings(eqx.Module):
    """A stack of (`Mixing`, `Coupling`) and a last affine map; one compiled layer, scanned.

    Args:
        recipe: of the conditioner of every coupling.
        dim: numbers in a vector.
        count: couplings.
        components: logistics in a mixture.
        clock, label: features of physical time and of the condition, or None.
        context: further numbers that every conditioner is told, 0 for none.
    """

    mixings: Mixing
    couplings: Coupling
    last: Mixing

    def __init__(
        self,
        recipe: AbstractNet,
        dim: int,
        count: int,
        components: int,
        clock: Clock | None,
        label: Label | None,
        *,
        context: int = 0,
        key: Key,
    ):
        turn_key, net_key = jax.random.split(key)
        make = lambda key: Coupling(recipe, dim, context, components, clock, label, key=key)
        self.mixings = eqx.filter_vmap(Mixing)(_turns(dim, count, turn_key))
        self.couplings = eqx.filter_vmap(make)(jax.random.split(net_key, count))
        self.last = Mixing(jnp.eye(dim))

    def forward(
        self, x: Float[Array, " dim"], time: Any, condition: Any, context: Array | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        """The latent vector of x and log |det| of the map."""
        context = jnp.zeros(0) if context is None else context

        def step(carry: tuple, layer: tuple[Mixing, Coupling]) -> tuple:
            x, log_det = carry
            x, mixed = layer[0].forward(x)
            x, coupled = layer[1].forward(x, time, condition, context)
            return (x, log_det + mixed + coupled), None

        (x, log_det), _ = self._scan(step, (x, jnp.zeros((), x.dtype)))
        x, mixed = self.last.forward(x)
        return x, log_det + mixed

    def inverse(
        self, z: Float[Array, " dim"], time: Any, condition: Any, context: Array | None = None
    ) -> Float[Array, " dim"]:
        """The vector whose latent vector is z."""
        context = jnp.zeros(0) if context is None else context
        back = lambda x, layer: (
            layer[0].inverse(layer[1].inverse(x, time, condition, context)),
            None,
        )
        return self._scan(back, self.last.inverse(z), reverse=True)[0]

    def measured(
        self, x: Float[Array, "n dim"], time: Array, condition: Array | None
    ) -> "Couplings":
        """The same map with zero mean and unit variance of these vectors behind every layer.

        Source: data-dependent initialisation as in Ho et al. 2019, section 3.1.
        """
        own = None if condition is None else 0
        empty = jnp.zeros(0)

        def step(x: Array, layer: tuple[Mixing, Coupling]) -> tuple:
            mixing = _normalising(layer[0], x)
            one = lambda x, time, condition: layer[1].forward(
                mixing.forward(x)[0], time, condition, empty
            )[0]
            return jax.vmap(one, (0, 0, own))(x, time, condition), _affine(mixing)

        x, affine = self._scan(step, x)
        mixings = eqx.tree_at(_affine, self.mixings, affine)
        return eqx.tree_at(
            lambda flow: (flow.mixings, flow.last), self, (mixings, _normalising(self.last, x))
        )

    def _scan(self, step: Any, start: Any, *, reverse: bool = False) -> Any:
        arrays, rest = eqx.partition((self.mixings, self.couplings), eqx.is_array)
        body = lambda carry, layer: step(carry, eqx.combine(layer, rest))
        return jax.lax.scan(body, start, arrays, reverse=reverse)


def _affine(mixing: Any) -> Any:
    """What is measured."""
    return mixing.shift, mixing.log_scale


def _normalising(mixing: Mixing, x: Float[Array, "n dim"]) -> Mixing:
    """The untrained mixing whose output has zero mean and unit variance."""
    return eqx.tree_at(_affine, mixing, (x.mean(axis=0), jnp.log(x.std(axis=0) + 1e-3)))


def _turns(dim: int, count: int, key: Key) -> Float[Array, "count dim dim"]:
    """Swaps in the plane, random rotations above."""
    if dim <= 2:
        return jnp.tile(jnp.eye(dim)[::-1], (count, 1, 1))
    return jax.random.orthogonal(key, dim, (count,))
