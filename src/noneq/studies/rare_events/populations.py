"""Cells on rates by forward flux, and on time averages by cloning, beside exact values."""

import math
import time
from typing import Any, Literal

from noneq._typing import Key
from noneq.inference.rare import cloning, forward_flux, scaled_cumulants, transition_rate
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.rare_events import exact
from noneq.studies.rare_events.cells import rows_of
from noneq.systems import DoubleWell, Linear


_STEP = 0.01
HORIZON = 10.0


class FluxCell(AbstractCell):
    """Rate from x < −1 to x > 1 in V = (x² − 1)², against the mean passage time of the same chain.

    Args:
        beta: inverse temperature.
        method: ``forward flux``, or ``AMS``: departures times splitting.
        n: paths of a repeat, or trials of a level.
        repeats: independent ones.
    """

    beta: float = 3.0
    method: Literal["forward flux", "AMS"] = "forward flux"
    n: int = 200
    repeats: int = 20
    replicate: int = 0

    @property
    def case(self) -> str:
        """The event."""
        return f"rate:double_well,beta={self.beta:g},chain"

    @property
    def method_name(self) -> str:
        """As in the rows."""
        return self.method

    def __call__(self, key: Key) -> Outcome:
        """Estimate, and compare."""
        began = time.monotonic()
        asked: dict[str, Any] = {"origin": "x < -1", "target": "x > 1", "step": _STEP, "key": key}
        find = forward_flux if self.method == "forward flux" else transition_rate
        found = find(DoubleWell(beta=self.beta), **asked, n=self.n, repeats=self.repeats)
        seconds = time.monotonic() - began
        force = lambda x: -4 * x * (x**2 - 1)
        true = 1 / exact.chain_passage(force, math.sqrt(2 / self.beta), _STEP, 1.0, -1.0)
        return Outcome(rows_of(self.case, self.method, found.rate, true, seconds, "rate"))


class AverageCell(AbstractCell):
    """P(mean of x over 10 ≥ a) of dX = −X dt + √2 dW from 0, against the law of a Gaussian.

    Args:
        a: to be reached.
        n: paths of a repeat.
        repeats: independent ones.
    """

    a: float = 2.0
    n: int = 1000
    repeats: int = 20
    replicate: int = 0

    @property
    def case(self) -> str:
        """The event."""
        return f"time_average:ou,a={self.a:g}"

    @property
    def method_name(self) -> str:
        """As in the rows."""
        return "cloning"

    def __call__(self, key: Key) -> Outcome:
        """Estimate, and compare."""
        began = time.monotonic()
        found = cloning(_ou(), "x", self.a, **_asked(self.n, self.repeats), key=key)
        seconds = time.monotonic() - began
        true = 0.5 * math.erfc(self.a * HORIZON / math.sqrt(2 * variance(HORIZON)))
        p = found.event.probability
        return Outcome(rows_of(self.case, "cloning", p, true, seconds))


class CumulantCell(AbstractCell):
    """ψ(k) of the mean of x over 10, dX = −X dt + √2 dW from 0, against k² Var/(2 T).

    Args:
        k: the tilt.
        n: paths of a repeat.
        repeats: independent ones.
    """

    k: float = 1.0
    n: int = 1000
    repeats: int = 20
    replicate: int = 0

    @property
    def case(self) -> str:
        """The event."""
        return f"scaled_cumulant:ou,k={self.k:g}"

    @property
    def method_name(self) -> str:
        """As in the rows."""
        return "cloning"

    def __call__(self, key: Key) -> Outcome:
        """Estimate, and compare."""
        began = time.monotonic()
        asked = _asked(self.n, self.repeats)
        found = scaled_cumulants(_ou(), "x", [self.k], **asked, key=key)
        seconds = time.monotonic() - began
        true = self.k**2 * variance(HORIZON) / (2 * HORIZON)
        return Outcome(rows_of(self.case, "cloning", found[0], true, seconds, "scaled_cumulant"))


def variance(horizon: float) -> float:
    """Of ∫₀ᵀ x dt from x = 0: 2 (T − 2 (1 − e^{−T}) + (1 − e^{−2T})/2)."""
    once, twice = -math.expm1(-horizon), -math.expm1(-2 * horizon)
    return 2 * (horizon - 2 * once + twice / 2)


def _ou() -> Any:
    return Linear(A=((1.0,),), D=((1.0,),))


def _asked(n: int, repeats: int) -> dict[str, Any]:
    return {"horizon": HORIZON, "start": [0.0], "step": 0.05, "n": n, "repeats": repeats}


def cells_of_populations(quick: bool) -> list[AbstractCell]:
    """All cells of this file; the quick ones have few paths."""
    few = {"n": 100, "repeats": 5} if quick else {}
    cells: list[AbstractCell] = [FluxCell(method="forward flux", **few), AverageCell(**few)]
    cells.append(CumulantCell(k=0.5, **few))
    if quick:
        return cells
    cells += [FluxCell(method="AMS"), FluxCell(beta=5.0), FluxCell(beta=5.0, method="AMS")]
    return [*cells, AverageCell(a=1.0), CumulantCell(k=1.0), CumulantCell(k=-1.0)]
