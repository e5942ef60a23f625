"""Cells on motion that remembers: friction kernels and the test of memory."""

import jax
import numpy as np
from jaxtyping import Float

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.inference import memory_test, volterra_inversion
from noneq.methods import GeneralisedLangevin
from noneq.runs.rows import Row
from noneq.simulation import simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.dynamics.past import DELAYS, DelayCell, FractionalCell
from noneq.systems import AOUP, Linear, MemoryLangevin
from noneq.thermo.exact import memory_correlation, memory_kernel


LAGS = (0.5, 1.0, 2.0, 4.0)
"""Of the velocity autocorrelation."""
_SYSTEMS = {"aoup": (AOUP(), 1), "ou": (Linear(((1.0,),), ((1.0,),)), 1), "inertia": (MemoryLangevin(), 1),
            "aoup, whole state": (AOUP(), 2)}  # fmt: skip
"""Systems of the test of memory, and how many of their coordinates are recorded."""


class KernelCell(AbstractCell):
    """Friction kernel of a trapped particle from its positions, w0 = 1, γ = 1, τ = ½.

    ``kernel_z`` is the largest distance of w0, γ = ∫K dt and τ from the truth in standard errors;
    ``velocity_z`` the same of the velocity autocorrelation of paths that the fit generates, at
    `LAGS`, with the error of the fit's own parameters and that of the paths.

    Args:
        paths, time, interval: of the record.
    """

    replicate: int = 0
    paths: int = 6
    time: float = 200.0
    interval: float = 0.1

    @property
    def case(self) -> str:
        """``gle``."""
        return "gle"

    @property
    def method_name(self) -> str:
        """``GeneralisedLangevin``."""
        return "GeneralisedLangevin"

    def __call__(self, key: Key) -> Outcome:
        """One fit, and paths of it."""
        first, fit_key, path_key = jax.random.split(key, 3)
        times = np.arange(0.0, self.time, self.interval)
        data = simulate(MemoryLangevin(), times, n=self.paths, key=first).select(1)
        model = GeneralisedLangevin(modes=1, oscillations=False).fit(
            data, key=fit_key, progress=False
        ).model  # fmt: skip
        found = model.parameters()
        c, tau = float(found["strength_0"].value), float(found["time_0"].value)
        spread = np.asarray(model.covariance.value, float)[4:6, 4:6]
        # γ = c τ, and the values are logarithms.
        error = c * tau * np.sqrt(spread.sum())
        z = [
            float(found["frequency"].z(1.0)),
            (c * tau - 1.0) / error,
            float(found["time_0"].z(0.5)),
        ]
        made = simulate(model.system, np.arange(0.0, 20.0, 0.25), n=2000, key=path_key)
        v = made.values[:, :, 1].astype(float)
        each = np.stack([_lagged(v, round(lag / 0.25)) for lag in LAGS], axis=1)
        truth = memory_correlation(LAGS)[:, 1, 1]
        error = np.hypot(each.std(0) / np.sqrt(len(each)), _fit_errors(model))
        velocity = (each.mean(0) - truth) / error
        row = lambda metric, value: Row(self.case, self.method_name, metric, float(value), 0.0)
        rows = (
            row("kernel_z", np.abs(z).max()),
            row("velocity_z", np.abs(velocity).max()),
        )
        shown = np.linspace(0.0, 3.0, 61)
        kernel = model.kernel(shown)
        arrays = {
            "times": shown, "kernel": kernel.value, "error": kernel.stderr, "exact": memory_kernel(shown)
        }  # fmt: skip
        return Outcome(rows, arrays)


class PeerKernelCell(AbstractCell):
    """The kernel from exact correlations by the Volterra inversion, here and by the package gleqpy.

    ``kernel_error`` is the largest distance from the exact kernel over K(0), lags 0.1 to 2. The peer
    needs ⟨F(t) v(0)⟩ of the force of the bath too, and is given its exact values.

    Args:
        peer: whether `gleqpy` is at work, which has to be installed.
        interval: between the lags of the correlation.
    """

    replicate: int = 0
    peer: bool = False
    interval: float = 0.02

    @property
    def case(self) -> str:
        """``gle:exact correlation``."""
        return "gle:exact correlation"

    @property
    def method_name(self) -> str:
        """``volterra_inversion``, or the peer."""
        return "gleqpy (peer)" if self.peer else "volterra_inversion"

    def __call__(self, key: Key) -> Outcome:
        """One inversion; nothing is random."""
        lags = np.arange(0.0, 3.0, self.interval)
        whole = memory_correlation(lags)
        velocities, force = whole[:, 1, 1], whole[:, 2, 1]
        if self.peer:
            kernel = _peer_kernel(velocities, force, self.interval)
            times = (np.arange(kernel.size) + 0.5) * self.interval
        else:
            kernel = volterra_inversion(velocities, self.interval, 1.0)
            times = np.arange(kernel.size) * self.interval
        seen = (times >= 0.1) & (times <= 2.0)
        off = np.abs(kernel - memory_kernel(times))[seen].max() / memory_kernel([0.0])[0]
        return Outcome((Row(self.case, self.method_name, "kernel_error", float(off), 0.0),))


class MemoryTestCell(AbstractCell):
    """How often `memory_test` rejects at level 0.01, on records of 2,500 frames 0.1 apart.

    Where the recorded coordinates are no Markov chain this is its ``power``, else its
    ``false_alarms``. Positions of inertial motion are no Markov chain, and reject as well.

    Args:
        system: ``aoup`` (its velocity hidden), ``ou``, ``inertia`` (positions alone), or
            ``aoup, whole state``.
        repeats: records.
    """

    system: str = "aoup"
    replicate: int = 0
    repeats: int = 200
    frames: int = 2500
    interval: float = 0.1

    def __check_init__(self) -> None:
        if self.system not in _SYSTEMS:
            raise InvalidInput(f"no system {self.system!r}; known: {', '.join(_SYSTEMS)}.")

    @property
    def case(self) -> str:
        """``memory_test:system``."""
        return f"memory_test:{self.system}"

    @property
    def method_name(self) -> str:
        """``memory_test``."""
        return "memory_test"

    def __call__(self, key: Key) -> Outcome:
        """The share of records that reject, with its error."""
        system, kept = _SYSTEMS[self.system]
        times = self.interval * np.arange(self.frames)
        data = simulate(system, times, n=self.repeats, key=key).select(kept)
        found = [memory_test(data.take(np.array([i]))) for i in range(self.repeats)]
        share = float(np.mean([test.memory for test in found]))
        # Of a share of 0 or 1 that of one record in so many.
        error = np.sqrt(max(share * (1 - share), 1 / self.repeats) / self.repeats)
        markov = self.system in ("ou", "aoup, whole state")
        metric = "false_alarms" if markov else "power"
        return Outcome((Row(self.case, self.method_name, metric, share, float(error)),))


def memory_cells(
    *, repeats: int = 200, seeds: int = 3, n: int = 8000, peer: bool = False
) -> list[AbstractCell]:
    """All cells of this file and of `noneq.studies.dynamics.past`.

    Args:
        repeats: records of each test of memory; a quarter as many exponents.
        seeds: fits of a kernel.
        n: paths of each variance.
        peer: whether gleqpy, which has to be installed, is at work as well.
    """
    return [
        *(KernelCell(replicate=r) for r in range(seeds)),
        *(PeerKernelCell(peer=p) for p in ((False, True) if peer else (False,))),
        *(MemoryTestCell(system=s, repeats=repeats) for s in _SYSTEMS),
        *(FractionalCell(hurst=h, n=n, repeats=max(repeats // 4, 2)) for h in (0.3, 0.5, 0.7, 0.9)),
        *(DelayCell(rate=a, feedback=b, delay=t, n=n) for a, b, t in DELAYS),
    ]


def _lagged(v: Float[np.ndarray, "n T"], lag: int) -> Float[np.ndarray, " n"]:
    """Mean of v(t) v(t + lag) of each path."""
    return (v[:, lag:] * v[:, : v.shape[1] - lag]).mean(1)


def _fit_errors(model) -> np.ndarray:
    """Standard errors of the velocity autocorrelation at `LAGS`, from those of the parameters."""
    values = np.asarray(model.values, float)
    used, step = np.flatnonzero(np.isfinite(values)), 1e-4

    def at(theta: np.ndarray) -> np.ndarray:
        numbers = np.exp(theta)
        kT, w0, c, tau = numbers[0], numbers[1], numbers[4], numbers[5]
        return memory_correlation(LAGS, w0, c * tau, tau, kT)[:, 1, 1]

    slopes = np.stack(
        [
            (at(values + step * e) - at(values - step * e)) / (2 * step)
            for e in np.eye(values.size)[used]
        ]
    )
    spread = np.asarray(model.covariance.value, float)[np.ix_(used, used)]
    return np.sqrt(np.einsum("it,ij,jt->t", slopes, spread, slopes))


def _peer_kernel(velocities: np.ndarray, force: np.ndarray, interval: float) -> np.ndarray:
    """The kernel by gleqpy's midpoint rule, which is given the correlation of the force as well."""
    try:
        from gleqpy.memory.time import calc_memory_midpt  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InvalidInput(
            "the peer is not installed: pip install --no-deps gleqpy ase."
        ) from error
    return np.asarray(calc_memory_midpt(velocities, force, interval))
