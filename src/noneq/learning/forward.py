"""Drift and diffusion of a method, read off the process that it destroys structure with."""

from abc import abstractmethod
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.data.ensembles import as_snapshots
from noneq.data.summary import summarise
from noneq.learning.published import Published
from noneq.processes.schedules import AbstractSchedule


_STATES = np.array([[0.5, -1.0], [1.0, -2.0]])
_TAUS = np.array([0.25, 0.5, 0.75])
_ROUNDING = 1e-3
"""Smaller terms count as none; states have unit size, and tau runs over [0, 1]."""
_PRESERVING = "−g² x/2"


class HasForward(eqx.Module):
    """Trait: the method has a process from data (tau = 0) to its prior (tau = 1)."""

    @abstractmethod
    def forward(
        self, x: Float[Array, " dim"], tau: ScalarLike
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        """(f, g) of dx = f dtau + g dW at one normalised state; learnt ones of a `drawn` model.

        A method that is one map and no flow has its displacement as f, and g = 0.
        """


class Dynamics(NamedTuple):
    """Terms of dx = f dtau + g dW as formulas: "0" is none; a and g are functions of tau."""

    drift: str
    diffusion: str

    @property
    def has_drift(self) -> bool:
        """Whether f is not zero."""
        return self.drift != "0"

    @property
    def has_diffusion(self) -> bool:
        """Whether g is not zero."""
        return self.diffusion != "0"

    @property
    def equation(self) -> str:
        """The forward process."""
        parts = [f"{self.drift} dtau"] * self.has_drift
        parts += [f"{self.diffusion} dW"] * self.has_diffusion
        return f"dx = {' + '.join(parts) or '0'}"

    @property
    def backward(self) -> tuple[tuple[str, str], ...]:
        """Pairs (drift, diffusion) that lead from the prior back through the same laws.

        **Equation**: (f − (1 + lambda²)/2 g² s, lambda g) for lambda = 1 and 0, s the score.

        Source: Song et al. 2021, eq. 6 and 13.
        """
        if not self.has_diffusion:
            return ((self.drift, "0"),)
        start, g = f"{self.drift} − " if self.has_drift else "−", self.diffusion
        return (f"{start}{g}² s", g), (f"{start}{g}² s/2", "0")


def dynamics(method: Any) -> Dynamics | None:
    """The terms of a method's forward process, evaluated; None if it has none.

    A drift is told apart by its values: none, −g² x/2 (which preserves unit variance), linear with
    one rate a(tau) for all coordinates, or any other.
    """
    return terms(method.forward) if isinstance(method, HasForward) else None


def terms(forward: Any) -> Dynamics:
    """The terms of a function (x, tau) -> (f, g)."""
    each = jax.vmap(jax.vmap(forward, (None, 0)), (0, None))
    f, g = (np.asarray(part) for part in jax.jit(each)(_STATES, _TAUS))
    rates = f / _STATES[:, None]
    close = lambda a, b: np.allclose(a, b, rtol=1e-2, atol=_ROUNDING)
    if close(f, 0):
        drift = "0"
    elif close(rates, -(g**2) / 2):
        drift = _PRESERVING
    elif close(rates, rates[:1, :, :1]):
        drift = "a x"
    else:
        drift = "f(x, tau)"
    return Dynamics(drift, "0" if close(g, 0) else "g")


def linear(
    schedule: AbstractSchedule, x: Float[Array, " dim"], tau: ScalarLike
) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
    """(f, g) of a process that scales the state by alpha and adds noise.

    **Equation**: f = alpha'/alpha x, g² = 2 sigma sigma' − 2 sigma² alpha'/alpha.

    Source: Karras et al. 2022, appendix B.
    """
    squared = schedule.diffusion_squared(tau)
    return schedule.drift(tau) * x, jnp.sqrt(jnp.maximum(squared, 0)) * jnp.ones_like(x)


def drawn(method: Any) -> Any:
    """A model of the method with random numbers for all that is learnt, of `dynamics`' state size.

    A network that starts at zero is thus not taken for a missing term, and nothing is compiled.
    """
    summary = summarise(as_snapshots(_STATES))
    shapes = eqx.filter_eval_shape(method.init, summary, key=jax.random.key(0))
    rng = np.random.default_rng(0)
    draw = lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype)
    isarray = lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct)
    return jax.tree.map(lambda leaf: draw(leaf) if isarray(leaf) else leaf, shapes)


def differences(published: Published, derived: Dynamics) -> str:
    """Where the terms of Table 1 are not the derived ones; empty if they agree."""
    found = []
    for term, theirs, ours in (
        ("drift", published.drift, derived.has_drift),
        ("diffusion", published.diffusion, derived.has_diffusion),
    ):
        if theirs and not ours:
            found.append(f"published with {term}, but {derived.equation} has none")
        elif ours and not theirs:
            found.append(f"published without {term}, but {derived.equation} has one")
    preserves = bool(found) and derived.drift == _PRESERVING
    return "; ".join(found) + " (variance preserving)" * preserves
