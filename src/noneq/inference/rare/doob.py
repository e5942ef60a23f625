"""Motion that is made to do the rare thing, with the weights that undo the making."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.inference.rare.committor.grid_chain import root_of
from noneq.systems.base import AbstractDiffusion


class DoobTransform(AbstractDiffusion):
    """A diffusion conditioned on an event, by the probability h of the event or by a control.

    **Equation**: dX = (f + B u) dt + B dW with u = Bᵀ∇ln h: the paths of dX = f dt + B dW that do what h
    is the probability of, exactly so if L h = 0 (∂_t h + L h = 0 if h follows time). A system as any
    other: `noneq.simulate` takes it; `conditioned_paths` also gives the weights for any h.

    Args:
        system: the free motion.
        h: a function of one state, or of ``(t, x)``: a committor of `grid_committor`,
            `variational_committor` or `shooting_committor`, a `hitting_probability`, or your own.
        control: in place of h, u as a function of ``(t, x)``, one number for each noise: of a learnt
            score, ∇ln p(event | x), or of optimal control.
        longest: largest |u| √step, which keeps steps stable where h vanishes; the weights account
            for it.

    Raises:
        InvalidInput: neither h nor control, or both, or a function of other arguments.

    Source: Doob 1957; Chetrite and Touchette 2015.
    """

    system: AbstractDiffusion
    h: Callable[..., Any] | None
    control: Callable[..., Any] | None
    longest: float
    symbols: tuple[str, ...]  # pyright: ignore

    def __init__(
        self,
        system: AbstractDiffusion,
        h: Callable[..., Any] | None = None,
        *,
        control: Callable[..., Any] | None = None,
        longest: float = 1.0,
    ):
        if (h is None) == (control is None):
            raise InvalidInput("DoobTransform: give h=, a probability, or control=; one of them.")
        if not 0 < longest < float("inf"):
            raise InvalidInput(f"DoobTransform: longest = {longest}; it must be > 0.")
        _takes_time(h if control is None else control)
        self.system, self.h, self.control, self.longest = system, h, control, longest
        self.symbols = system.names  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def event_shape(self) -> tuple[int, ...]:
        """As of the free motion."""
        return self.system.event_shape

    @property
    def domain(self) -> AbstractDomain:
        """As of the free motion."""
        return self.system.domain

    @property
    def time_step(self) -> float:
        """As of the free motion."""
        return self.system.time_step

    def initial(self, key: Key) -> Float[Array, "*event"]:
        """As of the free motion."""
        return self.system.initial(key)

    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """f + B u, u limited as for steps of the system's own."""
        return self.system.drift(t, x) + self.push(t, x, self.guide(t, x, self.time_step))

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """B."""
        return self.system.diffusion(t, x)

    def guide(
        self, t: ScalarLike, x: Float[Array, "*event"], step: ScalarLike
    ) -> Float[Array, " noises"]:
        """u(t, x), no longer than ``longest``/√step."""
        if self.control is not None:
            value = _called(self.control, t, x)
            u = jnp.asarray(value, x.dtype).reshape(-1)
        else:
            least = jnp.finfo(x.dtype).tiny
            log_h = lambda x: jnp.log(jnp.maximum(_called(self.h, t, x), least))
            slope = jax.grad(lambda x: log_h(x).reshape(()))(x).reshape(-1)
            u = root_of(self.system.diffusion(t, x), x.size).T @ jnp.nan_to_num(slope)
        size = jnp.sqrt(jnp.sum(u**2) * step)
        return u * jnp.minimum(1.0, self.longest / jnp.maximum(size, 1e-12))

    def push(
        self, t: ScalarLike, x: Float[Array, "*event"], u: Float[Array, " noises"]
    ) -> Float[Array, "*event"]:
        """B u."""
        return (root_of(self.system.diffusion(t, x), x.size) @ u).reshape(x.shape)


def _takes_time(function: Any) -> bool:
    """Whether a function takes (t, x), and not x alone.

    Raises:
        InvalidInput: it takes something else.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "DoobTransform: h and control are functions of x or of (t, x)."
        ) from error
    needed = [
        p
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if not 1 <= len(needed) <= 2:
        raise InvalidInput(
            f"DoobTransform: a function of {len(needed)} arguments; expected one of x or of (t, x)."
        )
    return len(needed) == 2


def _called(function: Any, t: ScalarLike, x: Array) -> Array:
    return function(t, x) if _takes_time(function) else function(x)
