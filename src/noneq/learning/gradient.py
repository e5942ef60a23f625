"""The template of methods that follow one objective: from data to `Fit`."""

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.kinds import checked
from noneq.learning.inputs import AbstractInputs
from noneq.learning.method import (
    AbstractMethod,
    Data,
    Fit,
    Progress,
    as_data,
    check_coordinates,
    refuse_lazy,
)
from noneq.learning.objectives import AbstractObjective
from noneq.learning.rows import check_lattice, fit_rows, rows
from noneq.learning.training import Training
from noneq.learning.watching import told, watched


class HasPreparation(eqx.Module):
    """A fresh model measures something on the rows before training."""

    @abstractmethod
    def prepare(self, model: Any, rows: dict[str, Any], *, key: Key) -> Any:
        """The model from which training starts."""


class HasFinish(eqx.Module):
    """A trained model needs a last step, such as chains that run until they forget their start."""

    @abstractmethod
    def finish(self, model: Any, *, key: Key) -> Any:
        """The model that a fit returns."""


class AbstractGradientMethod(AbstractMethod):
    """A method that trains one part of its model by one objective.

    The model has a ``frame``. Beside `init`, a final class says what data it takes, which rows
    they become, which part of the model is learnt and by what; `HasPreparation` and `HasFinish`
    add a step before and after training.
    """

    training: eqx.AbstractVar[Training]

    @abstractmethod
    def check(self, data: Any) -> Snapshots | Trajectories | LazyEnsemble:
        """The data, if the method can learn from them.

        Raises:
            InvalidInput: they are of another kind; says what to do.
        """

    @abstractmethod
    def rows_of(self, model: Any, data: Any) -> dict[str, Any]:
        """Rows to learn from: arrays with a common leading axis."""

    @abstractmethod
    def learnt_part(self, model: Any) -> Any:
        """The part of the model that training changes."""

    @abstractmethod
    def objective_of(self, model: Any) -> AbstractObjective:
        """What training follows, a function of the learnt part and of rows."""

    @checked
    @watched
    def fit(
        self,
        data: Data | LazyEnsemble,
        *,
        key: Key,
        init: Any = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Learn from data.

        Args: as in `AbstractMethod.fit`.

        Raises:
            InvalidInput: data that the method cannot learn from.
            FitDiverged: a loss or gradient that is not finite.
        """
        refuse_lazy(self, data)
        check_coordinates(self, data)
        fit_key, finish_key = jax.random.split(key) if isinstance(self, HasFinish) else (key, key)
        fit = fit_rows(
            self,
            self.check(data),
            self.objective_of,
            read=self.rows_of,
            part=self.learnt_part,
            prepare=self.prepare if isinstance(self, HasPreparation) else None,
            key=fit_key,
            init=init,
            progress=progress,
            checkpoint=checkpoint,
        )
        if isinstance(self, HasFinish):
            told(progress).stage("finishing")
            fit = replace(fit, model=self.finish(fit.model, key=finish_key))
        return fit


class AbstractLawMethod(AbstractInputs, AbstractGradientMethod):
    """A gradient method of p(x, t | condition) whose rows are normalised real states ``y``.

    It also learns from data that stay in their file (`LazyEnsemble`).
    """

    takes_lazy: ClassVar[bool] = True

    def check(self, data: Data | LazyEnsemble) -> Snapshots | Trajectories | LazyEnsemble:
        """The data.

        Raises:
            InvalidInput: discrete data and no word on dequantisation.
        """
        data = data if isinstance(data, LazyEnsemble) else as_data(data)
        check_lattice(data, self.dequantise, type(self).__name__)
        return data

    def rows_of(self, model: Any, data: Any) -> dict[str, np.ndarray | None]:
        """Normalised state ``y``, physical time and condition of every sample."""
        return rows(data, model.frame.normaliser)
