"""How many descendants the states of a snapshot have: from a plan, given, or by scores."""

from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import numpy as np

from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.methods.bridges.pairs.couplings import AbstractCoupling, Cost, Pairs


_LEAST = 1e-2
"""Fewer descendants, relative to the mean, count as so many: of a state that dies none are seen."""


class HasDescendants(eqx.Module):
    """A coupling that tells how many descendants the earlier states have."""

    @abstractmethod
    def descendants(
        self, x0: np.ndarray, x1: np.ndarray, cost: Cost, rng: np.random.Generator
    ) -> np.ndarray:
        """Relative number for every earlier state, mean 1."""


class AbstractGrowth(AbstractChecked):
    """The factor ``growth`` of the transport product.

    ``given`` says what `fit(growth=…)` has to bring, empty for nothing.
    """

    given: ClassVar[str]

    @abstractmethod
    def check(self, coupling: AbstractCoupling) -> None:
        """Refuse a coupling that does not tell what is needed.

        Raises:
            InvalidInput: naming the coupling to take.
        """

    @abstractmethod
    def rates(self, given: np.ndarray) -> np.ndarray:
        """Growth rates of all samples from what was given."""

    @abstractmethod
    def pairs(
        self,
        coupling: AbstractCoupling,
        x0: np.ndarray,
        x1: np.ndarray,
        cost: Cost,
        count: int,
        rates: np.ndarray,
        duration: float,
        rng: np.random.Generator,
    ) -> tuple[Pairs, np.ndarray]:
        """Pairs in which a state comes as often as it has descendants, and ln of their number.

        Args:
            coupling, x0, x1, cost, count, rng: as in `AbstractCoupling.pairs`.
            rates: of the earlier states, if they were given.
            duration: of the interval.
        """


class PlanGrowth(AbstractGrowth):
    """Growth as the plan of `Unbalanced` has it.

    Numbers of samples say nothing of the whole mass, which stays 1 at every snapshot, unless
    ``counts`` says so.

    Args:
        counts: the numbers of samples are masses.
    """

    given: ClassVar[str] = ""

    counts: bool = False

    def check(self, coupling: AbstractCoupling) -> None:
        if not isinstance(coupling, HasDescendants):
            raise InvalidInput(
                f"PlanGrowth: {type(coupling).__name__} keeps the mass of every state; take "
                "coupling=Unbalanced(), or growth=GivenGrowth()."
            )

    def rates(self, given: np.ndarray) -> np.ndarray:
        return given

    def pairs(
        self,
        coupling: AbstractCoupling,
        x0: np.ndarray,
        x1: np.ndarray,
        cost: Cost,
        count: int,
        rates: np.ndarray,
        duration: float,
        rng: np.random.Generator,
    ) -> tuple[Pairs, np.ndarray]:
        assert isinstance(coupling, HasDescendants)
        found = np.maximum(coupling.descendants(x0, x1, cost, rng), _LEAST)
        whole = len(x1) / len(x0) if self.counts else 1.0
        return coupling.pairs(x0, x1, cost, count, rng), np.log(found * whole)


class GivenGrowth(AbstractGrowth):
    """A rate g of birth less death for every sample, per unit time: ``fit(data, growth=g)``.

    A state has exp(g Δ) descendants at the end of its interval Δ; earlier states come to the
    coupling as often.
    """

    given: ClassVar[str] = "a rate for every sample"

    def check(self, coupling: AbstractCoupling) -> None:
        """Any coupling."""

    def rates(self, given: np.ndarray) -> np.ndarray:
        return given

    def pairs(
        self,
        coupling: AbstractCoupling,
        x0: np.ndarray,
        x1: np.ndarray,
        cost: Cost,
        count: int,
        rates: np.ndarray,
        duration: float,
        rng: np.random.Generator,
    ) -> tuple[Pairs, np.ndarray]:
        return multiplied(coupling, x0, x1, cost, count, rates * duration, rng)


class Proliferation(AbstractGrowth):
    """Rates from scores, such as the mean expression of cell-cycle genes: ``fit(data, growth=score)``.

    **Equation**: g = slowest + (fastest − slowest)/(1 + exp(−(score − median)/width)), width the
    interquartile range of the scores over 4.

    Args:
        slowest, fastest: rates per unit time.

    Raises:
        InvalidInput: a fastest that is not above the slowest.

    Source: after Schiebinger et al. 2019 (logistic birth rates of scores).
    """

    given: ClassVar[str] = "a score for every sample"

    slowest: float = 0.0
    fastest: float = 1.0

    def __check_init__(self) -> None:
        if not -np.inf < self.slowest < self.fastest < np.inf:
            raise InvalidInput(
                f"Proliferation: slowest = {self.slowest}, fastest = {self.fastest}; expected finite "
                "rates, the fastest above the slowest."
            )

    def check(self, coupling: AbstractCoupling) -> None:
        """Any coupling."""

    def rates(self, given: np.ndarray) -> np.ndarray:
        low, middle, high = np.quantile(given, [0.25, 0.5, 0.75])
        width = (high - low) / 4 or given.std() or 1.0
        rise = 0.5 * (1 + np.tanh((given - middle) / (2 * width)))
        return self.slowest + (self.fastest - self.slowest) * rise

    def pairs(
        self,
        coupling: AbstractCoupling,
        x0: np.ndarray,
        x1: np.ndarray,
        cost: Cost,
        count: int,
        rates: np.ndarray,
        duration: float,
        rng: np.random.Generator,
    ) -> tuple[Pairs, np.ndarray]:
        return multiplied(coupling, x0, x1, cost, count, rates * duration, rng)


def multiplied(
    coupling: AbstractCoupling,
    x0: np.ndarray,
    x1: np.ndarray,
    cost: Cost,
    count: int,
    log_growth: np.ndarray,
    rng: np.random.Generator,
) -> tuple[Pairs, np.ndarray]:
    """Pairs of earlier states that come as often as they have descendants."""
    weight = np.exp(log_growth - log_growth.max())
    total = np.cumsum(weight)
    # As many copies as are needed for the rarest to be seen, at stratified levels.
    copies = max(len(x0), len(x1))
    levels = (np.arange(copies) + rng.random(copies)) / copies * total[-1]
    rows = np.minimum(np.searchsorted(total, levels, side="right"), len(x0) - 1)
    pairs = coupling.pairs(x0[rows], x1, cost, count, rng)
    return Pairs(rows[pairs.start], pairs.end), log_growth


def rates_given(given: Any, n: int, growth: AbstractGrowth | None, name: str) -> np.ndarray | None:
    """Checked numbers of `fit(growth=…)`, one for each of n samples, turned into rates.

    Raises:
        InvalidInput: given and not wanted, wanted and not given, or of another shape.
    """
    wants = "" if growth is None else growth.given
    if given is None and not wants:
        return None
    if given is None:
        raise InvalidInput(
            f"{name}: growth={type(growth).__name__}() needs {wants}; give fit(data, growth=array) "
            "(command line: --with growth=FILE)."
        )
    if growth is None or not wants:
        raise InvalidInput(
            f"{name}: fit got growth= and the method takes none; set growth=GivenGrowth() for rates, or "
            "growth=Proliferation() for scores."
        )
    found = np.asarray(getattr(given, "values", given), np.float64)
    if found.size != n or not np.isfinite(found).all():
        raise InvalidInput(
            f"{name}: growth has shape {found.shape}; expected a finite number for each of the {n} samples."
        )
    return growth.rates(found.reshape(n))
