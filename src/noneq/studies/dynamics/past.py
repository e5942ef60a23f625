"""Cells on motion with a past: traps in fractional noise, exponents, and delayed feedback."""

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.inference import anomalous_exponent, delayed_response
from noneq.runs.rows import Row
from noneq.simulation import fractional_noise, simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.systems import FractionalTrap, LinearDelay


DELAYS = ((0.0, 1.0, 0.5), (0.0, 1.0, 1.0), (0.5, 1.0, 0.8), (1.0, 0.5, 0.8))
"""(rate, feedback, delay) of the linear feedbacks."""


class FractionalCell(AbstractCell):
    """A trap in fractional noise, and the exponent of free motion in the same noise.

    ``variance_error`` is the stationary variance over Γ(2H + 1)/2 minus 1; ``alpha_z`` the exponent of
    free paths of 200 frames with errors of half a step, minus 2H, in standard errors; ``coverage95``
    the share of 95 % intervals of such exponents that hold 2H.

    Args:
        hurst: H.
        n: paths of the trap.
        repeats: records of 20 free paths each.
    """

    hurst: float = 0.3
    replicate: int = 0
    n: int = 8000
    repeats: int = 50

    @property
    def case(self) -> str:
        """``fractional:H=0.3``."""
        return f"fractional:H={self.hurst:g}"

    @property
    def method_name(self) -> str:
        """``FractionalTrap``; the exponent by ``anomalous_exponent``."""
        return "FractionalTrap"

    def __call__(self, key: Key) -> Outcome:
        """The variance, and the exponents."""
        trap_key, noise_key, error_key = jax.random.split(key, 3)
        system = FractionalTrap(self.hurst)
        off, error = _variance_error(simulate(system, np.arange(0.0, 20.0, 2.0), n=self.n, key=trap_key),
                                     system.stationary_variance())  # fmt: skip
        shape = (self.repeats, 20, 200)
        noise = fractional_noise(self.repeats * 20, 200, self.hurst, key=noise_key)
        free = np.cumsum(np.asarray(noise, float).reshape(shape), axis=2)
        free += 0.5 * np.asarray(jax.random.normal(error_key, shape), float)
        times = np.arange(200.0)
        found = [anomalous_exponent(Trajectories(x[:, :, None], times)) for x in free]
        inside = np.mean([low < 2 * self.hurst < high for low, high in (f.interval for f in found)])
        spread = float(np.sqrt(max(inside * (1 - inside), 1 / self.repeats) / self.repeats))
        exponent = "anomalous_exponent"
        rows = (
            Row(self.case, self.method_name, "variance_error", off, error),
            Row(self.case, exponent, "alpha_z", abs(float(found[0].alpha.z(2 * self.hurst))), 0.0),
            Row(self.case, exponent, "coverage95", float(inside), spread),
        )
        return Outcome(rows, {"alpha": np.array([float(f.alpha.value) for f in found])})


class DelayCell(AbstractCell):
    """A linear late feedback: its stationary variance, and its delay and strength from paths.

    ``variance_error`` is relative; ``delay_z`` and ``feedback_z`` are distances from the truth in
    standard errors, from 20 paths of 1,000 frames 0.05 apart.

    Args:
        rate, feedback, delay: of the system.
        n: paths of the variance.
    """

    rate: float = 0.0
    feedback: float = 1.0
    delay: float = 0.5
    replicate: int = 0
    n: int = 8000

    @property
    def case(self) -> str:
        """``delay:a=0,b=1,τ=0.5``."""
        return f"delay:a={self.rate:g},b={self.feedback:g},τ={self.delay:g}"

    @property
    def method_name(self) -> str:
        """``LinearDelay``; what is inferred by ``delayed_response``."""
        return "LinearDelay"

    def __call__(self, key: Key) -> Outcome:
        """The variance, then the feedback."""
        first, second = jax.random.split(key)
        system = LinearDelay(self.rate, self.feedback, self.delay)
        off, error = _variance_error(simulate(system, np.arange(0.0, 40.0, 2.0), n=self.n, key=first),
                                     system.stationary_variance())  # fmt: skip
        paths = simulate(system, 0.05 * np.arange(1000), n=20, key=second)
        found = delayed_response(paths, longest=2.0)
        inferred = "delayed_response"
        rows = (
            Row(self.case, self.method_name, "variance_error", off, error),
            Row(self.case, inferred, "delay_z", abs(float(found.delay.z(self.delay))), 0.0),
            Row(
                self.case, inferred, "feedback_z", abs(float(found.feedback.z(self.feedback))), 0.0
            ),
        )
        kernel = found.kernel
        assert kernel.times is not None
        return Outcome(
            rows, {"delays": kernel.times, "kernel": kernel.value, "error": kernel.stderr}
        )


def _variance_error(paths: Trajectories, truth: float) -> tuple[float, float]:
    """Mean square over the truth minus 1, and its error over paths."""
    each = (paths.values[:, :, 0].astype(float) ** 2).mean(1) / truth
    return float(each.mean() - 1), float(each.std() / np.sqrt(each.size))
