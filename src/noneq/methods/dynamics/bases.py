"""Functions that a drift is a sum of: on the host for the fit, in JAX for the model, and as text."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.constant import Constant
from noneq.nets.vectors.polynomial import monomial_values
from noneq.statistics.libraries import AbstractLibrary, Rows, Slopes, Values
from noneq.symbolic.expression import Expression
from noneq.symbolic.monomials import factors_of, monomial_code


class AbstractBasis(AbstractLibrary):
    """A library of functions b_1 … b_p that also belongs to a fitted model."""

    @abstractmethod
    def at(self, x: Float[Array, " dim"]) -> Float[Array, " functions"]:
        """b at one state, in JAX."""

    @abstractmethod
    def codes(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Every function in the notation of Python, as ``"x**2*y"``."""

    @abstractmethod
    def units(self) -> Float[np.ndarray, " functions"]:
        """u with b_j = u_j times the function that `codes` writes."""


class MonomialBasis(AbstractBasis):
    """z^k, z = (x − centre)/scale.

    Attributes:
        powers: factors of every monomial, as `nets.vectors.polynomial.monomials` lists them.
        centre, scale: of every coordinate.
    """

    powers: Constant
    centre: Constant
    scale: Constant

    def __init__(self, powers: np.ndarray, centre: np.ndarray, scale: np.ndarray):
        self.powers = Constant(jnp.asarray(powers))
        self.centre = Constant(jnp.asarray(centre, float))
        self.scale = Constant(jnp.asarray(scale, float))

    def at(self, x: Float[Array, " dim"]) -> Float[Array, " functions"]:
        return monomial_values((x - self.centre.value) / self.scale.value, self.powers.value)

    def values(self, x: Rows) -> Values:
        return self._products(self._wide(x))

    def gradients(self, x: Rows) -> Slopes:
        wide, scale = self._wide(x), np.asarray(self.scale.value, np.float64)
        table = np.asarray(self.powers.value)
        found = np.zeros((len(x), len(table), x.shape[1]))
        for i in range(x.shape[1]):
            for place in range(table.shape[1]):
                hit = np.flatnonzero(table[:, place] == i + 1)
                rest = np.delete(table[hit], place, axis=1)
                found[:, hit, i] += np.prod(wide[:, rest], axis=2) / scale[i]
        return found

    def sizes(self, dim: int) -> tuple[int, ...]:
        return (len(self.powers.value),)

    def codes(self, names: tuple[str, ...]) -> tuple[str, ...]:
        centre = np.asarray(self.centre.value, np.float64)
        pairs = zip(names, centre, strict=True)
        own = tuple(name if c == 0 else f"({name} - {c:.6g})" for name, c in pairs)
        return tuple(monomial_code(row, own) for row in np.asarray(self.powers.value))

    def units(self) -> Float[np.ndarray, " functions"]:
        scale = np.asarray(self.scale.value, np.float64)
        rows = np.asarray(self.powers.value)
        return np.array([np.prod([scale[i] ** -k for i, k in factors_of(row)]) for row in rows])

    def _wide(self, x: Rows) -> np.ndarray:
        centre, scale = (np.asarray(c.value, np.float64) for c in (self.centre, self.scale))
        return np.concatenate([np.ones((len(x), 1)), (x - centre) / scale], axis=1)

    def _products(self, wide: np.ndarray) -> np.ndarray:
        table = np.asarray(self.powers.value)
        found = wide[:, table[:, 0]]
        for column in table.T[1:]:
            found = found * wide[:, column]
        return found


class WaveBasis(AbstractBasis):
    """1, cos(k·x), sin(k·x) of wave vectors k.

    Attributes:
        waves: k, ``(count, dim)``, no two opposite.
    """

    waves: Constant

    def __init__(self, waves: np.ndarray):
        self.waves = Constant(jnp.asarray(waves, float))

    def at(self, x: Float[Array, " dim"]) -> Float[Array, " functions"]:
        phase = self.waves.value @ x
        return jnp.concatenate([jnp.ones(1, x.dtype), jnp.cos(phase), jnp.sin(phase)])

    def values(self, x: Rows) -> Values:
        phase = x @ self._waves.T
        return np.concatenate([np.ones((len(x), 1)), np.cos(phase), np.sin(phase)], axis=1)

    def gradients(self, x: Rows) -> Slopes:
        phase = (x @ self._waves.T)[..., None]
        parts = [np.zeros((len(x), 1, x.shape[1])), -np.sin(phase) * self._waves]
        return np.concatenate([*parts, np.cos(phase) * self._waves], axis=1)

    def sizes(self, dim: int) -> tuple[int, ...]:
        return (1 + 2 * len(self.waves.value),)

    def codes(self, names: tuple[str, ...]) -> tuple[str, ...]:
        pairs = lambda k: [(w, n) for w, n in zip(k, names, strict=True) if w]
        phases = [" + ".join(f"{w:.6g}*{n}" for w, n in pairs(k)) for k in self._waves]
        return ("1", *(f"cos({p})" for p in phases), *(f"sin({p})" for p in phases))

    def units(self) -> Float[np.ndarray, " functions"]:
        return np.ones(self.sizes(0)[-1])

    @property
    def _waves(self) -> np.ndarray:
        return np.asarray(self.waves.value, np.float64)


class BellBasis(AbstractBasis):
    """1 and Gaussians exp(−Σ_i (x_i − c_i)²/2 w_i²).

    Attributes:
        centres: c, ``(count, dim)``.
        widths: w, ``(dim,)``.
    """

    centres: Constant
    widths: Constant

    def __init__(self, centres: np.ndarray, widths: np.ndarray):
        self.centres = Constant(jnp.asarray(centres, float))
        self.widths = Constant(jnp.asarray(widths, float))

    def at(self, x: Float[Array, " dim"]) -> Float[Array, " functions"]:
        away = (x - self.centres.value) / self.widths.value
        return jnp.concatenate([jnp.ones(1, x.dtype), jnp.exp(-0.5 * jnp.sum(away**2, axis=1))])

    def values(self, x: Rows) -> Values:
        centres, widths = self._parts
        bells = np.exp(-0.5 * (((x[:, None] - centres) / widths) ** 2).sum(-1))
        return np.concatenate([np.ones((len(x), 1)), bells], axis=1)

    def gradients(self, x: Rows) -> Slopes:
        centres, widths = self._parts
        slopes = -(x[:, None] - centres) / widths**2 * self.values(x)[:, 1:, None]
        return np.concatenate([np.zeros((len(x), 1, x.shape[1])), slopes], axis=1)

    def sizes(self, dim: int) -> tuple[int, ...]:
        return (1 + len(self.centres.value),)

    def codes(self, names: tuple[str, ...]) -> tuple[str, ...]:
        centres, widths = self._parts
        part = lambda n, c, w: f"(({n} - {c:.6g})/{w:.6g})**2"
        sums = [" + ".join(map(part, names, c.tolist(), widths.tolist())) for c in centres]
        return ("1", *(f"exp(-0.5*({each}))" for each in sums))

    def units(self) -> Float[np.ndarray, " functions"]:
        return np.ones(self.sizes(0)[-1])

    @property
    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        return tuple(np.asarray(c.value, np.float64) for c in (self.centres, self.widths))  # pyright: ignore[reportReturnType]


class TermBasis(AbstractBasis):
    """Functions given as text.

    Attributes:
        terms: the functions; None for a constant.
        constant: what None stands for.
    """

    terms: tuple[Expression | None, ...]
    constant: float = 1.0

    def at(self, x: Float[Array, " dim"]) -> Float[Array, " functions"]:
        one = jnp.full((), self.constant, x.dtype)
        return jnp.stack([one if term is None else term(x) for term in self.terms])

    def values(self, x: Rows) -> Values:
        return np.asarray(_each(self, jnp.asarray(x)), np.float64)

    def gradients(self, x: Rows) -> Slopes:
        return np.asarray(_slopes(self, jnp.asarray(x)), np.float64)

    def sizes(self, dim: int) -> tuple[int, ...]:
        return (len(self.terms),)

    def codes(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple("1" if term is None else term.text for term in self.terms)

    def units(self) -> Float[np.ndarray, " functions"]:
        return np.ones(len(self.terms))


@eqx.filter_jit
def _each(basis: TermBasis, x: Array) -> Array:
    return jax.vmap(basis.at)(x)


@eqx.filter_jit
def _slopes(basis: TermBasis, x: Array) -> Array:
    return jax.vmap(jax.jacfwd(basis.at))(x)
