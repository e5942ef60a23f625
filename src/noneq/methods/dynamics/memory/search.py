"""Kernels of more and more terms by maximum likelihood; the information criterion ends the search."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from noneq.errors import SolveFailed
from noneq.methods.dynamics.memory.likelihood import Positions, log_likelihood
from noneq.systems.prony import PronyLangevin


_REACH = 12.0
"""Logarithms of the parameters stay so close to their start."""
_STEP = 2e-3
"""Of the logarithms, for second derivatives."""
_WORST = 1e10


@dataclass(frozen=True)
class Candidate:
    """A kernel of a given form at its maximum likelihood.

    Args:
        oscillates: of every term, whether it does.
        theta: logarithms of temperature, trap frequency, (noise,) then friction for no term, or
            strength, time (and frequency) of each term.
        noisy: whether an error of the positions is fitted.
        log_likelihood: nats.
        bic: −2 log_likelihood + parameters · ln(observations).
    """

    oscillates: tuple[bool, ...]
    theta: Float[np.ndarray, " p"]
    noisy: bool
    log_likelihood: float
    bic: float

    @property
    def system(self) -> PronyLangevin:
        """The motion with these parameters."""
        return system_of(self.theta, self.oscillates, self.noisy)

    @property
    def noise(self) -> float:
        """Standard deviation of the error of the positions."""
        return float(np.exp(self.theta[2])) if self.noisy else 0.0


def system_of(theta: np.ndarray, oscillates: tuple[bool, ...], noisy: bool) -> PronyLangevin:
    """The motion whose parameters have the logarithms theta."""
    values = [float(v) for v in np.exp(theta)]
    rest = iter(values[2 + noisy :])
    if not oscillates:
        return PronyLangevin(values[1], values[0], next(rest), (), (), ())
    terms = [(next(rest), next(rest), next(rest) if turns else 0.0) for turns in oscillates]
    return PronyLangevin(values[1], values[0], 0.0, *zip(*terms, strict=True))


def search(
    data: Positions,
    start: Float[np.ndarray, " head"],
    *,
    most: int,
    oscillations: bool,
    report: Callable[[Candidate], None],
) -> list[Candidate]:
    """Candidates in the order of their numbers of terms; the last but those that fail is the best.

    Args:
        data: what was observed.
        start: first guess of the logarithms of temperature and trap frequency (and noise).
        most: terms.
        oscillations: whether terms may oscillate.
        report: called with each candidate.
    """
    noisy = len(start) > 2
    time = float(np.exp(-start[1]))
    plain = [np.r_[start, np.log(g / time)] for g in (0.1, 0.5, 2.0, 8.0)]
    found = [_best(data, plain, (), noisy)]
    report(found[0])
    while len(found) <= most:
        last = found[-1]
        tries = [
            _grown(data, last, turns) for turns in ((False, True) if oscillations else (False,))
        ]
        better = min(tries, key=lambda c: c.bic)
        report(better)
        if better.bic >= last.bic:
            break
        found.append(better)
    return found


def _grown(data: Positions, last: Candidate, turns: bool) -> Candidate:
    """One more term, from a few starts."""
    head = 2 + last.noisy
    rate = float(np.exp(last.theta[1]))
    if last.oscillates:
        base, times, size = last.theta, last.system.times, sum(last.system.strengths)
        durations = [t * k for t in (min(times), max(times)) for k in (0.2, 3.0)]
        terms = [(c, tau) for tau in durations for c in (0.1 * size, size)]
    else:
        base, friction = last.theta[:head], float(np.exp(last.theta[-1]))
        durations = [k / rate for k in (0.1, 0.5, 2.0)]
        terms = [(k * friction / tau, tau) for tau in durations for k in (0.3, 1.0, 3.0)]
    starts = [
        np.r_[base, np.log([c, tau] if w is None else [c, tau, w / tau])]
        for c, tau in terms
        for w in ((0.7, 3.0) if turns else (None,))
    ]
    return _best(data, starts, (*last.oscillates, turns), last.noisy)


def _best(
    data: Positions, starts: list[np.ndarray], oscillates: tuple[bool, ...], noisy: bool
) -> Candidate:
    """The maximum that is reached from the best of the starts."""
    from scipy.optimize import minimize

    def cost(theta: np.ndarray) -> float:
        if np.abs(theta).max() > 60:
            return _WORST
        system = system_of(theta, oscillates, noisy)
        noise = float(np.exp(theta[2])) if noisy else 0.0
        value = -log_likelihood(system, data, noise) / data.count
        return value if np.isfinite(value) else _WORST

    first = min(starts, key=cost)
    bounds = [(v - _REACH, v + _REACH) for v in first]
    found = minimize(
        cost, first, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-6, "ftol": 1e-11}
    )
    value = -float(found.fun) * data.count
    if not found.fun < _WORST:
        raise SolveFailed(
            "GeneralisedLangevin: no kernel gives the positions a finite likelihood; look for jumps "
            "or repeated frames, or allow an error of the positions (noise=True)."
        )
    bic = -2 * value + len(first) * np.log(data.count)
    return Candidate(oscillates, np.asarray(found.x), noisy, value, float(bic))


def covariance(data: Positions, best: Candidate) -> Float[np.ndarray, "p p"]:
    """Of the logarithms: inverse of the observed information, by second differences."""
    size = len(best.theta)
    at = lambda theta: log_likelihood(
        system_of(theta, best.oscillates, best.noisy),
        data,
        float(np.exp(theta[2])) if best.noisy else 0.0,
    )
    step = _STEP * np.eye(size)
    information = np.zeros((size, size))
    for i, j in itertools.combinations_with_replacement(range(size), 2):
        corners = [
            at(best.theta + a * step[i] + b * step[j]) * a * b for a in (1, -1) for b in (1, -1)
        ]
        information[i, j] = information[j, i] = -sum(corners) / (4 * _STEP**2)
    values, vectors = np.linalg.eigh(information)
    # A direction without information has no error that a curvature could give; it is left wide.
    return (vectors / values.clip(1e-6 * values[-1])) @ vectors.T
