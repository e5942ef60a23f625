"""The case `fpe` of the study `table_one`: what the Fokker–Planck penalty does to a score."""

import dataclasses

import equinox as eqx
import jax

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.learning.loop import Training
from noneq.methods import ScoreSDE
from noneq.metrics import curl, nll, score_fpe_residual, w2
from noneq.nets import MLP
from noneq.processes import FokkerPlanck
from noneq.runs.rows import row_of
from noneq.runs.trials import first, keys_of
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.table_one.cells import Judging
from noneq.studies.table_one.data import Shape


def _smooth() -> ScoreSDE:
    return ScoreSDE(net=MLP(width=128, depth=3), training=Training(steps=8_000, batch=512))


class Consistency(AbstractChecked):
    """What is compared, and how.

    Args:
        method: trained with and without the penalty; its network is smooth and small, as the
            penalty needs three derivatives.
        penalty: the penalty.
        seeds: seeds of both.
        states: test states at which residual and curl are taken, at eight noise levels each.
    """

    method: ScoreSDE = eqx.field(default_factory=_smooth)
    penalty: FokkerPlanck = FokkerPlanck(strength=1.0)
    seeds: int = 3
    states: int = 512

    def __check_init__(self) -> None:
        if self.seeds < 1 or self.states < 2:
            raise InvalidInput(
                f"Consistency: seeds = {self.seeds}, states = {self.states}; expected at least 1 "
                "and 2."
            )


class ConsistencyCell(AbstractCell):
    """One fit, with or without the penalty, on one shape."""

    data: Shape
    judging: Judging
    setting: Consistency
    penalised: bool
    replicate: int

    @property
    def case(self) -> str:
        """``fpe``."""
        return "fpe"

    @property
    def method_name(self) -> str:
        """The method's class, and the penalty's where it is used."""
        name = type(self.setting.method).__name__
        return f"{name}+{type(self.setting.penalty).__name__}" if self.penalised else name

    def __call__(self, key: Key) -> Outcome:
        """Fit and judge on the samples of this key, which both share, as they share all else."""
        data_key, rest_key = keys_of(key)
        fit_key, draw_key, judge_key = jax.random.split(rest_key, 3)
        parts = self.data.draw(data_key)
        penalty = self.setting.penalty if self.penalised else None
        method = dataclasses.replace(self.setting.method, penalty=penalty)
        model = method.fit(parts.train, key=fit_key).model
        n = self.judging.n
        test, truth = (first(data, n) for data in (parts.test, parts.truth))
        samples = model.snapshots(n, times=test.times, key=draw_key)
        states = self.setting.states
        measured = {
            "score_fpe_residual": score_fpe_residual(model, test, states=states, key=judge_key),
            "curl": curl(model, test, states=states, key=judge_key),
            "w2": w2(samples, test, truth=truth, max_n=n),
            "nll": nll(model, test),
        }
        rows = (
            row_of(self.case, self.method_name, name, estimate[0])
            for name, estimate in measured.items()
        )
        return Outcome(tuple(rows))
