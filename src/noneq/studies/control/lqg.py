"""Learnt controls where the best one is known: linear-quadratic costs, and a tail of an OU process."""

import dataclasses
import time as clock
from typing import Literal

import jax
import numpy as np
from scipy.stats import norm

from noneq._typing import Key
from noneq.control.adjoint_matching import AdjointMatching
from noneq.control.certificate import certificate
from noneq.control.end_region import EndRegion
from noneq.control.lqg import lqg
from noneq.control.path_integral import PathIntegralControl
from noneq.control.problem import ControlProblem
from noneq.learning.training import Training
from noneq.runs.rows import Row, row_of
from noneq.studies.base import AbstractCell, Outcome
from noneq.systems.linear import Linear


class LQGCell(AbstractCell):
    """A rotating trap in the plane with quadratic costs, against the Riccati equation.

    The cost is the least one plus the excess over it, measured against the exact control on the same
    noise.

    Args:
        method: who learns the control.
        training: of adjoint matching.
        rounds: of path-integral control.
        n: paths that measure the cost.
    """

    method: Literal["AdjointMatching", "PathIntegralControl"]
    training: Training = Training(steps=1000, batch=128, rate=3e-3, ema=0.99)
    rounds: int = 20
    n: int = 50_000
    replicate: int = 0

    @property
    def case(self) -> str:
        """``lqg``."""
        return "lqg"

    @property
    def method_name(self) -> str:
        """Who learnt the control."""
        return self.method

    def __call__(self, key: Key) -> Outcome:
        """Learn, then compare with the exact control path by path."""
        began = clock.monotonic()
        fit_key, test_key = jax.random.split(key)
        problem = lqg_problem()
        if self.method == "AdjointMatching":
            method = AdjointMatching(training=self.training)
        else:
            method = PathIntegralControl(rounds=self.rounds)
        fit = method.fit(problem=problem, key=fit_key)
        seconds = clock.monotonic() - began
        exact = lqg(problem)
        least = exact.cost(_START)
        ours, best = (
            certificate(problem, control, n=self.n, key=test_key)
            for control in (fit.model, exact.control)
        )
        excess = ours.costs - best.costs
        error = float(excess.std(ddof=1) / np.sqrt(self.n))
        who = self.method
        rows = (
            Row(self.case, who, "cost", least + float(excess.mean()), error),
            Row(self.case, "optimal", "cost", least, 0.0),
            row_of(self.case, who, "log_weight_variance", ours.log_weight_variance),
            row_of(self.case, "optimal", "log_weight_variance", best.log_weight_variance),
            Row(self.case, who, "effective_share", ours.effective_share, 0.0),
            Row(self.case, who, "seconds", seconds, 0.0),
        )
        return Outcome(rows, {"loss": np.asarray(fit.history["loss"])})


class TailCell(AbstractCell):
    """An OU process that is made to end above a level, and the probability by the weights.

    Args:
        level: a.
        steps: of the chain over a time of 2, from 0.
        training: of adjoint matching.
        n: controlled paths.
    """

    level: float = 4.0
    steps: int = 200
    training: Training = Training(steps=1500, batch=128, rate=3e-3, ema=0.99)
    n: int = 20_000
    replicate: int = 0

    @property
    def case(self) -> str:
        """``ou_tail:a=…``."""
        return f"ou_tail:a={self.level:g}"

    @property
    def method_name(self) -> str:
        """Adjoint matching."""
        return "AdjointMatching"

    def __call__(self, key: Key) -> Outcome:
        """Condition by control, weigh, compare with the chain's own Gaussian."""
        began = clock.monotonic()
        fit_key, test_key = jax.random.split(key)
        system = Linear(((1.0,),), ((1.0,),), start_mean=(0.0,), start_covariance=((0.0,),))
        region = EndRegion(f"x > {self.level}", width=0.05)
        problem = ControlProblem(system, 2.0, final=region, steps=self.steps)
        fit = AdjointMatching(training=self.training).fit(problem=problem, key=fit_key)
        found = certificate(problem, fit.model, n=self.n, key=test_key)
        decay = (1 - problem.step) ** (2 * np.arange(self.steps))
        exact = float(norm.sf(self.level / np.sqrt(2 * problem.step * decay.sum())))
        who = self.method_name
        rows = (
            row_of(self.case, who, "probability", found.probability),
            Row(self.case, "optimal", "probability", exact, 0.0),
            Row(self.case, who, "z", float(found.probability.z(exact)), 1.0),
            Row(self.case, who, "effective_share", found.effective_share, 0.0),
            row_of(self.case, who, "log_weight_variance", found.log_weight_variance),
            Row(self.case, who, "seconds", clock.monotonic() - began, 0.0),
        )
        order = np.argsort(found.ends[:, 0])
        arrays = {"ends": found.ends[order, 0], "weights": found.weights[order]}
        return Outcome(rows, arrays)


_START = (1.0, 0.0)


def lqg_problem(steps: int = 50) -> ControlProblem:
    """A rotating trap A = 1 + 2J, D = 1, from (1, 0): bring it to (0, 1) at small |x|²."""
    rotating = Linear(start_mean=_START, start_covariance=((0.0, 0.0), (0.0, 0.0)))
    return ControlProblem(
        rotating, 1.0, running="x**2 + y**2", final="2*x**2 + 2*(y - 1)**2", steps=steps
    )


def cells_of_lqg(quick: bool) -> list[AbstractCell]:
    """Both methods on the linear-quadratic problem, and the tail."""
    lqg_cells = [LQGCell(method="AdjointMatching"), LQGCell(method="PathIntegralControl")]
    if not quick:
        return [*lqg_cells, TailCell()]
    short = Training(steps=150, batch=64, rate=5e-3, ema=0.9)
    small = [dataclasses.replace(c, training=short, rounds=6, n=5000) for c in lqg_cells]
    return [*small, TailCell(level=2.0, steps=50, training=short, n=5000)]
