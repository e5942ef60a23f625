"""What the methods that learn a control share: from a problem to a `Fit` that can be saved."""

import time as clock
from abc import abstractmethod
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from noneq._typing import Key, Numbers
from noneq.control.certificate import starts
from noneq.control.model import AbstractControl, ControlledModel
from noneq.control.problem import ControlProblem
from noneq.data.summary import Summary, summarise
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Fit, History, Progress, check_init
from noneq.learning.watching import watched
from noneq.simulation.ensemble import simulate


_FREE_PATHS, _FREE_TIMES = 512, 17
"""Paths without control that normalise the states."""


class AbstractControlMethod(AbstractMethod):
    """A recipe for u(t, x) of a `ControlProblem`.

    ``fit(problem=…)`` gives a `Fit` whose model is the controlled system; it is saved and loaded like
    any other, with the problem and a fitted drift inside.
    """

    @abstractmethod
    def untrained(self, summary: Summary, problem: ControlProblem, key: Key) -> AbstractControl:
        """A control to start from."""

    @abstractmethod
    def learn(
        self,
        control: Any,
        problem: ControlProblem,
        states: Array,
        *,
        key: Key,
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> tuple[Any, History]:
        """A better control for paths from these states, and the history of the fit."""

    @checked
    def init(self, summary: Summary, *, key: Key, problem: ControlProblem) -> ControlledModel:
        """The model before it has learnt anything.

        Args:
            summary: of paths without control.
            problem: what the control is asked for.
        """
        return ControlledModel(problem, self.untrained(summary, problem, key))

    @checked
    @watched
    def fit(
        self,
        data: Numbers | None = None,
        *,
        problem: ControlProblem,
        key: Key,
        init: Any = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Learn a control.

        Args:
            data: states at which paths begin, ``(n, *event_shape)`` or one state; None draws them from
                the system.
            problem: what the control is asked for.
            key, init, progress, checkpoint: as in `AbstractMethod.fit`.

        Raises:
            InvalidInput: a problem that the method cannot solve.
            FitDiverged: a loss or gradient that is not finite.
        """
        began = clock.monotonic()
        start_key, free_key, init_key, learn_key = jax.random.split(key, 4)
        count = len(np.asarray(data)) if np.ndim(data) > len(problem.system.event_shape) else 4096
        states = starts(problem, data, count, start_key)
        some = np.resize(np.asarray(states), (_FREE_PATHS, *problem.system.event_shape))
        frames = problem.start + np.linspace(0, problem.horizon, _FREE_TIMES)
        summary = summarise(
            simulate(problem.system, frames, n=_FREE_PATHS, start=some, key=free_key)
        )
        given = {"problem": problem}
        if init is None:
            model = self.init(summary, key=init_key, problem=problem)
        else:
            model = init
        control, history = self.learn(
            model.control, problem, states, key=learn_key, progress=progress, checkpoint=checkpoint
        )
        meta = {"seconds": clock.monotonic() - began}
        return Fit(ControlledModel(problem, control), history, self, summary, meta, given)
