"""The pieces of the study `latent_cycle`: one method on one set of pictures, and spins."""

from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.kinds import AbstractChecked
from noneq.learning.method import AbstractMethod
from noneq.metrics import nll
from noneq.runs.rows import Row
from noneq.runs.trials import Trial, keys_of, trial
from noneq.studies.base import AbstractCell, Arrays, Outcome
from noneq.studies.latent_cycle.data import (
    AbstractPictures,
    Pictures,
    class_judge,
    class_kl,
)
from noneq.thermo import autocorrelation_time, self_transition
from noneq.thermo.chains import chain_entropy_production
from noneq.traits import HasChain, HasPaths, HasStateMeans


class ChainScoring(AbstractChecked):
    """How the models are judged.

    Args:
        n: pictures drawn for the class frequencies.
        chains, steps: Markov chains, and steps of each, for the autocorrelation time; ``burn``
            steps before them are left out.
        shown: pictures kept for the report.
    """

    n: int = 4000
    chains: int = 64
    steps: int = 2000
    burn: int = 200
    shown: int = 60


class CycleCell(AbstractCell):
    """One method on one set of pictures, with all its seeds: the correlation needs them together.

    Args:
        pictures: the set.
        size: of the hidden layer, as the rows name it, e.g. ``H=10``.
        label: the method's name in the rows.
        method: to fit.
        seeds: fits, each on its own split.
        scoring: how they are judged.
        part: of the study, put before the case.
    """

    pictures: AbstractPictures
    size: str
    label: str
    method: AbstractMethod
    seeds: int
    scoring: ChainScoring
    part: str = ""
    replicate: int = 0

    @property
    def case(self) -> str:
        """``bars:H=10``."""
        return f"{self.part}{self.pictures.case}:{self.size}"

    @property
    def method_name(self) -> str:
        """The label."""
        return self.label

    def __call__(self, key: Key) -> Outcome:
        """Fit and judge for every seed."""
        rows: list[Row] = []
        kept: Arrays = {}
        for seed in range(self.seeds):
            data_key, rest_key = keys_of(jax.random.fold_in(key, seed))
            pictures = self.pictures.draw(data_key)
            found = trial(self.case, self.label, self.method, pictures.train, key=rest_key)
            rows.append(found.row("train_seconds", found.seconds))
            measured, values = self._judged(found, pictures)
            rows += measured
            if not seed:
                kept = _pictured(found.model, values[: self.scoring.shown])
        return Outcome((*rows, *self._correlation(rows)), kept)

    def _judged(self, found: Trial, pictures: Pictures) -> tuple[list[Row], np.ndarray]:
        """Rows of one fitted model, and pictures drawn from it."""
        model = found.model
        likelihood_key, draw_key, chain_key = jax.random.split(found.keys[0], 3)
        cost = nll(model, pictures.test, key=likelihood_key)
        value, stderr = float(cost.value.item()), float(cost.stderr.item())
        if pictures.exact:
            # The mean over the whole law has no sampling error.
            rows = [found.row("kl", value - float(np.log(len(pictures.test.values))))]
        else:
            rows = [found.row("test_log_likelihood", -value, stderr)]
        values = np.asarray(model.sample(self.scoring.n, key=draw_key))
        if pictures.labels is not None:
            rows += self._classes(values, pictures)
        if isinstance(model, HasChain):
            spent = chain_entropy_production(model)
            # Rewarded chains may lose the way back beyond float32: no number stands for that.
            rows += [found.row("entropy_production", spent)] if np.isfinite(spent) else []
            rows.append(found.row("self_transition", float(self_transition(model))))
        if isinstance(model, HasPaths):
            scoring = self.scoring
            times = np.arange(scoring.burn + scoring.steps, dtype=float)
            paths = model.sample_paths(scoring.chains, times=times, key=chain_key)
            memory = autocorrelation_time(paths.frames(np.arange(scoring.burn, times.size)))
            rows.append(
                found.row("autocorrelation_time", memory.value.item(), memory.stderr.item())
            )
        return rows, values

    def _classes(self, values: np.ndarray, pictures: Pictures) -> list[Row]:
        """Class frequencies against the whole set's; the floor is that of the test pictures.

        The test pictures are fewer than the drawn ones: a perfect model lies below the floor.
        """
        assert pictures.labels is not None
        judge = class_judge(pictures)
        truth = np.bincount(np.concatenate(pictures.labels), minlength=10)
        seen = judge.counts(pictures.test.values)
        kl, floor = (class_kl(counts, truth) for counts in (judge.counts(values), seen))
        return [
            Row(self.case, self.label, "class_kl", kl, 0.0, floor),
            Row(self.case, "classifier", "classifier_error", judge.error, 0.0),
        ]

    def _correlation(self, rows: list[Row]) -> list[Row]:
        """Correlation over the seeds of entropy production and likelihood, and its 95 % interval.

        **Equation**: Pearson's r; interval tanh(artanh r ± 1.96/√(S − 3)) (Fisher 1915).
        """
        of = lambda name: np.asarray([row.value for row in rows if row.metric == name])
        spent, gained = (
            of("entropy_production"),
            np.concatenate([of("test_log_likelihood"), -of("kl")]),
        )
        if len(spent) < 4 or len(spent) != len(gained) or np.ptp(spent) < 1e-6:
            return []
        r = float(np.corrcoef(spent, gained)[0, 1])
        width = 1 / np.sqrt(len(spent) - 3)
        low, high = np.tanh(np.arctanh(r) + 1.96 * width * np.array([-1, 1]))
        name = "ep_likelihood_correlation"
        mine = Trial(self.case, self.label)
        return [
            mine.row(name, r, (1 - r**2) * width),
            mine.row(f"{name}_low", float(low)),
            mine.row(f"{name}_high", float(high)),
        ]


def _pictured(model: Any, samples: np.ndarray) -> Arrays:
    """What the pictures of a model are drawn from."""
    kept: Arrays = {"samples": samples}
    if isinstance(model, HasChain):
        kept["transition_matrix"] = np.asarray(model.transition_matrix(), np.float64)
        kept["stationary"] = np.asarray(model.stationary(), np.float64)
    if isinstance(model, HasStateMeans):
        kept["state_means"] = np.asarray(model.state_means())
    return kept
