"""A fitted model under the laws of thermodynamics: what it dissipates, and what it violates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from noneq._typing import Key, Numbers
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.display import Card
from noneq.errors import InvalidInput, MissingTrait
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.simulation.learnt import LearntSystem
from noneq.thermo.chains import chain_entropy_production
from noneq.thermo.estimators.score import score_rate
from noneq.thermo.estimators.snapshots import snapshot_rate
from noneq.thermo.estimators.variational import variational_rate
from noneq.thermo.learnt.requests import condition_of, count_of, times_of
from noneq.thermo.learnt.residuals import (
    continuity_residual,
    fokker_planck_residual,
    generation_entropy,
)
from noneq.thermo.learnt.schedule_costs import ScheduleCosts, schedule_costs
from noneq.thermo.path_entropy import system_rate
from noneq.traits import (
    AbstractModel,
    HasChain,
    HasDrift,
    HasInvariantFlow,
    HasNoising,
    HasPaths,
    HasScore,
    HasSplit,
    HasVelocity,
)


_NAME = "audit"
_FRAMES = 100


@dataclass(frozen=True, repr=False)
class Audit:
    """What a fitted model dissipates and how well it obeys the equations of its own law.

    Attributes:
        model: name of its class.
        rows: pairs of a quantity and its estimate.
        missing: pairs of a quantity and why it was not measured.
        schedule: costs of noise levels, for denoising models whose data were given.
    """

    model: str
    rows: tuple[tuple[str, Estimate], ...]
    missing: tuple[tuple[str, str], ...] = ()
    schedule: ScheduleCosts | None = None

    def __getitem__(self, name: str) -> Estimate:
        """The estimate of one quantity.

        Raises:
            InvalidInput: it was not measured; says why, or what was.
        """
        if name in (found := dict(self.rows)):
            return found[name]
        why = dict(self.missing).get(name, f"measured were {', '.join(found) or 'none'}")
        raise InvalidInput(f"Audit: no {name}; {why}.")

    def __repr__(self) -> str:
        """A line for each quantity."""
        facts = [(name, f"{estimate}  ({estimate.method})") for name, estimate in self.rows]
        facts += [(name, f"– {why}") for name, why in self.missing]
        text = Card(f"Thermodynamics of {self.model}", facts).text()
        return text if self.schedule is None else f"{text}\n{self.schedule!r}"


@observable("model", takes=("key",), number=False)
def audit(
    model: AbstractModel,
    data: Snapshots | Trajectories | Numbers | None = None,
    *,
    times: Sequence[float] | np.ndarray | None = None,
    n: int = 512,
    diffusivity: Numbers | None = None,
    condition: Any = None,
    key: Key,
) -> Audit:
    """Entropy production of a fitted model, and the residuals of its equations, by what it can do.

    - a chain of hidden states (`HasChain`): Schnakenberg's entropy production, exact;
    - a steady diffusion taken apart (`HasSplit`): its own rate over the data, the error of the fit
      included;
    - velocity or drift with a score: `score_rate`, and where both velocity and score are learnt the
      residual of the continuity equation (`continuity_residual`); a model of an invariant flow has
      its own residual;
    - drift and paths (a learnt law of motion): the heat over kT of paths that it draws, taken for
      stationary after the first half;
    - velocity without score: `snapshot_rate`;
    - a noising process: the entropy production of generation (`generation_entropy`), the residual of
      the Fokker–Planck equation (`fokker_planck_residual`), and with ``data`` what other noise
      levels would cost (`schedule_costs`);
    - paths alone (a transition model, a chain of bits): `variational_rate` of paths that the model
      draws, taken for stationary after the first half.

    Args:
        model: any fitted model.
        data: states that the model was fitted to, or held out.
        times: physical times, increasing; those of the data if None. Paths are drawn at these.
        n: states, or paths.
        diffusivity: D of the system, where the model has a velocity and no noise.
        condition: as in `sample`.

    Returns:
        Estimates by name; what could not be measured is listed with the reason.

    Raises:
        MissingTrait: a model that has nothing to measure.
    """
    if times is None and isinstance(data, Snapshots | Trajectories):
        times = data.times
    count_of(n, _NAME, 20)
    condition = condition_of(condition, _NAME)
    given = times_of(times, _NAME)
    clocks = None if given is None else np.asarray(given)
    ledger = _Ledger([], [])
    keys = iter(jax.random.split(key, 8))
    inside = None if clocks is None or clocks.size == 1 else clocks
    several = {"times": inside} if inside is not None else {}
    if inside is None and clocks is not None:
        several = {"times": float(clocks[0])}
    shared = {"condition": condition}
    if isinstance(model, HasChain):
        rate = chain_entropy_production(np.asarray(model.transition_matrix(), np.float64))
        ledger.add("entropy_production", lambda: _exact(rate))
    elif isinstance(model, HasSplit):
        # Its own error counts that of the fit.
        ledger.add("entropy_production", lambda: _of_split(model))
    elif isinstance(model, HasScore) and isinstance(model, HasVelocity | HasDrift):
        rate_key, residual_key = next(keys), next(keys)
        noise = {} if diffusivity is None else {"diffusivity": diffusivity}
        ledger.add(
            "entropy_production",
            lambda: score_rate(model, n, **several, **noise, **shared, key=rate_key),
        )
        if isinstance(model, HasVelocity) and not isinstance(model, HasInvariantFlow):
            ledger.add(
                "continuity_residual",
                lambda: continuity_residual(model, n, **several, **shared, key=residual_key),
            )
    elif isinstance(model, HasVelocity):
        rate_key = next(keys)
        ledger.add(
            "entropy_production",
            lambda: snapshot_rate(
                model,
                max(n, 64),
                times=_needed(inside),
                diffusivity=diffusivity,
                **shared,
                key=rate_key,
            ),
        )
    elif isinstance(model, HasDrift) and isinstance(model, HasPaths):
        path_key = next(keys)
        ledger.add("entropy_production", lambda: _of_dynamics(model, n, inside, path_key))
    elif isinstance(model, HasPaths):
        rate_key, path_key = next(keys), next(keys)
        ledger.add("entropy_production", lambda: _from_paths(model, n, inside, path_key, rate_key))
    if isinstance(model, HasInvariantFlow):
        residual_key = next(keys)
        first = None if clocks is None else float(clocks[0])
        ledger.add(
            "continuity_residual",
            lambda: model.invariance_residual(time=first, **shared, n=n, key=residual_key),
        )
    schedule = None
    if isinstance(model, HasNoising):
        one = {"time": None if clocks is None else float(clocks[len(clocks) // 2]), **shared}
        draw_key, residual_key, cost_key = next(keys), next(keys), next(keys)
        ledger.add("generation_entropy", lambda: generation_entropy(model, n, **one, key=draw_key))
        ledger.add(
            "fokker_planck_residual",
            lambda: fokker_planck_residual(model, min(n, 256), **one, key=residual_key),
        )
        if data is not None:
            schedule = schedule_costs(model, data, n=n, **one, key=cost_key)
    if not ledger.rows and not ledger.missing:
        raise MissingTrait(
            f"{_NAME}: {type(model).__name__} has a law and nothing that moves: no paths, velocity, "
            "chain or noise. `noneq list methods` shows which methods give these."
        )
    return Audit(type(model).__name__, tuple(ledger.rows), tuple(ledger.missing), schedule)


@dataclass(frozen=True)
class _Ledger:
    """Estimates that were made, and reasons for those that were not."""

    rows: list[tuple[str, Estimate]]
    missing: list[tuple[str, str]]

    def add(self, name: str, measure: Callable[[], Estimate]) -> None:
        """Measure; what the model or the request does not allow is noted."""
        try:
            self.rows.append((name, measure()))
        except (InvalidInput, MissingTrait) as error:
            self.missing.append((name, str(error)))


def _exact(rate: float) -> Estimate:
    """A rate per step that is computed, not measured.

    Raises:
        InvalidInput: a transition whose reverse never occurs, which costs infinitely much.
    """
    if not np.isfinite(rate):
        raise InvalidInput(
            "a transition of the chain occurs whose reverse never does, so that the entropy "
            "production is infinite"
        )
    zero, one = np.zeros(()), np.ones(())
    return Estimate(np.asarray(rate), zero, one, method="schnakenberg", unit="nat/step")


def _of_split(model: HasSplit) -> Estimate:
    note = "Over the states of the data; the standard error counts that of the fit."
    rate = model.entropy_production_rate()
    return replace(rate, method="mobility and circulation", unit="nat/time", notes=(note,))


def _needed(times: np.ndarray | None) -> np.ndarray:
    """Times of a path.

    Raises:
        InvalidInput: none are known.
    """
    if times is None:
        raise InvalidInput("give times= (two or more), or data with several times")
    return times


def _of_dynamics(model: Any, n: int, times: np.ndarray | None, key: Key) -> Estimate:
    """⟨(1/T) ∫ D^{-1} f ∘ dX⟩ over the second half of drawn paths of constant noise."""
    clocks = _needed(times)
    grid = np.linspace(clocks[0], clocks[-1], 2 * _FRAMES) if clocks.size < _FRAMES else clocks
    paths = model.sample_paths(n, times=grid[: 4 * _FRAMES], key=key)
    half = paths.frames(np.arange(paths.times.size // 2, paths.times.size))
    system = LearntSystem(model, float(grid[0]), float(np.diff(grid).min()))
    return system_rate(half, system, check=False)


def _from_paths(model: Any, n: int, times: np.ndarray | None, path_key: Key, key: Key) -> Estimate:
    """NEEP on the second half of drawn paths."""
    paths = model.sample_paths(n, times=_needed(times)[:_FRAMES], key=path_key)
    later = paths.frames(np.arange(paths.times.size // 2, paths.times.size))
    return variational_rate(later, key=key)
