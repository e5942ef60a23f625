"""Estimators on jump processes and hidden chains, beside their exact values."""

import time as clock
from typing import Literal

import jax
import numpy as np

from noneq._typing import Key
from noneq.learning.training import Training
from noneq.runs.trials import keys_of
from noneq.simulation import simulate, simulate_events
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.thermo_zoo.cells import judged
from noneq.systems import AbstractJump, FlashingRatchet
from noneq.systems.markov_jumps import AbstractMarkovJump
from noneq.thermo import (
    cycle_bound,
    exact,
    hidden_path_rate,
    plug_in_rate,
    stationary,
    variational_rate,
    waiting_time_bound,
)


class EventCell(AbstractCell):
    """A method on all events of a jump process; ``waiting_times`` sees one link, 0 ↔ 1, alone.

    Args:
        label: the case.
        end, n: time of each path, and paths.
        rate: exact entropy production rate.
    """

    label: str
    system: AbstractJump
    end: float
    n: int
    method: Literal["plug_in", "cycles", "waiting_times"]
    rate: float
    replicate: int = 0

    @property
    def case(self) -> str:
        """The system with its parameters."""
        return self.label

    @property
    def method_name(self) -> str:
        """The estimator."""
        return self.method

    def __call__(self, key: Key) -> Outcome:
        """Draw the events, estimate, compare with the rate, or with what one link shows."""
        events = simulate_events(self.system, self.end, n=self.n, key=keys_of(key)[0])
        began = clock.monotonic()
        target, relative = self.rate, False
        if self.method == "plug_in":
            found = plug_in_rate(events)
        elif self.method == "cycles":
            found = cycle_bound(events)
        else:
            assert isinstance(self.system, AbstractMarkovJump)
            pairs = ((0, 1), (1, 0))
            link = [self.system.transitions.index(pair) for pair in pairs]
            found = waiting_time_bound(events, visible=link)
            target = exact.visible_transitions(self.system.rate_matrix(), pairs)
            # Bins of waiting times take a little off: no error of the counts.
            relative = True
        seconds = clock.monotonic() - began
        return Outcome(judged(self.case, self.method, found, target, seconds, relative=relative))


class SampledCell(AbstractCell):
    """The plug-in on a chain of continuous time that is seen at an interval.

    Args:
        label: the case.
        dt: the interval.
        frames, n: of each path, and paths.
    """

    label: str
    system: AbstractMarkovJump
    dt: float
    frames: int
    n: int
    replicate: int = 0

    @property
    def case(self) -> str:
        """The system with its parameters."""
        return self.label

    @property
    def method_name(self) -> str:
        """``plug_in``."""
        return "plug_in"

    def __call__(self, key: Key) -> Outcome:
        """Draw the states, estimate, compare with e^{W dt}."""
        states = simulate(
            self.system, np.arange(self.frames) * self.dt, n=self.n, key=keys_of(key)[0]
        )
        began = clock.monotonic()
        found = plug_in_rate(states)
        seconds = clock.monotonic() - began
        target = exact.sampled_chain(self.system.rate_matrix(), self.dt)
        return Outcome(judged(self.case, "plug_in", found, target, seconds))


class RatchetCell(AbstractCell):
    """The flashing ratchet's sequence of jumps, all of it or the sites alone.

    Args:
        height: V.
        method: ``plug_in``, ``cycles`` and ``neep`` see all states, ``hidden_path`` and
            ``neep (window)`` the sites.
        window: states of a window where the switch is hidden.
        steps, n: of each sequence, and sequences.
        training: of NEEP.
    """

    height: float
    method: Literal["plug_in", "cycles", "hidden_path", "neep", "neep (window)"]
    steps: int
    n: int
    window: int = 32
    training: Training | None = None
    replicate: int = 0

    @property
    def hidden(self) -> bool:
        """Whether the switch is out of sight."""
        return self.method in ("hidden_path", "neep (window)")

    @property
    def case(self) -> str:
        """``ratchet:V=…``, or ``hidden_ratchet:V=…,window=…``."""
        if self.hidden:
            return f"hidden_ratchet:V={self.height:g},window={self.window}"
        return f"ratchet:V={self.height:g}"

    @property
    def method_name(self) -> str:
        """The estimator."""
        return self.method

    def __call__(self, key: Key) -> Outcome:
        """Walk, estimate, compare with nats per jump; of windows with their own divergence."""
        walk_key, own_key = keys_of(key)
        T = FlashingRatchet(height=self.height).jump_matrix()
        words = np.asarray(jax.random.key_data(walk_key)).ravel()
        states = _walks(T, self.n, self.steps, np.random.default_rng(words))
        options = {} if self.training is None else {"training": self.training}
        target, error = exact.flashing_ratchet(self.height), 0.0
        if self.hidden:
            truth = exact.hidden_ratchet(self.height, self.window, n=200_000)
            target, error = float(truth.value), float(truth.stderr)
        began = clock.monotonic()
        if self.method == "plug_in":
            found = plug_in_rate(states)
        elif self.method == "cycles":
            found = cycle_bound(states)
        elif self.method == "hidden_path":
            found = hidden_path_rate(states % 3, window=self.window, key=own_key)
        elif self.method == "neep":
            found = variational_rate(states, key=own_key, **options)  # pyright: ignore[reportArgumentType]
        else:
            found = variational_rate(states % 3, window=self.window, key=own_key, **options)  # pyright: ignore[reportArgumentType]
        seconds = clock.monotonic() - began
        relative = self.method not in ("plug_in", "cycles")
        rows = judged(
            self.case, self.method, found, target, seconds, relative=relative, error=error
        )
        return Outcome(rows)


def _walks(T: np.ndarray, n: int, steps: int, rng: np.random.Generator) -> np.ndarray:
    """n stationary sequences of the chain, ``(n, steps)``."""
    edges = T.cumsum(1)
    edges[:, -1] = 1.0
    states = np.empty((n, steps), int)
    states[:, 0] = rng.choice(len(T), n, p=stationary(T))
    for k in range(1, steps):
        states[:, k] = (rng.random((n, 1)) >= edges[states[:, k - 1]]).sum(1)
    return states
