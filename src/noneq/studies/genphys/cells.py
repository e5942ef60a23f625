"""The pieces of the study `genphys`: a verdict, two charges, and one process on one data set."""

import time as clock
from functools import partial
from typing import Any

import equinox as eqx
import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.kinds import AbstractChecked
from noneq.learning.method import AbstractMethod
from noneq.methods.denoising.flow_law import AbstractFlowLaw
from noneq.metrics import mmd, nll, sliced_w2, w2
from noneq.pde import judge, zoo
from noneq.runs.rows import Row
from noneq.runs.trials import Trial, first, keys_of, trial
from noneq.samplers.base import AbstractSampler
from noneq.samplers.straight_lines import StraightHeun
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.genphys.charges import two_charges
from noneq.studies.table_one.data import AbstractDataSet, Parts


class SampleScoring(AbstractChecked):
    """How the models of a data set are judged.

    Args:
        n: samples in `sliced_w2`.
        n_sweep: samples in `sliced_w2` with fewer steps and with errors.
        n_pairs: samples in `w2` and `mmd`, whose cost is quadratic.
        n_likelihood: states in `nll`.
        steps: numbers of steps of `StraightHeun` at which samples are compared.
        errors: relative sizes of the noise on the network's weights.
        margin: outliers are farther from the data's mean than any of the data, by this part.
        shown: samples kept for the pictures.
    """

    n: int = 10_000
    n_sweep: int = 4000
    n_pairs: int = 2000
    n_likelihood: int = 2000
    steps: tuple[int, ...] = (4, 8, 16, 32)
    errors: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)
    margin: float = 0.1
    shown: int = 3000


class VerdictCell(AbstractCell):
    """One PDE of the zoo, judged in the plane at scale 1."""

    equation: str
    replicate: int = 0

    @property
    def case(self) -> str:
        """``verdict:NAME``."""
        return f"verdict:{self.equation}"

    @property
    def method_name(self) -> str:
        """``GenPhys``."""
        return "GenPhys"

    def __call__(self, key: Key) -> Outcome:
        """Judge it; nothing is random."""
        began = clock.monotonic()
        verdict = judge(zoo(2)[self.equation])
        values = {
            "c1": verdict.c1.value,
            "c2": verdict.c2.value,
            "s_generative": verdict.s_generative.value,
            "seconds": clock.monotonic() - began,
        }
        return Outcome(
            tuple(Row(self.case, self.method_name, m, v, 0.0) for m, v in values.items())
        )


class ChargesCell(AbstractCell):
    """Charges of .8 and .2 in the exact Yukawa field, sampled with one handling of the source."""

    mass: float
    top: float
    handling: str
    particles: int
    replicate: int = 0

    @property
    def case(self) -> str:
        """``two_charges:m=MASS,z=TOP``."""
        return f"two_charges:m={self.mass:g},z={self.top:g}"

    @property
    def method_name(self) -> str:
        """The handling."""
        return self.handling

    def __call__(self, key: Key) -> Outcome:
        """Sample, and weigh what ends at the smaller charge."""
        found = two_charges(self.mass, self.top, self.handling, n=self.particles, key=key)
        return Outcome(
            (
                Row(self.case, self.handling, "weight_small", found.weight, found.stderr),
                Row(self.case, self.handling, "effective_fraction", found.effective, 0.0),
            )
        )


class ProcessCell(AbstractCell):
    """One process on one data set: fitted, sampled, and sampled again with less and with errors."""

    data: AbstractDataSet
    scoring: SampleScoring
    label: str
    method: AbstractMethod
    replicate: int

    @property
    def case(self) -> str:
        """The data set."""
        return self.data.case

    @property
    def method_name(self) -> str:
        """The process."""
        return self.label

    def __call__(self, key: Key) -> Outcome:
        """Fit and score on the samples of this key."""
        data_key, rest_key = keys_of(key)
        parts = self.data.draw(data_key)
        found = trial(self.case, self.label, self.method, parts.train, keys=4, key=rest_key)
        model, (draw_key, steps_key, noise_key, density_key) = found.model, found.keys
        assert isinstance(model, AbstractFlowLaw)  # what methods of this study give
        n = min(self.scoring.n, int(parts.test.counts.min()))
        samples = found.draw(n, parts.test, key=draw_key)
        outside = _outside(samples, parts, self.scoring.margin)
        rows = [
            *self._distances(found, samples, parts),
            found.row("outlier_fraction", outside, np.sqrt(outside * (1 - outside) / n)),
            found.row("train_seconds", found.seconds),
        ]
        if model.sampler.evaluations is not None:
            rows.append(found.row("nfe", float(model.sampler.evaluations)))
        if not self.data.width:
            some = first(parts.test, self.scoring.n_likelihood)
            rows.append(found.row_of("nll", nll(model, some, key=density_key)))
        rows += self._sweeps(found, parts, steps_key, noise_key)
        kept = (
            {} if self.replicate else {"samples": np.asarray(samples.values[: self.scoring.shown])}
        )
        return Outcome(tuple(rows), kept)

    def _sweeps(self, found: Trial, parts: Parts, steps_key: Key, noise_key: Key) -> list[Row]:
        """`sliced_w2` with fewer steps of one sampler, and with noise on the network's weights."""
        rows, model = [], found.model
        n = min(self.scoring.n_sweep, int(parts.test.counts.min()))
        few = Parts(parts.train, first(parts.test, n), first(parts.truth, n))
        for i, steps in enumerate(self.scoring.steps):
            short = _with_sampler(model, StraightHeun(steps=steps))
            own_key = jax.random.fold_in(steps_key, i)
            samples = found.draw(n, parts.test, key=own_key, model=short)
            rows += _sliced(found, samples, few, f"{self.case}:steps={steps}")
        for i, size in enumerate(self.scoring.errors):
            weights_key, draw_key = jax.random.split(jax.random.fold_in(noise_key, i))
            noisy = shaken(model, size, key=weights_key)
            samples = found.draw(n, parts.test, key=draw_key, model=noisy)
            rows += _sliced(found, samples, few, f"{self.case}:error={size:g}")
        return rows

    def _distances(self, found: Trial, samples: Snapshots, parts: Parts) -> list[Row]:
        most = self.scoring.n_pairs
        few = (first(data, most) for data in (samples, parts.test, parts.truth))
        pairs = {"w2": partial(w2, max_n=most), "mmd": mmd}
        return found.distances(pairs, *few) + _sliced(found, samples, parts)


def _sliced(found: Trial, samples: Snapshots, parts: Parts, case: str = "") -> list[Row]:
    return found.distances({"sliced_w2": sliced_w2}, samples, parts.test, parts.truth, case=case)


def shaken(model: AbstractFlowLaw, size: float, *, key: Key) -> AbstractFlowLaw:
    """The model with every weight w of its network multiplied by 1 + size ξ, ξ ~ N(0, 1)."""
    net: Any = model.denoiser.net  # pyright: ignore[reportAttributeAccessIssue]
    leaves, tree = jax.tree.flatten(net, is_leaf=eqx.is_array)
    keys = jax.random.split(key, len(leaves))
    factor = lambda leaf, key: 1 + size * jax.random.normal(key, leaf.shape, leaf.dtype)
    moved = [
        leaf * factor(leaf, k) if eqx.is_inexact_array(leaf) else leaf
        for leaf, k in zip(leaves, keys, strict=True)
    ]
    return eqx.tree_at(lambda m: m.denoiser.net, model, jax.tree.unflatten(tree, moved))


def _with_sampler(model: AbstractFlowLaw, sampler: AbstractSampler) -> AbstractFlowLaw:
    return eqx.tree_at(lambda m: m.sampler, model, sampler)


def _outside(samples: Snapshots, parts: Parts, margin: float) -> float:
    """Fraction of samples farther from the data's mean than any of the data."""
    centre = parts.train.values.mean(axis=0)
    far = lambda x: np.sqrt(((x - centre) ** 2).reshape(len(x), -1).sum(axis=1))
    return float((far(samples.values) > (1 + margin) * far(parts.train.values).max()).mean())
