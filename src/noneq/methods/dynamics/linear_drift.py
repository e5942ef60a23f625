"""The way from trajectories to a drift that is linear in its parameters."""

import time as clock
import warnings
from abc import abstractmethod
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Bool

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.data.summary import Summary, summarise
from noneq.errors import InvalidInput, WrongType
from noneq.inference.drift.residuals import residual_checks
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_coordinates, check_init
from noneq.learning.watching import watched
from noneq.methods.dynamics.bases import TermBasis
from noneq.methods.dynamics.drift_model import DriftModel
from noneq.methods.dynamics.equations import AbstractEquations
from noneq.methods.dynamics.intervals import check_moves, check_told_apart, coarse, gram_of
from noneq.methods.dynamics.libraries import AbstractFunctions, names_of
from noneq.methods.dynamics.likelihood import (
    MOST_NUMBERS,
    InformationEquations,
    information_equations,
)
from noneq.methods.dynamics.normal_equations import (
    Convention,
    Joined,
    NormalEquations,
    check_count,
    first_order,
    warned_of_condition,
)
from noneq.methods.dynamics.second_order import centred_states, second_order
from noneq.symbolic.expression import Expression


class AbstractLinearDrift(AbstractMethod):
    """Drift and diffusion of trajectories, linear in the parameters; a final class selects terms."""

    library: eqx.AbstractVar[AbstractFunctions]
    order: eqx.AbstractVar[int]
    convention: eqx.AbstractVar[Convention]
    localisation: eqx.AbstractVar[bool]
    exposure: eqx.AbstractVar[float]
    known: eqx.AbstractVar[tuple[str, ...]]

    @abstractmethod
    def support(self, equations: AbstractEquations) -> Bool[np.ndarray, "p dim"]:
        """Which function each coordinate's drift is made of."""

    @checked
    def init(self, summary: Summary, *, key: Key) -> DriftModel:
        """The model without drift; for ``order=2`` of data of positions and velocities."""
        if summary.condition_dim:
            raise InvalidInput(
                f"{type(self).__name__}: a condition has no place in a law of motion; fit the "
                "trajectories of each condition by themselves."
            )
        if self.order == 2 and summary.dim % 2:
            raise InvalidInput("order=2: expected a summary of positions and velocities.")
        known = self._known(names_of(summary), summary.dim // self.order)
        return DriftModel(summary, self.library.basis(summary), known, self.order)

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: DriftModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Solve the normal equations; there is nothing to iterate."""
        began = clock.monotonic()
        paths = check_paths(self, data)
        states = centred_states(paths) if self.order == 2 else paths
        summary = summarise(states)
        check_init(self, init, summary)
        model = self.init(summary, key=key) if init is None else init
        check_moves(type(self).__name__, paths)
        equations = self._equations(paths, states, model)
        support = self.support(equations)
        if isinstance(equations, InformationEquations) and not support.all():
            equations = information_equations(
                paths, model.basis, model.known, equations, order=self.order,
                localisation=self.localisation, support=support,
            )  # fmt: skip
        theta = equations.solution(support)
        errors = equations.stderr(theta, support)
        model = model.filled(theta, errors, equations, states)
        checks = residual_checks(
            model,
            states,
            accelerations=self.order == 2,
            localisation=np.asarray(model.localisation.value, np.float64),
        )
        row = {"terms": [float(support.sum())], "condition": [equations.condition]}
        meta: dict[str, Any] = {
            "seconds": clock.monotonic() - began,
            "residuals": checks.lines,
            "residual_curves": checks.curves,
            "equations": model.law.lines,
        }
        if self.order == 1 and not (self.localisation or self.exposure):
            seen = paths.values[paths.observed]
            text = coarse(
                eqx.Partial(model.drift, 0.0), seen, float(np.median(np.diff(paths.times)))
            )
            if text is not None:
                warnings.warn(f"{type(self).__name__}: {text}.", stacklevel=2)
                meta["warnings"] = [text]
        return Fit(model, row, self, summary, meta)

    def _equations(
        self, paths: Trajectories, states: Trajectories, model: DriftModel
    ) -> AbstractEquations:
        name = type(self).__name__
        codes = model.basis.codes(names_of(summarise(states)))
        gram = gram_of(name, states, model.basis, codes)
        moments, filtered = self._moments(paths, model), self.localisation or self.order == 2
        check_count(moments)
        check_told_apart(name, gram, codes)
        if self.convention != "auto" or self.exposure or np.prod(moments.shape) > MOST_NUMBERS:
            filtered = False
        if not filtered:
            return warned_of_condition(moments)
        found = information_equations(
            paths, model.basis, model.known, moments, order=self.order,
            localisation=self.localisation,
        )  # fmt: skip
        return warned_of_condition(found)

    def _moments(self, paths: Trajectories, model: DriftModel) -> NormalEquations:
        library, known = model.basis, len(model.known)
        joined = Joined(library, TermBasis(model.known, constant=0.0)) if known else library
        if self.order == 2:
            if self.convention == "ito" or self.exposure:
                raise InvalidInput(
                    "order=2 has one convention and no motion blur; leave convention and exposure out."
                )
            found = second_order(paths, joined, localisation=self.localisation)
        else:
            found = first_order(
                paths, joined, convention=self.convention, localisation=self.localisation,
                exposure=self.exposure,
            )  # fmt: skip
        return found.without(known)

    def _known(self, names: tuple[str, ...], dim: int) -> tuple[Expression | None, ...]:
        if not self.known:
            return ()
        if len(self.known) != dim:
            raise InvalidInput(
                f"known has {len(self.known)} texts for {dim} coordinates; give one for each, '' "
                "where nothing is known."
            )
        return tuple(Expression(text, names) if text.strip() else None for text in self.known)


def check_settings(method: AbstractLinearDrift) -> None:
    """Refuse an order or exposure that does not exist.

    Raises:
        InvalidInput: naming the field.
    """
    name = type(method).__name__
    if method.order not in (1, 2):
        raise InvalidInput(
            f"{name}: order = {method.order}; expected 1 (overdamped) or 2 (underdamped)."
        )
    if not 0 <= method.exposure <= 1:
        raise InvalidInput(
            f"{name}: exposure = {method.exposure}; expected the part of the recording interval "
            "over which the camera averages, from 0 to 1."
        )


def check_paths(method: AbstractMethod, data: Any) -> Trajectories:
    """The data, if they are paths.

    Raises:
        WrongType: snapshots or an array.
        InvalidInput: a single frame, or coordinates that the method does not take.
    """
    name = type(method).__name__
    if not isinstance(data, Trajectories):
        raise WrongType(
            f"{name} learns from paired paths (Trajectories), got {type(data).__name__}; for "
            "unpaired snapshots use SF2M, or name the trajectory column of the file."
        )
    check_coordinates(method, data)
    if data.times.size < 2:
        raise InvalidInput(f"{name}: the paths have one frame; motion needs two or more.")
    return data
