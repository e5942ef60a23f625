"""What was observed of a jump process: transitions with a source, a target and a reverse."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from noneq.data.ensembles import Trajectories
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.simulation.event_record import Events
from noneq.statistics.increments import even
from noneq.thermo.observed_chains import joint_states, sequences


_TABLE = 2**20


@dataclass(frozen=True)
class Record:
    """Transitions of K kinds between states, in order of time, path after path.

    Args:
        kind: ``(N,)`` kind of every transition.
        path: ``(N,)`` number of its sequence.
        source, target: ``(K,)`` states, numbered from 0.
        reverse: ``(K,)`` kind that undoes each; −1 if it was never seen, its own number if the
            state stays the same.
        names: one label a kind, for messages.
        duration: time of all transitions together; their number for sequences without times.
        wait: ``(N,)`` time since the transition before, or since the start of the path.
    """

    kind: Int[np.ndarray, " N"]
    path: Int[np.ndarray, " N"]
    source: Int[np.ndarray, " K"]
    target: Int[np.ndarray, " K"]
    reverse: Int[np.ndarray, " K"]
    names: tuple[str, ...]
    duration: float
    wait: Float[np.ndarray, " N"]

    @property
    def counts(self) -> Int[np.ndarray, " K"]:
        """How often each kind was seen."""
        return np.bincount(self.kind, minlength=len(self.source))


def record_of(states: Any, what: str, *, lag: int = 1, phase: int = 0) -> Record:
    """Transitions of events with states, or of sequences of states.

    Args:
        states: as `noneq.thermo.plug_in_rate`.
        what: the caller, for messages.
        lag, phase: of sequences keep every ``lag``-th frame from number ``phase`` on.

    Raises:
        InvalidInput: as `noneq.thermo.plug_in_rate`.
    """
    if isinstance(states, Events):
        return _of_events(states, what)
    paths, step = labelled(states, what)
    if not paths:
        raise InvalidInput(f"{what}: no sequence; give a sequence of at least two states.")
    paths = [path[phase::lag] for path in paths]
    start = np.concatenate([path[:-1] for path in paths])
    end = np.concatenate([path[1:] for path in paths])
    path = np.repeat(np.arange(len(paths)), [max(len(path) - 1, 0) for path in paths])
    seen = (start >= 0) & (end >= 0)
    if not seen.any():
        raise InvalidInput(f"{what}: no transition; give a sequence of at least two states.")
    start, end, path = start[seen], end[seen], path[seen]
    wait = np.full(len(start), step * lag)
    return _numbered(start, end, np.zeros_like(start), (0,), path, wait.sum(), wait)


def labelled(states: Any, what: str) -> tuple[list[np.ndarray], float]:
    """Sequences of whole numbers, −1 where nothing was observed, and the time between two.

    Raises:
        InvalidInput: as `noneq.thermo.plug_in_rate`.
    """
    if not isinstance(states, Trajectories):
        return sequences(states), 1.0
    dt = np.diff(states.times.astype(np.float64))
    if not dt.size or not even(dt):
        raise InvalidInput(
            f"{what}: {states.times.size} times, or uneven ones; expected at least two, evenly "
            "spaced. Events with their own times are noneq.simulation.Events."
        )
    one = int(np.prod(states.event_shape)) == 1
    if isinstance(states.domain, Discrete) and one:
        return sequences(states), float(dt.mean())
    return list(joint_states(states, what)[0]), float(dt.mean())


def _of_events(events: Events, what: str) -> Record:
    if events.before is None or events.after is None:
        raise InvalidInput(
            f"{what}: these Events do not tell the states; give before= and after=, or take "
            "waiting_time_bound, which needs the transitions alone."
        )
    if not events.times.size:
        raise InvalidInput(f"{what}: no transition was observed.")
    both = np.concatenate([events.before, events.after]).reshape(2 * events.times.size, -1)
    number = np.unique(both, axis=0, return_inverse=True)[1].reshape(2, -1)
    first = np.diff(events.path, prepend=-1) != 0
    wait = np.where(first, events.times - events.begin, np.diff(events.times, prepend=0.0))
    return _numbered(
        number[0], number[1], events.kind, events.reverse, events.path, events.duration, wait
    )


def _numbered(
    start: np.ndarray,
    end: np.ndarray,
    kind: np.ndarray,
    partner: tuple[int, ...],
    path: np.ndarray,
    duration: float,
    wait: np.ndarray,
) -> Record:
    """Kinds are what differs in source, target or channel."""
    states, channels = 1 + int(max(start.max(), end.max())), len(partner) + 1
    code = (start * states + end) * channels + kind
    if states * states * channels <= _TABLE:  # no sorting
        found = np.flatnonzero(np.bincount(code, minlength=1))
        kinds = np.searchsorted(found, np.arange(found[-1] + 1))[code]
    else:
        found, kinds = np.unique(code, return_inverse=True)
    channel, pair = found % channels, found // channels
    source, target = pair // states, pair % states
    back = np.asarray(partner)[channel]
    wanted = (target * states + source) * channels + back
    place = np.searchsorted(found, wanted).clip(0, len(found) - 1)
    reverse = np.where((back >= 0) & (found[place] == wanted), place, -1)
    several = len(np.unique(pair)) < len(pair)
    names = tuple(
        f"{i}→{j}" + (f" (kind {c})" if several else "")
        for i, j, c in zip(source.tolist(), target.tolist(), channel.tolist(), strict=True)
    )
    return Record(kinds.reshape(-1), path, source, target, reverse, names, float(duration), wait)


def one_way_note(record_names: tuple[str, ...], counts: np.ndarray, one_way: np.ndarray) -> str:
    """The kinds whose reverse was never seen, in a sentence."""
    rows = np.flatnonzero(one_way)
    rows = rows[np.argsort(-counts[rows], kind="stable")]
    shown = ", ".join(f"{record_names[k]} ({counts[k]} times)" for k in rows[:6])
    more = f" and {len(rows) - 6} more" if len(rows) > 6 else ""
    return (
        f"The reverse was never seen of {shown}{more}; it counts as seen 0.56 times, so the value is "
        "a lower bound."
    )
