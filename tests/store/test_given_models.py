"""Fits that keep a model they were given: outlines, round trips, and what is refused."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq import store
from noneq.errors import DataFileError, InvalidInput
from noneq.learning.loop import Training
from noneq.methods import AbstractMethod, Fit, ScoreMatching
from noneq.methods.denoising.frozen_noise import FrozenNoise
from noneq.nets import MLP
from noneq.spec import from_outline, to_outline


class Freezing(AbstractMethod):
    """Keeps a score at one noise level."""

    source: ClassVar[str] = "song2021score"

    ratio: float = 0.3

    def init(self, summary, *, key, score=None):
        assert score is not None
        return FrozenNoise(score, self.ratio)

    def fit(self, data, *, key, score=None, init=None, progress=None, checkpoint=None):
        model = self.init(None, key=key, score=score)
        return Fit(model, {}, self, SCORE.summary, given={"score": score})


DATA = np.random.default_rng(0).normal(size=(64, 2))
SCORE = ScoreMatching(
    net=MLP(width=8, depth=2), training=Training(steps=2, batch=8)
).fit(DATA, key=jax.random.key(0))  # fmt: skip


def test_an_outline_rebuilds_the_structure():
    outline = from_outline(to_outline(SCORE.model))
    wanted = eqx.filter_eval_shape(lambda model: model, SCORE.model)
    assert jax.tree.structure(outline) == jax.tree.structure(wanted)
    for ours, theirs in zip(jax.tree.leaves(outline), jax.tree.leaves(wanted), strict=True):
        assert getattr(ours, "shape", ours) == getattr(theirs, "shape", theirs)


def test_a_fit_with_a_given_model_survives_the_disk_twice(tmp_path):
    fit = Freezing().fit(DATA, key=jax.random.key(1), score=SCORE.model)
    store.save(fit, tmp_path / "a")
    once = store.load(tmp_path / "a")
    store.save(once, tmp_path / "b")
    twice = store.load(tmp_path / "b")
    assert eqx.tree_equal(once.model, fit.model)
    assert eqx.tree_equal(twice.model, fit.model)
    x = jnp.asarray([0.3, -0.2])
    assert (twice.model.score(x) == fit.model.score(x)).all()
    assert not eqx.tree_equal(twice.model, Freezing().init(None, key=None, score=_other()))


def _other():
    return eqx.tree_at(lambda m: m.denoiser.std.value, SCORE.model, jnp.asarray(2.0))


class Strange(eqx.Module):
    call: object = print


def test_what_no_table_can_hold_is_refused_at_saving(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be saved"):
        to_outline(Strange())


@pytest.mark.parametrize(
    "outline",
    [
        {"kind": "noneq.store.locks:lock", "fields": {}},
        {"kind": "noneq.nowhere:Thing", "fields": {}},
        {"kind": "os:system", "fields": {}},
        {"kind": "antigravity:Thing", "fields": {}},
        {"kind": "noneq.constant:Constant", "fields": {"other": 1}},
        {"nonsense": 1},
        [1],
    ],
)
def test_hostile_outlines_are_refused(outline):
    with pytest.raises((InvalidInput, DataFileError)):
        from_outline(outline)
