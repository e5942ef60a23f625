"""Positions of a particle whose friction remembers, with the kernel and its errors."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.frames.checks import check_count, check_steps
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.simulation.ensemble import simulate
from noneq.systems.linear import square_root
from noneq.systems.prony import PronyLangevin
from noneq.traits import AbstractModel, HasKernel, HasLogProb, HasPaths


_MOST_FRAMES = 10_000_000


class MemoryModel(AbstractModel, HasPaths, HasLogProb, HasKernel):
    """Stationary motion of a position with a Prony kernel; what is not observed stays inside.

    `system` is the same motion with velocity and forces of the bath, to simulate, print and audit.

    Attributes:
        frame: the user's side.
        centre: of the trap, in the data's unit.
        values: logarithms of temperature, trap frequency, error of the positions (−inf for none),
            friction (−inf with memory), then strength, time and frequency of every term that there
            is room for (−inf where unused).
        covariance: of ``values``, 0 where unused.
    """

    frame: Frame
    centre: Constant
    values: Array
    covariance: Constant

    def __init__(self, summary: Summary, terms: int):
        size = 4 + 3 * terms
        self.frame = Frame(summary)
        self.centre = Constant(jnp.zeros(()))
        self.values = jnp.full(size, -jnp.inf).at[:2].set(0.0).at[3].set(0.0)
        self.covariance = Constant(jnp.zeros((size, size)))

    @property
    def event_shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """(1,), the position."""
        return self.frame.event_shape

    @property
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where positions live."""
        return self.frame.domain

    @property
    def system(self) -> PronyLangevin:
        """The motion of (x, v, forces of the bath), x from the trap's centre."""
        numbers = np.exp(np.asarray(self.values, np.float64))
        kT, trap, _, friction = (float(v) for v in numbers[:4])
        terms = numbers[4:].reshape(-1, 3)
        used = terms[terms[:, 0] > 0].tolist()
        columns = tuple(zip(*used, strict=True)) if used else ((), (), ())
        return PronyLangevin(trap, kT, friction, *columns)

    @property
    def noise(self) -> float:
        """Standard deviation of the error of the recorded positions; 0 if none was fitted."""
        return float(np.exp(self.values[2]))

    def parameters(self) -> dict[str, Estimate]:
        """Every parameter with its error: temperature, frequency, friction or terms of the kernel."""
        names = ["temperature", "frequency", "noise", "friction"]
        for k in range((len(self.values) - 4) // 3):
            names += [f"strength_{k}", f"time_{k}", f"frequency_{k}"]
        value = np.exp(np.asarray(self.values, np.float64))
        error = value * np.sqrt(np.diag(np.asarray(self.covariance.value, np.float64)))
        return {
            name: Estimate(np.asarray(v), np.asarray(e), np.asarray(self._n))
            for name, v, e in zip(names, value, error, strict=True)
            if v > 0
        }

    @checked
    def kernel(self, times: Numbers) -> Estimate:
        """K(t) with its standard error, per time².

        **Equation**: Σ_k c_k e^{−t/τ_k} cos ω_k t; errors to first order in those of the parameters.

        Args:
            times: (T,) ≥ 0.
        """
        t = np.atleast_1d(np.asarray(times, np.float64))
        if t.ndim != 1 or not (np.isfinite(t).all() and (t >= 0).all()):
            raise InvalidInput("kernel: times must be finite numbers ≥ 0, one after another.")
        terms = np.exp(np.asarray(self.values, np.float64))[4:].reshape(-1, 3)
        slopes = np.zeros((t.size, len(self.values)))
        total = np.zeros(t.size)
        for k, (c, tau, w) in enumerate(terms):
            if c == 0:
                continue
            decay = c * np.exp(-t / tau)
            total += decay * np.cos(w * t)
            rows = [decay * np.cos(w * t), decay * np.cos(w * t) * t / tau]
            rows.append(-decay * np.sin(w * t) * w * t)
            slopes[:, 4 + 3 * k : 7 + 3 * k] = np.stack(rows, axis=1)
        spread = np.einsum("ti,ij,tj->t", slopes, np.asarray(self.covariance.value, float), slopes)
        return Estimate(total, np.sqrt(spread.clip(0)), np.asarray(self._n), times=t)

    def memory_time(self) -> float:
        """Longest τ_k."""
        return max(self.system.times, default=0.0)

    def equations(self) -> list[str]:
        """The law and its kernel with standard errors, a line each."""
        found, unit = self.parameters(), self.frame.labels[2]
        shown = [f"{name} = {found[name]}" for name in ("temperature", "frequency", "noise", "friction")
                 if name in found]  # fmt: skip
        terms = []
        for k in range((len(self.values) - 4) // 3):
            if f"strength_{k}" not in found:
                continue
            term = f"({found[f'strength_{k}']}) exp(−t/({found[f'time_{k}']}))"
            turn = found.get(f"frequency_{k}")
            terms.append(term if turn is None else f"{term} cos(({turn}) t)")
        law = "x'' = −frequency² x − " + ("∫ K(t − s) v(s) ds" if terms else "friction v") + " + R"
        kernel = [f"K(t) = {' + '.join(terms)}"] if terms else []
        time = [f"times in {unit}"] if unit else []
        return [f"{law}, ⟨R(t) R(0)⟩ = temperature K(t)", *kernel, "; ".join([*shown, *time])]

    @checked
    def sample(
        self, n: int, *, time: Any = None, condition: Any = None, key: Key
    ) -> Float[Array, "n 1"]:
        """Positions of the stationary law, the same at all times."""
        check_count(n)
        self.frame.asked.check(condition)
        spread = np.sqrt(self.system.stationary_covariance()[0, 0])
        return self.centre.value + spread * jax.random.normal(key, (n, 1))

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        self.frame.asked.check(condition)
        return self.sample_paths(n, times=times, key=key).snapshots()

    @checked
    def log_prob(
        self, x: Float[Array, "*event"], *, time: Any = None, condition: Any = None
    ) -> Scalar:
        """log of the stationary density of a position, nats."""
        spread = np.sqrt(self.system.stationary_covariance()[0, 0])
        centre = self.centre.value
        return jax.scipy.stats.norm.logpdf(jnp.asarray(x, float)[0], centre, spread)

    @checked
    def sample_paths(
        self,
        n: int,
        *,
        times: Sequence[float] | np.ndarray,
        start: Numbers | None = None,
        condition: Any = None,
        key: Key,
    ) -> Trajectories:
        """n paths of positions, exact at any step.

        Args:
            start: positions ``(n, 1)`` at the first time, with velocity and bath in equilibrium; None
                draws them as well.

        Raises:
            InvalidInput: a start of another shape, or times that do not increase.
        """
        check_count(n)
        self.frame.asked.check(condition)
        at = np.atleast_1d(np.asarray(times, np.float64))
        check_steps(f"{at.size} times", at.size, n, most=_MOST_FRAMES)
        system = self.system
        begin_key, key = jax.random.split(key)
        root = square_root(system.stationary_covariance())
        whole = np.asarray(jax.random.normal(begin_key, (n, len(root))), float) @ root
        if start is not None:
            x = np.asarray(start, np.float64)
            if x.shape != (n, 1) or not np.isfinite(x).all():
                raise InvalidInput(f"start has shape {x.shape}; expected finite numbers {(n, 1)}.")
            whole[:, :1] = x - float(self.centre.value)
        paths = simulate(system, at, n=n, key=key, start=whole)
        names, units, time_unit = self.frame.labels
        values = paths.values[:, :, :1] + np.float32(self.centre.value)
        return Trajectories(values, at, names=names, units=units, time_unit=time_unit)

    @property
    def _n(self) -> int:
        return len(self.frame.times)


def filled(
    model: MemoryModel,
    centre: float,
    theta: np.ndarray,
    covariance: np.ndarray,
    oscillates: tuple[bool, ...],
    noisy: bool,
) -> MemoryModel:
    """The model with the parameters of a search, at their places."""
    places = [0, 1, *([2] if noisy else []), *([] if oscillates else [3])]
    for k, turns in enumerate(oscillates):
        places += [4 + 3 * k, 5 + 3 * k, *([6 + 3 * k] if turns else [])]
    values = np.full(len(model.values), -np.inf)
    values[places] = theta
    spread = np.zeros((len(values), len(values)))
    spread[np.ix_(places, places)] = covariance
    return eqx.tree_at(
        lambda m: (m.centre.value, m.values, m.covariance.value),
        model,
        (jnp.asarray(centre, float), jnp.asarray(values, float), jnp.asarray(spread, float)),
    )
