"""What estimators of entropy production converge to at a finite interval, on linear systems.

The rate of continuous time is the wrong target for data an interval apart, by up to 20 %: what two
frames show of the arrow of time is less than what the path between them holds. And the steps of
Euler and Maruyama dissipate more than the system that they stand for.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from noneq.errors import InvalidInput, MissingTrait
from noneq.kinds import checked
from noneq.systems.base import AbstractSystem, HasParity
from noneq.systems.linear import (
    AbstractLinear,
    gaussian_step,
    linear_entropy_production,
    stationary_covariance,
)
from noneq.systems.underdamped import UnderdampedPair


_LEAST, _MOST = 1e-14, 4096
"""Of the variances of frames, relative to the largest; and most numbers in a window."""


class Pair(NamedTuple):
    """The stationary Gaussian law of two frames an interval apart, and the system behind it.

    x(t + dt) = decay x(t) + N(0, spread), x(t) of the covariance ``stationary``; A and D are those
    of dX = −A X dt + √(2D) dW, which the data come from.
    """

    decay: np.ndarray
    spread: np.ndarray
    stationary: np.ndarray
    A: np.ndarray
    D: np.ndarray
    dt: float

    @property
    def lagged(self) -> np.ndarray:
        """⟨x(t + dt) x(t)^T⟩."""
        return self.decay @ self.stationary


@checked
def pair(system: AbstractSystem, dt: float, generator: str = "exact") -> Pair:
    """The law of two frames of a linear system.

    Args:
        system: `AbstractLinear` or `UnderdampedPair`.
        dt: the interval.
        generator: ``"exact"`` for the law of the system, ``"euler"`` for data of which each frame
            is one step of Euler and Maruyama after the last: decay 1 − A dt, spread 2D dt.

    Raises:
        InvalidInput: dt not positive, an unknown generator, or steps that explode.
        MissingTrait: a system that is not linear.
    """
    if not isinstance(system, AbstractLinear | UnderdampedPair):
        raise MissingTrait(
            f"target: {type(system).__name__} is not linear; finite intervals are known in closed "
            "form for linear systems (noneq.systems.AbstractLinear, UnderdampedPair)."
        )
    if not 0 < dt < np.inf:
        raise InvalidInput(f"target: dt = {dt}; expected a positive interval.")
    A, D = system.matrices()
    if generator == "exact":
        decay, spread = gaussian_step(-A, 2 * D, dt)
        return Pair(decay, spread, stationary_covariance(A, D), A, D, dt)
    if generator != "euler":
        raise InvalidInput(f"target: generator = {generator!r}; expected 'exact' or 'euler'.")
    from scipy.linalg import solve_discrete_lyapunov

    decay, spread = np.eye(len(A)) - A * dt, 2 * D * dt
    if np.abs(np.linalg.eigvals(decay)).max() >= 1:
        raise InvalidInput(
            f"target: Euler steps of dt = {dt:g} explode for these rates; shorten dt, or take "
            "generator='exact'."
        )
    return Pair(decay, spread, solve_discrete_lyapunov(decay, spread), A, D, dt)


@checked
def target(
    system: AbstractSystem,
    dt: float,
    window: int = 2,
    generator: str = "exact",
    estimator: str = "path_kl",
    observed: Sequence[int] | None = None,
) -> float:
    """What an estimator of the entropy production rate converges to with more and more data.

    With S = ⟨x x^T⟩, C = ⟨x(t + dt) x(t)^T⟩ and x(t + dt) = E x(t) + N(0, Q):

    - ``path_kl``: what NEEP, neighbours and the Gaussian closed form aim at, the divergence of
      windows of n frames from their time reversal, KL_n/[(n − 1) dt]; where coordinates are odd
      less that of one frame, (KL_n − KL_1)/[(n − 1) dt].
    - ``midpoint``: the force–current sum with the true drift f and D,
      ⟨f((x + x')/2)^T D^{-1} (x' − x)⟩/dt = −Tr[A^T D^{-1} (C − C^T)]/(2 dt).
    - ``plug_in``: the formula of continuous time with A = (1 − E)/dt and D = Q/(2 dt).
    - ``log_plug_in``: the same with A = −log(E)/dt and 2D = A S + S A^T. It is free of the
      interval on exact data.
    - ``tur``: the short-time uncertainty bound 2⟨J⟩²/(dt Var J) of the current with the weights
      D^{-1} v of continuous time, v the mean velocity; it is below the others.

    Args:
        system: `AbstractLinear` or `UnderdampedPair` (whose velocities are odd).
        dt: interval between frames.
        window: frames of a window. A Markov chain makes the rate of ``path_kl`` independent of
            it, unless only some coordinates are observed.
        generator: ``"exact"`` or ``"euler"``, see `pair`.
        estimator: one of the above.
        observed: for ``path_kl`` the coordinates that the estimator sees; None is all.

    Returns:
        Nats per unit time.

    Raises:
        InvalidInput: a number or word that is none of these, or a noise that is singular where
            D^{-1} is needed.
        MissingTrait: a system that is not linear.

    Source: for NEEP's data Kim et al. 2020, Phys. Rev. Lett. 125, 140604; the short-time bound is
    that of Otsubo et al. 2020, Phys. Rev. E 101, 062106.
    """
    if estimator not in ("path_kl", *_OF_PAIRS):
        raise InvalidInput(
            f"target: estimator = {estimator!r}; expected 'path_kl', "
            f"{', '.join(map(repr, _OF_PAIRS))}."
        )
    law = pair(system, dt, generator)
    if not 2 <= window <= _MOST // len(law.A):
        raise InvalidInput(
            f"target: window = {window}; expected 2 to {_MOST // len(law.A)} frames of "
            f"{len(law.A)} numbers."
        )
    signs = system.parity if isinstance(system, HasParity) else (1,) * len(law.A)
    parity = np.asarray(signs, float)
    if estimator == "path_kl":
        kept = _kept(observed, len(parity))
        shown = [_path_divergence(law, frames, parity, kept) for frames in (window, 1)]
        return (shown[0] - shown[1]) / ((window - 1) * dt)
    if window != 2 or observed is not None:
        raise InvalidInput(
            f"target: {estimator} looks at pairs of whole states; leave out window=."
        )
    if np.linalg.matrix_rank(law.D) < len(law.D) or (parity < 0).any():
        raise InvalidInput(
            f"target: {estimator} needs noise in every coordinate, all of them even; path_kl "
            "answers here."
        )
    return _OF_PAIRS[estimator](law)


def _kept(observed: Sequence[int] | None, dim: int) -> np.ndarray:
    kept = np.arange(dim) if observed is None else np.asarray(observed, int)
    if kept.size == 0 or kept.min() < 0 or kept.max() >= dim:
        raise InvalidInput(
            f"target: observed = {observed}; expected some coordinates of 0 … {dim - 1}."
        )
    return kept


def _path_divergence(law: Pair, window: int, parity: np.ndarray, kept: np.ndarray) -> float:
    """KL of n frames from their time reversal: ½ [Tr(C_reversed^{-1} C) − size]; det C is the same."""
    blocks, power = [], law.stationary
    for _ in range(window):
        blocks.append(power[np.ix_(kept, kept)])
        power = law.decay @ power
    rows = [
        [blocks[i - j] if i >= j else blocks[j - i].T for j in range(window)] for i in range(window)
    ]
    forward = np.block(rows)
    signs = np.diag(parity[kept])
    turn = np.kron(np.eye(window)[::-1], signs)
    scales = np.linalg.eigvalsh(forward)
    if scales[0] < _LEAST * scales[-1]:
        raise InvalidInput(
            "target: these frames determine each other exactly, so that their time reversal is "
            "impossible and the divergence is infinite or lost in rounding; lengthen dt, or take "
            "generator='exact'."
        )
    backward = turn @ forward @ turn
    return float((np.trace(np.linalg.solve(backward, forward)) - len(forward)) / 2)


def _midpoint(law: Pair) -> float:
    turning = law.lagged - law.lagged.T
    return float(-np.trace(law.A.T @ np.linalg.solve(law.D, turning)) / (2 * law.dt))


def _plug_in(law: Pair) -> float:
    rates = (np.eye(len(law.A)) - law.decay) / law.dt
    return linear_entropy_production(rates, law.spread / (2 * law.dt))


def _log_plug_in(law: Pair) -> float:
    from scipy.linalg import logm

    rates = -np.real(logm(law.decay)) / law.dt
    twice = rates @ law.stationary + law.stationary @ rates.T
    return linear_entropy_production(rates, twice / 2)


def _uncertainty(law: Pair) -> float:
    """⟨J⟩ = Tr(M C), Var J = 2 Tr(M C M C) of J = w((x + x')/2) (x' − x), a form M in (x, x')."""
    dim = len(law.A)
    flow = -law.A + law.D @ np.linalg.inv(stationary_covariance(law.A, law.D))
    weights = np.linalg.solve(law.D, flow)
    middle, move = np.hstack([np.eye(dim)] * 2) / 2, np.hstack([-np.eye(dim), np.eye(dim)])
    form = middle.T @ weights.T @ move
    form = (form + form.T) / 2
    joint = np.block([[law.stationary, law.lagged.T], [law.lagged, law.stationary]])
    turned = form @ joint
    mean, variance = np.trace(turned), 2 * np.trace(turned @ turned)
    return float(2 * mean**2 / (variance * law.dt)) if variance > 0 else 0.0


_OF_PAIRS: dict[str, Callable[[Pair], Any]] = {
    "midpoint": _midpoint,
    "plug_in": _plug_in,
    "log_plug_in": _log_plug_in,
    "tur": _uncertainty,
}
