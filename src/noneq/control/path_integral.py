"""A control by importance weights of whole paths."""

from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.control.chain import Chain, run
from noneq.control.feedback import PolynomialControl, feature_count
from noneq.control.method import AbstractControlMethod
from noneq.control.problem import ControlProblem
from noneq.data.summary import Summary
from noneq.errors import InvalidInput, SolveFailed
from noneq.learning.method import History, Progress
from noneq.learning.watching import told
from noneq.traced import jit


_RIDGE = 1e-6
"""Of the normal equations, relative to their diagonal."""
_MOST = 4096
"""Coefficients of one number of the noise, at most: their equations are solved exactly."""


class PathIntegralControl(AbstractControlMethod):
    """A polynomial feedback by importance weights: no gradient of the system is needed.

    Forward process:
        the system itself, under the control of the last round.
    Learnt object:
        u(t, x), a polynomial of the state whose coefficients are piecewise linear in time.
    Objective and weight:
        the divergence of the optimal path measure from that of u, whose minimum over a linear class is
        a weighted regression of u + ξ/√h on the features; weights e^{−∫q − g} dP/dP^u, to a power below
        1 as long as fewer than ``share`` of the paths would count. Rounds with full weights add up.
    Sampling:
        Euler–Maruyama paths of dX = (f + B u) dt + B dW.
    Source and deviations:
        Kappen and Ruiz 2016; powers of the weights in place of a small step.

    Args:
        degree: of the polynomial of the state; 1 is enough for linear-quadratic problems.
        knots: of its coefficients in time.
        rounds: of paths and regression.
        paths: in each round.
        share: of the paths that at least count, (Σw)²/(n Σw²).

    Raises:
        InvalidInput: a number outside its range, more coefficients than equations can be solved for, or
            a control that leaves out a direction of the noise.
    """

    source: ClassVar[str] = "kappen2016adaptive"

    degree: int = 1
    knots: int = 9
    rounds: int = 30
    paths: int = 2000
    share: float = 0.1

    def __check_init__(self) -> None:
        rules = {
            "degree": (0 <= self.degree <= 8, "0 to 8"),
            "knots": (self.knots >= 2, "at least 2"),
            "rounds": (self.rounds >= 1, "at least 1"),
            "paths": (self.paths >= 10, "at least 10"),
            "share": (0 < self.share < 1, "between 0 and 1"),
        }
        for name, (good, expected) in rules.items():
            if not good:
                raise InvalidInput(
                    f"PathIntegralControl: {name} = {getattr(self, name)}; expected {expected}."
                )

    def untrained(self, summary: Summary, problem: ControlProblem, key: Key) -> PolynomialControl:
        if problem.channels:
            raise InvalidInput(
                "PathIntegralControl: the control leaves out a direction of the noise, where weights "
                "know no optimum; use AdjointMatching, or leave along= out."
            )
        size = self.knots * feature_count(summary.dim, self.degree)
        if size > _MOST:
            raise InvalidInput(
                f"PathIntegralControl: {size:,} coefficients for each number of the noise; at most "
                f"{_MOST:,}: lower degree or knots, or use AdjointMatching."
            )
        return PolynomialControl(summary, problem, self.knots, self.degree)

    def learn(
        self,
        control: PolynomialControl,
        problem: ControlProblem,
        states: Array,
        *,
        key: Key,
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> tuple[PolynomialControl, History]:
        report, history = told(progress), {"step": [], "loss": [], "effective_share": []}
        known: Any = None
        for i in range(self.rounds):
            start_key, path_key = jax.random.split(jax.random.fold_in(key, i))
            index = jax.random.randint(start_key, (self.paths,), 0, len(states))
            chain = run(problem, control, states[index], path_key, True)
            logs, cost = (np.asarray(part, np.float64) for part in _values(problem, chain))
            if not (np.isfinite(logs).all() and np.isfinite(cost).all()):
                raise SolveFailed(
                    f"PathIntegralControl: a path of round {i} is not finite; take more steps= in the "
                    "problem, or a lower degree."
                )
            power, weights, share = tempered(logs, self.share)
            parts = _moments(problem, control, chain, jnp.asarray(weights, jnp.float32))
            sums = [np.asarray(part, np.float64) for part in parts]
            if power < 1:
                solved = sums
            else:  # of the optimal law whatever the control was: they add up
                known = sums if known is None else [
                    a + share * b for a, b in zip(known, sums, strict=True)
                ]  # fmt: skip
                solved = known
            control = _solved(control, *solved)
            row = {"step": float(i + 1), "loss": float(cost.mean()), "effective_share": share}
            history = {name: [*column, row[name]] for name, column in history.items()}
            report(i + 1, self.rounds, row)
        return control, history


def tempered(logs: np.ndarray, share: float) -> tuple[float, np.ndarray, float]:
    """The largest power of weights up to 1 at which a share of them counts.

    Returns:
        the power, the weights with the sum 1, and the share that counts at power 1.
    """
    shifted = logs - logs.max()

    def at(power: float) -> tuple[np.ndarray, float]:
        weights = np.exp(power * shifted)
        weights /= weights.sum()
        return weights, 1 / (len(logs) * float(np.sum(weights**2)))

    full = at(1.0)[1]
    if full >= share:
        return 1.0, at(1.0)[0], full
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle)[1] >= share else (low, middle)
    return low, at(low)[0], full


@jit
def _values(problem: ControlProblem, chain: Chain) -> tuple[Array, Array]:
    """Log weights, of the smooth cost, and costs."""
    cost = chain.cost(problem)
    return -cost - chain.martingale, cost


@jit
def _moments(
    problem: ControlProblem, control: PolynomialControl, chain: Chain, weights: Array
) -> tuple[Array, Array]:
    """Σ_t hat hatᵀ ⟨φ φᵀ⟩ and Σ_t hat ⟨φ (u + ξ/√h)⟩ √T, weighted, of one round."""
    hats = jax.vmap(control.hats)(jnp.asarray(problem.times[:-1], weights.dtype))
    root = jnp.sqrt(problem.horizon)

    def at(frame: Any) -> tuple[Array, Array]:
        x, xi, u = frame
        features = jax.vmap(control.features)(x)
        target = root * (u + xi / jnp.sqrt(problem.step)).reshape(len(x), -1)
        weighted = weights[:, None] * features
        return weighted.T @ features, weighted.T @ target

    squares, products = jax.lax.map(at, (chain.states, chain.noise, chain.controls))
    return (
        jnp.einsum("tj,tl,tab->jalb", hats, hats, squares),
        jnp.einsum("tj,tam->jam", hats, products),
    )


def _solved(
    control: PolynomialControl, squares: np.ndarray, products: np.ndarray
) -> PolynomialControl:
    knots, features, noises = products.shape
    size = knots * features
    matrix = squares.reshape(size, size)
    matrix = matrix + _RIDGE * np.diag(np.diag(matrix).clip(1e-12))
    found = np.linalg.solve(matrix, products.reshape(size, noises))
    theta = jnp.asarray(found.reshape(knots, features, noises), control.coefficients.dtype)
    return eqx.tree_at(lambda c: c.coefficients, control, theta)
