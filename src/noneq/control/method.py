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
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Fit, History, Progress
from noneq.learning.watching import watched
from noneq.simulation.ensemble import simulate


_FREE_PATHS, _FREE_TIMES = 512, 17
"""Paths without control that normalise the states."""
_POOL = 4096
"""Starts that are drawn where none are given."""


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
    def init(
        self, summary: Summary, *, key: Key, problem: ControlProblem | None = None
    ) -> ControlledModel:
        """The model before it has learnt anything.

        Args:
            summary: of paths without control.
            problem: what the control is asked for.
        """
        problem = _given(problem, self)
        return ControlledModel(problem, self.untrained(summary, problem, key))

    @checked
    @watched
    def fit(
        self,
        data: Numbers | None = None,
        *,
        problem: ControlProblem | None = None,
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
        began, problem = clock.monotonic(), _given(problem, self)
        start_key, free_key, init_key, learn_key = jax.random.split(key, 4)
        event = problem.system.event_shape
        several = data is not None and np.ndim(data) > len(event)
        count = len(np.asarray(data)) if several else _POOL
        states = starts(problem, data, count, start_key)
        some = np.resize(np.asarray(states), (_FREE_PATHS, *event))
        frames = problem.start + np.linspace(0, problem.horizon, _FREE_TIMES)
        summary = summarise(
            simulate(problem.system, frames, n=_FREE_PATHS, start=some, key=free_key)
        )
        given = {"problem": problem}
        fresh = self.init(summary, key=init_key, problem=problem)
        model = fresh if init is None else init
        if not (
            isinstance(model, ControlledModel)
            and jax.tree.map(np.shape, model.control) == jax.tree.map(np.shape, fresh.control)
        ):
            raise InvalidInput(
                f"{type(self).__name__}.fit: init is no model of this method for such a problem; give "
                "the model of an earlier fit with the same settings, or none."
            )
        control, history = self.learn(
            model.control, problem, states, key=learn_key, progress=progress, checkpoint=checkpoint
        )
        meta = {"seconds": clock.monotonic() - began}
        return Fit(ControlledModel(problem, control), history, self, summary, meta, given)


def _given(problem: ControlProblem | None, method: AbstractMethod) -> ControlProblem:
    if problem is None:
        raise InvalidInput(
            f"{type(method).__name__}: say what the control is asked for, problem=ControlProblem(system, …)."
        )
    return problem
