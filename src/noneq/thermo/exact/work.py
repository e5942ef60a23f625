"""Work and free energy of harmonic traps in closed form, to compare measurements with (kT = 1/beta)."""

from collections.abc import Iterator

import numpy as np

from noneq.systems.protocols import AbstractProtocol, sides


_CELLS = 500
"""Straight lines that stand for one smooth piece of a protocol."""


def dragged_work(
    speed: float = 1.0,
    duration: float = 2.0,
    stiffness: float = 1.0,
    friction: float = 1.0,
    beta: float = 1.0,
) -> tuple[float, float]:
    """Mean and variance of the Gaussian work of dragging a trap at constant speed; ΔF = 0.

    **Equation**: ⟨W⟩ = γ u² [τ − (γ/k)(1 − e^{−kτ/γ})], Var W = 2⟨W⟩/beta (1.135335, 2.270671).

    Source: Mazonka and Jarzynski 1999.
    """
    relaxation = friction / stiffness
    waited = duration + relaxation * np.expm1(-duration / relaxation)
    mean = friction * speed**2 * waited
    return float(mean), float(2 * mean / beta)


def dragged_work_along(
    protocol: AbstractProtocol, stiffness: float = 1.0, beta: float = 1.0
) -> tuple[float, float]:
    """Mean and variance of the work of any protocol of a dragged trap, `systems.DraggedTrap`.

    **Equation**: m' = k (λ − m), m = λ at the start; ⟨W⟩ = ∫ k (λ − m) dλ, jumps included, whose
    middle counts; Var W = 2 (⟨W⟩ − ΔF)/beta, ΔF = 0.
    """
    lag, work = 0.0, 0.0
    for jump, times, values in _pieces(protocol):
        work += stiffness * (lag * jump + jump**2 / 2)
        lag += jump
        for h, rise in zip(np.diff(times), np.diff(values), strict=True):
            # The lag λ − m relaxes while λ rises by a straight line.
            decay, rest = np.exp(-stiffness * h), rise / (stiffness * h)
            onward = rest + (lag - rest) * decay
            area = rest * h + (lag - rest) * (1 - decay) / stiffness
            work += stiffness * area * rise / h
            lag = onward
    return float(work), float(2 * work / beta)


def breathing_work(protocol: AbstractProtocol, beta: float = 1.0) -> float:
    """Mean work of any protocol of a breathing trap, `systems.BreathingTrap`, jumps included.

    **Equation**: s' = −2 λ s + 2/beta, s = ⟨x²⟩ from 1/(beta λ(0−)); ⟨W⟩ = ½ ∫ s dλ. The ramp 1 → 4 in
    τ = 1 takes 0.936042, the jump 1.5.
    """
    s, work = 1 / (beta * float(protocol.initial)), 0.0
    slope = lambda k, s: 2 / beta - 2 * k * s
    for jump, times, values in _pieces(protocol):
        work += jump * s / 2
        for h, low, high in zip(np.diff(times), values[:-1], values[1:], strict=True):
            rate = (low + high) / 2
            first = slope(low, s)
            second = slope(rate, s + h * first / 2)
            third = slope(rate, s + h * second / 2)
            onward = s + h * (first + 2 * second + 2 * third + slope(high, s + h * third)) / 6
            middle = (s + onward) / 2 + h * (first - slope(high, onward)) / 8
            work += (high - low) * (s + 4 * middle + onward) / 12
            s = onward
    return float(work)


def breathing_free_energy(start: float, end: float, beta: float = 1.0) -> float:
    """ΔF = ln(end/start)/(2 beta) of a harmonic trap of these stiffnesses in one dimension."""
    return float(np.log(end / start) / (2 * beta))


def gaussian_works(free_energy: float, dissipated: float, beta: float = 1.0) -> tuple[float, float]:
    """Mean and variance of a Gaussian work with this ΔF and dissipation; backward works mirror them.

    **Equation**: ⟨W⟩ = ΔF + W_diss, Var W = 2 W_diss/beta, the only Gaussian law that obeys Jarzynski;
    backwards −ΔF + W_diss and the same variance.
    """
    return free_energy + dissipated, 2 * dissipated / beta


def _pieces(protocol: AbstractProtocol) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """(jump before it, times, values) of every smooth piece; then the last jump alone."""
    knots = np.asarray(protocol.knots)
    after, before = sides(protocol, knots)
    for i in range(len(knots) - 1):
        times = np.linspace(knots[i], knots[i + 1], _CELLS + 1)
        values = sides(protocol, times)[0]
        values[0], values[-1] = after[i], before[i + 1]
        yield after[i] - before[i], times, values
    yield after[-1] - before[-1], np.zeros(1), np.zeros(1)
