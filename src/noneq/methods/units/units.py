"""Laws of independent visible units: bits, letters, real numbers, as exponential families."""

from abc import abstractmethod
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.data.discrete import discretised
from noneq.data.ensembles import Snapshots, as_snapshots
from noneq.domains import AbstractDomain, Discrete
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked, checked


_RAREST = 1e-3
"""Least frequency that a start takes a level to have."""


class AbstractUnits(AbstractChecked):
    """Independent units of one kind.

    **Equation**: p(x | eta) = h(x) exp(eta · phi(x) − A(eta)), phi the features, A the log
    partition function; ∇A(eta) is the mean of phi.

    ``x (dim,)`` counts levels (0, 1, …) for discrete units, and is normalised for real ones.
    """

    @property
    @abstractmethod
    def alphabet(self) -> int:
        """Levels of one unit; 0 for real numbers."""

    @abstractmethod
    def prepared(self, data: Any, name: str) -> Snapshots:
        """Data that these units can show, with their domain.

        Raises:
            InvalidInput: values that these units do not know; ``name`` is the method's.
        """

    @abstractmethod
    def count(self, dim: int) -> int:
        """Natural parameters (and features) of a state of ``dim`` units."""

    @abstractmethod
    def features(self, x: Float[Array, " dim"]) -> Float[Array, " count"]:
        """phi(x)."""

    @abstractmethod
    def log_partition(self, eta: Float[Array, " count"]) -> Scalar:
        """A(eta)."""

    @abstractmethod
    def log_base(self, x: Float[Array, " dim"]) -> Scalar:
        """log h(x)."""

    @abstractmethod
    def draw(self, eta: Float[Array, " count"], *, key: Key) -> Float[Array, " dim"]:
        """One state."""

    @abstractmethod
    def natural(self, mean: Float[Array, " count"]) -> Float[Array, " count"]:
        """The eta whose mean of phi is this one (units that never change stay finite)."""

    @abstractmethod
    def mean_state(
        self, eta: Float[Array, " count"], domain: AbstractDomain
    ) -> Float[Array, " dim"]:
        """The mean state, normalised, in the values of the domain."""

    @checked
    def log_prob(self, x: Float[Array, " dim"], eta: Float[Array, " count"]) -> Scalar:
        """log p(x | eta), in nats."""
        return self.log_base(x) + jnp.dot(eta, self.features(x)) - self.log_partition(eta)

    def read(self, y: Float[Array, "*any"], domain: AbstractDomain) -> Float[Array, "*any"]:
        """A normalised state of the domain as units."""
        return domain.index(y).astype(y.dtype) if isinstance(domain, Discrete) else y

    def written(self, x: Float[Array, "*any"], domain: AbstractDomain) -> Float[Array, "*any"]:
        """Units as a normalised state of the domain; inverse of `read`."""
        return domain.state(x.astype(int)) if isinstance(domain, Discrete) else x


class BernoulliUnits(AbstractUnits):
    """Bits: P(x_i = 1) = sigmoid(eta_i), A = Σ log(1 + e^eta)."""

    @property
    def alphabet(self) -> int:
        return 2

    def prepared(self, data: Any, name: str) -> Snapshots:
        return discretised(data, name)

    def count(self, dim: int) -> int:
        return dim

    def features(self, x: Float[Array, " dim"]) -> Float[Array, " count"]:
        return x

    def log_partition(self, eta: Float[Array, " count"]) -> Scalar:
        return jnp.sum(jax.nn.softplus(eta))

    def log_base(self, x: Float[Array, " dim"]) -> Scalar:
        return jnp.zeros((), x.dtype)

    def draw(self, eta: Float[Array, " count"], *, key: Key) -> Float[Array, " dim"]:
        u = jax.random.uniform(key, eta.shape, eta.dtype)
        return (u < jax.nn.sigmoid(eta)).astype(eta.dtype)

    def natural(self, mean: Float[Array, " count"]) -> Float[Array, " count"]:
        return jax.scipy.special.logit(jnp.clip(mean, _RAREST, 1 - _RAREST))

    def mean_state(
        self, eta: Float[Array, " count"], domain: AbstractDomain
    ) -> Float[Array, " dim"]:
        low, high = levels_of(domain, 2)
        return low + (high - low) * jax.nn.sigmoid(eta)


class CategoricalUnits(AbstractUnits):
    """Letters: P(x_i = k) = softmax_k(eta_i), eta of shape (dim, levels), flattened.

    Args:
        levels: letters of the alphabet.

    Raises:
        InvalidInput: fewer than two.
    """

    levels: int = 3

    def __check_init__(self) -> None:
        if self.levels < 2:
            raise InvalidInput(f"CategoricalUnits: levels = {self.levels}; expected at least 2.")

    @property
    def alphabet(self) -> int:
        return self.levels

    def prepared(self, data: Any, name: str) -> Snapshots:
        flat = discretised(data, name, levels=self.levels)
        found = levels_of(flat.domain, self.levels + 1).size
        if found < self.levels:
            raise InvalidInput(
                f"{name}: CategoricalUnits({self.levels}) for data of {found} levels; take "
                f"levels={found}, or say domain=Discrete({self.levels}) if some do not occur."
            )
        return flat

    def count(self, dim: int) -> int:
        return dim * self.levels

    def features(self, x: Float[Array, " dim"]) -> Float[Array, " count"]:
        return jax.nn.one_hot(x.astype(int), self.levels, dtype=x.dtype).ravel()

    def log_partition(self, eta: Float[Array, " count"]) -> Scalar:
        return jnp.sum(jax.nn.logsumexp(self._table(eta), axis=-1))

    def log_base(self, x: Float[Array, " dim"]) -> Scalar:
        return jnp.zeros((), x.dtype)

    def draw(self, eta: Float[Array, " count"], *, key: Key) -> Float[Array, " dim"]:
        return jax.random.categorical(key, self._table(eta)).astype(eta.dtype)

    def natural(self, mean: Float[Array, " count"]) -> Float[Array, " count"]:
        return jnp.log(jnp.clip(mean, _RAREST, 1.0))

    def mean_state(
        self, eta: Float[Array, " count"], domain: AbstractDomain
    ) -> Float[Array, " dim"]:
        values = levels_of(domain, self.levels)
        return jax.nn.softmax(self._table(eta), axis=-1)[:, : len(values)] @ values

    def _table(self, eta: Array) -> Array:
        return eta.reshape(-1, self.levels)


class GaussianUnits(AbstractUnits):
    """Real numbers: x ~ N(w eta, w²) on normalised data, phi = x/w, A = |eta|²/2.

    A component, or the units given one hidden state, is narrower than all data; w is how much.

    Args:
        width: w, in standard deviations of the data.

    Raises:
        InvalidInput: a width that is not positive and finite.
    """

    width: float = 0.5

    def __check_init__(self) -> None:
        if not 0 < self.width < float("inf"):
            raise InvalidInput(f"GaussianUnits: width = {self.width}; expected > 0.")

    @property
    def alphabet(self) -> int:
        return 0

    def prepared(self, data: Any, name: str) -> Snapshots:
        flat = as_snapshots(data)
        if isinstance(flat.domain, Discrete):
            raise InvalidInput(
                f"{name}: the data live on {flat.domain}, which real units do not know; take "
                f"visible=CategoricalUnits({flat.domain.values.size}) (for two levels "
                "BernoulliUnits())."
            )
        return flat

    def count(self, dim: int) -> int:
        return dim

    def features(self, x: Float[Array, " dim"]) -> Float[Array, " count"]:
        return x / self.width

    def log_partition(self, eta: Float[Array, " count"]) -> Scalar:
        return jnp.sum(eta**2) / 2

    def log_base(self, x: Float[Array, " dim"]) -> Scalar:
        return -jnp.sum((x / self.width) ** 2 + jnp.log(2 * jnp.pi * self.width**2)) / 2

    def draw(self, eta: Float[Array, " count"], *, key: Key) -> Float[Array, " dim"]:
        return self.width * (eta + jax.random.normal(key, eta.shape, eta.dtype))

    def natural(self, mean: Float[Array, " count"]) -> Float[Array, " count"]:
        return mean

    def mean_state(
        self, eta: Float[Array, " count"], domain: AbstractDomain
    ) -> Float[Array, " dim"]:
        return self.width * eta


def levels_of(domain: AbstractDomain, count: int) -> Float[Array, " levels"]:
    """Values of the levels of a domain, at most so many."""
    assert isinstance(domain, Discrete)  # what `prepared` gives
    return jnp.asarray(domain.values[:count], jnp.zeros(()).dtype)
