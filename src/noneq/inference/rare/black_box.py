"""A simulator of the user's own, of which nothing is known but its next step."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Numbers
from noneq.domains import AbstractDomain, Free
from noneq.errors import InvalidInput, SolveFailed
from noneq.inference.rare.climbs import Points, Quest, Records, joined


class BlackBox:
    """Any simulator that takes a batch of states one step further.

    Args:
        step: ``step(t, x, rng) -> x``: times (n,), states (n, *event_shape), and a NumPy generator,
            which must be its only source of chance; n changes from call to call.
        initial: a state (*event_shape), or a pool of states (m, *event_shape) with ``pool=True``.
        time_step: that a step takes.
        names: of the coordinates; None is x, y, z, or x0, x1, … above three.
        pool: ``initial`` holds several states, of which each path draws one.
        domain: where states live.

    Raises:
        InvalidInput: a step that is not positive, or an initial state that is not finite.
    """

    def __init__(
        self,
        step: Callable[[np.ndarray, np.ndarray, np.random.Generator], Any],
        initial: Numbers,
        *,
        time_step: float = 1.0,
        names: Sequence[str] | None = None,
        pool: bool = False,
        domain: AbstractDomain = Free(),
    ):
        states = np.asarray(initial, np.float64)
        states = states if pool else states[None]
        if states.ndim < 2 or not states.size or not np.isfinite(states).all():
            raise InvalidInput(
                f"BlackBox: initial has the shape {np.shape(initial)}; expected a finite state such as "
                "[0.0], or (m, *event_shape) with pool=True."
            )
        if not 0 < time_step < math.inf:
            raise InvalidInput(f"BlackBox: time_step = {time_step}; it must be > 0.")
        self.step, self.time_step, self.domain = step, float(time_step), domain
        self.states, self.event_shape = states, states.shape[1:]
        size = int(np.prod(self.event_shape))
        usual = tuple("xyz"[:size]) if size <= 3 else tuple(f"x{i}" for i in range(size))
        self.names = usual if names is None else tuple(names)


class BlackBoxClimbers:
    """Paths of a `BlackBox`: the target and the score are looked at after whole steps.

    Args:
        box: the simulator.
        quest: what they seek.
        start: time of the first states.
    """

    def __init__(self, box: BlackBox, quest: Quest, start: float):
        self.box, self.start, self.end = box, start, quest.end
        self._judge = jax.jit(jax.vmap(quest.judge_state))

    def __call__(self, starts: Points) -> Records:
        """Follow paths from ``starts``; the keys of all of them seed one generator.

        Raises:
            SolveFailed: a state is not finite.
            InvalidInput: a step that returns another shape.
        """
        rng = np.random.default_rng(starts.key.astype(np.uint32).ravel())
        row, now, steps = np.arange(len(starts)), starts, 0
        kept: list[tuple[np.ndarray, Points]] = []
        while len(row):
            steps += len(row)
            time = self.start + (now.step + 1) * self.box.time_step
            state = np.asarray(self.box.step(now.time, now.state, rng), np.float64)
            if state.shape != now.state.shape:
                raise InvalidInput(
                    f"BlackBox: step gave the shape {state.shape} for states {now.state.shape}; it must "
                    "take a batch and return one."
                )
            if not np.isfinite(state).all():
                raise SolveFailed(f"BlackBox: a state is not finite at time {time.max():g}.")
            score, ends = self.judge(state)
            after = Points(now.step + 1, time, state, np.maximum(now.score, score), now.key)
            rises = score > now.score
            kept.append((row[rises], after[rises]))
            on = ~ends & (time < self.end - self.box.time_step / 2)
            row, now = row[on], after[on]
        rows = np.concatenate([one[0] for one in kept]) if kept else np.zeros(0, int)
        points = joined([one[1] for one in kept]) if kept else starts[:0]
        order = np.lexsort((points.step, rows))
        return Records(rows[order], points[order], steps)

    def judge(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score (infinite at the target), and whether the path ends, of each state."""
        size = 64  # few sizes of batches, for few compiled programs
        while size < len(states):
            size *= 4
        filled = np.concatenate([states, np.repeat(states[:1], size - len(states), 0)])
        score, ends = jax.device_get(self._judge(jnp.asarray(filled, jnp.zeros(()).dtype)))
        return score[: len(states)], ends[: len(states)]
