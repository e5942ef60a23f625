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
from noneq.inference.rare.populations.climbs import Points, Quest, Records, joined


_BLOCK = 8
"""Steps that are judged together."""


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
            block, valid, ends = self._block(now, rng)
            steps += int(valid.sum())
            before = np.maximum.accumulate(np.concatenate([now.score[None], block.score]))
            rises = valid & (block.score > before[:-1])
            i, j = np.nonzero(rises)
            kept.append((row[j], block[i, j]))
            last = block[len(valid) - 1]
            on = ~ends & (last.time < self.end - self.box.time_step / 2)
            now = Points(last.step, last.time, last.state, before[-1], now.key)[on]
            row = row[on]
        rows = np.concatenate([one[0] for one in kept]) if kept else np.zeros(0, int)
        points = joined([one[1] for one in kept]) if kept else starts[:0]
        order = np.lexsort((points.step, rows))
        return Records(rows[order], points[order], steps)

    def _block(
        self, now: Points, rng: np.random.Generator
    ) -> tuple[Points, np.ndarray, np.ndarray]:
        """Some steps of all paths, which of them were before a path's end, and who ended.

        Judged together, as a call of a compiled program costs more than a short step.
        """
        left = (self.end - self.start) / self.box.time_step - float(now.step.min())
        count = max(1, round(min(_BLOCK, left)))
        time, states = now.time, [now.state]
        for _ in range(count):
            state = np.asarray(self.box.step(time, states[-1], rng), np.float64)
            if state.shape != now.state.shape:
                raise InvalidInput(
                    f"BlackBox: step gave the shape {state.shape} for states {now.state.shape}; it must "
                    "take a batch and return one."
                )
            states.append(state)
            time = time + self.box.time_step
        held = np.stack(states[1:])
        score, over = self.judge(held.reshape(-1, *held.shape[2:]))
        score, over = score.reshape(count, -1), over.reshape(count, -1)
        step = now.step + 1 + np.arange(count)[:, None]
        times = self.start + step * self.box.time_step
        ended = np.logical_or.accumulate(over, axis=0)
        valid = np.concatenate([np.ones_like(over[:1]), ~ended[:-1]])
        valid &= times < self.end + self.box.time_step / 2
        bad = ~np.isfinite(held.reshape(count, len(now), -1)).all(-1) & valid
        if bad.any():
            raise SolveFailed(f"BlackBox: a state is not finite at time {times[bad].min():g}.")
        score = np.where(valid, score, -np.inf)
        keys = np.broadcast_to(now.key, (count, *now.key.shape))
        return Points(step, times, held, score, keys), valid, (over & valid).any(0)  # pyright: ignore[reportReturnType]

    def judge(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score (infinite at the target), and whether the path ends, of each state."""
        size = 64  # few sizes of batches, for few compiled programs
        while size < len(states):
            size *= 4
        filled = np.concatenate([states, np.repeat(states[:1], size - len(states), 0)])
        score, ends = jax.device_get(self._judge(jnp.asarray(filled, jnp.zeros(()).dtype)))
        return score[: len(states)], ends[: len(states)]
