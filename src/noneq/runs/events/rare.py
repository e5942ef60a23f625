"""Rare events of a system or of a run: from one set of states to another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import jax
import numpy as np

from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.rare import (
    BlackBox,
    RareEvent,
    forward_flux,
    splitting,
    state_set,
    transition_rate,
    weighted_ensemble,
)
from noneq.inference.rare.sets import StateSet, refuse_impossible
from noneq.kinds import checked
from noneq.runs.events.doob import TEACHERS, by_doob, sentences
from noneq.runs.rows import Row, row_of


Method: TypeAlias = Literal["splitting", "forward_flux", "weighted_ensemble", "doob"]
_DRAWS = 4096
_PATHS = 24


@dataclass(frozen=True)
class RareFindings:
    """What `rare` found.

    Attributes:
        question: what was asked, in words.
        sentence: the answer.
        estimates: a quantity and its estimate each, the one asked for first.
        event: the estimate behind them: repeats, levels, paths.
        origin, target: the two sets, as text.
        names: of the coordinates.
        notes: what to be wary of.
        system: that was followed.
        horizon: time to reach the target, None without one.
        time: of the start.
    """

    question: str
    sentence: str
    estimates: tuple[tuple[str, Estimate], ...]
    event: RareEvent
    origin: str
    target: str
    names: tuple[str, ...]
    notes: tuple[str, ...]
    system: Any
    horizon: float | None = None
    time: float = 0.0

    def rows(self, case: str) -> list[Row]:
        """The numbers as rows of results."""
        return [row_of(case, one.method or "splitting", name, one) for name, one in self.estimates]


@checked
def rare(
    system: Any,
    *,
    origin: str,
    target: str,
    start: Any = None,
    horizon: float | None = None,
    score: str | None = None,
    method: Method = "splitting",
    levels: Sequence[float] | None = None,
    n: int = 200,
    repeats: int = 10,
    step: float | None = None,
    perturbation: float | None = None,
    time: float = 0.0,
    workers: int = 1,
    state: str | Path | None = None,
    progress: Callable[..., Any] | None = None,
    seed: int = 0,
) -> RareFindings:
    """How probable, or how frequent, transitions from one set of states to another are.

    With a horizon: the probability to be in the target within it. Without one and with a start outside
    of the origin: that of the target before the origin (the committor). Without both: the rate of
    transitions and the mean first passage time.

    Args:
        system: a system, a fitted model with a drift, or a `BlackBox`.
        origin, target: sets, such as ``"x < -0.9"``.
        start: a state; None takes the initial states that lie in the origin.
        method: ``splitting``; ``forward_flux``, of rates; ``weighted_ensemble``, within a horizon;
            ``doob``: the Doob transform that the paths of a splitting teach, with weights: n × repeats
            paths, of a diffusion.
        levels: of the score, of forward_flux and weighted_ensemble; None lets them be found.
        horizon, score, n, repeats, step, perturbation, time, workers, state, progress: as in
            `noneq.inference.splitting`.
        seed: of the random key.

    Raises:
        InvalidInput: sets that are empty, overlap, or hold no start; options that the method does not
            have; what the method refuses.
    """
    key = jax.random.key(seed)
    own = {"--state": state is not None, "--perturbation": perturbation is not None}
    _refuse(method, levels, horizon, start, own | {"--workers": workers > 1})
    aim, begin = (_set(system, text, word) for text, word in ((target, "--to"), (origin, "--from")))
    refuse_impossible(aim, begin, _some(system, key), system.domain, ("--to", "--from"))
    asked: dict[str, Any] = {
        "target": target, "score": score, "repeats": repeats, "step": step, "time": time, "key": key,
    }  # fmt: skip
    more = {"n": n, "paths": TEACHERS if method == "doob" else _PATHS, "progress": progress}
    made = partial(_findings, begin=begin, aim=aim, system=system, horizon=horizon, time=time)
    given = None if start is None else np.asarray(start, np.float64)
    if horizon is None and given is None:
        if method == "forward_flux":
            found = forward_flux(system, origin=origin, levels=levels, **asked, **more)
        else:
            _refuse_rate(own)
            found = transition_rate(system, origin=origin, workers=workers, **asked, **more)
        event = found.event
        rows = (
            ("rate", found.rate),
            ("passage_time", found.passage_time),
            ("departures", found.flux),
            ("arrival_probability", event.probability),
        )
        question = f"transitions from {begin.label} to {aim.label}, in the steady state"
        sentence = f"rate {found.rate}, mean first passage time {found.passage_time}"
        if event.upper is not None:
            bound = event.upper * float(found.flux.value)
            sentence = f"rate below {bound:.2g} at 95 %: {event.probability.notes[0]}"
        return made(question, sentence, rows, event)
    more |= {"state": state, "perturbation": perturbation, "workers": workers}
    if horizon is None:
        starts = given
        event = splitting(system, avoid=origin, start=starts, **asked, **more)
        question = f"{aim.label} before {begin.label}, from {_text(given)}"
    else:
        starts = _starts(system, begin, key) if given is None else given
        asked |= {"horizon": horizon, "start": starts}
        if method == "weighted_ensemble":
            event = weighted_ensemble(system, n=n, levels=levels, **asked)
        else:
            event = splitting(system, **asked, **more)
        where = begin.label if given is None else _text(given)
        question = f"{aim.label} within a time of {horizon:g}, from {where}"
    p = event.probability
    bound = event.upper
    sentence = f"probability {p}" if bound is None else f"probability below {bound:.2g} at 95 %"
    found = made(question, sentence, (("probability", p),), event)
    if method != "doob":
        return found
    whole = {"start": starts, "target": target, "horizon": horizon, "time": time, "step": step}
    whole |= {"avoid": origin} if horizon is None else {}
    again = jax.random.fold_in(key, 11)
    return by_doob(found, whole, n=n * repeats, progress=progress, key=again)


def _refuse(
    method: str,
    levels: Sequence[float] | None,
    horizon: float | None,
    start: Any,
    own: dict[str, bool],
) -> None:
    """Refuse options that the method does not have."""
    if levels is not None and method in ("splitting", "doob"):
        raise InvalidInput(
            f"--levels: {method} finds its levels itself; give --method forward_flux or "
            "weighted_ensemble, or leave them out."
        )
    if method == "splitting":
        return
    given = [name for name, there in own.items() if there]
    if given:
        raise InvalidInput(
            f"--method {method} takes no {given[0]}; leave it out, or take splitting."
        )
    if method == "forward_flux" and (horizon is not None or start is not None):
        raise InvalidInput(
            "--method forward_flux gives the rate of the steady state; leave out --horizon and --start, or "
            "take splitting."
        )
    if method == "doob" and horizon is None and start is None:
        raise InvalidInput(
            "--method doob gives probabilities; add --horizon, or --start outside of --from, or take "
            "splitting for a rate."
        )
    if method == "weighted_ensemble" and horizon is None:
        raise InvalidInput(
            "--method weighted_ensemble needs --horizon, the time within which the target is to be "
            "reached; without one take splitting or forward_flux."
        )


def _refuse_rate(own: dict[str, bool]) -> None:
    """Refuse what a rate does not have: a file, and a system without noise."""
    if any(own.values()):
        raise InvalidInput(
            "a rate takes no --state and no --perturbation; give --horizon, or --start outside of --from."
        )


def _findings(
    question: str,
    sentence: str,
    rows: tuple[tuple[str, Estimate], ...],
    event: RareEvent,
    *,
    begin: StateSet,
    aim: StateSet,
    system: Any,
    **more: Any,
) -> RareFindings:
    notes = sentences(event.probability.notes)
    return RareFindings(
        question, sentence, rows, event, begin.label, aim.label, aim.names, notes, system, **more
    )


def _set(system: Any, text: str, option: str) -> StateSet:
    return state_set(text, system.names, int(np.prod(system.event_shape)), option)


def _starts(system: Any, begin: StateSet, key: Any) -> np.ndarray:
    """Initial states that lie in the origin."""
    states = _some(system, key)
    inside = np.asarray(jax.vmap(begin.contains)(states.astype(np.float32)))  # pyright: ignore[reportArgumentType]
    if not inside.any():
        raise InvalidInput(
            f"--from {begin.label}: none of the initial states lies there, the first is "
            f"{_text(states[0])}; name a start (--start {begin.names[0]}=…), or another set."
        )
    return states[inside].astype(np.float64)


def _some(system: Any, key: Any) -> np.ndarray:
    """Initial states of a system."""
    if isinstance(system, BlackBox):
        return system.states
    draws = jax.random.split(jax.random.fold_in(key, 7), _DRAWS)
    return np.asarray(jax.jit(jax.vmap(system.initial))(draws))


def _text(state: Any) -> str:
    flat = np.asarray(state).ravel()
    shown = ", ".join(f"{v:.4g}" for v in flat[:4])
    return f"({shown}{', …' if flat.size > 4 else ''})"
