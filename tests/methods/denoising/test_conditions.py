"""Conditions: quantities, categories, and conditions left open."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput, WrongType
from noneq.frames.frame import Asked
from noneq.learning.loop import Training
from noneq.methods import ScoreMatching
from noneq.nets import MLP
from noneq.nets.inputs import Label, label_of


def test_whole_numbers_are_categories_and_floats_are_quantities(rng):
    x = rng.normal(size=(6, 2))
    labels = summarise(nq.Snapshots(x, condition=[3, 1, 3, 7, 1, 3]))
    assert labels.condition_levels == ((1, 3, 7),)
    numbers = summarise(nq.Snapshots(x, condition=[3.0, 1.0, 3.0, 7.0, 1.0, 3.0]))
    assert numbers.condition_levels == ((),)
    assert numbers.condition_shift == pytest.approx((3.0,))
    texts = summarise(nq.Snapshots(x, condition=["a", "b", "a", "b", "a", "b"]))
    assert (texts.condition_levels, texts.categories) == (((0, 1),), (("a", "b"),))


def test_what_a_network_sees_of_a_condition():
    label = Label((10.0, 0.0), (2.0, 1.0), ((), (4, 5, 9)))
    assert label.size == 5
    np.testing.assert_allclose(label(jnp.asarray([14.0, 5.0])), [2, 1, 0, 1, 0])
    np.testing.assert_allclose(label(jnp.asarray([jnp.nan, 9.0])), [0, 0, 0, 0, 1])
    np.testing.assert_allclose(label(jnp.full(2, jnp.nan)), 0)
    assert label_of(summarise(nq.Snapshots(np.eye(3)))) is None


@pytest.mark.parametrize(
    ("asked", "condition", "error", "text"),
    [
        (Asked(((1, 2),)), 3, InvalidInput, "known: 1, 2"),
        (Asked(((1, 2),)), 1.5, InvalidInput, "no category"),
        (Asked(((1, 2),)), "red", WrongType, "by its number"),
        (Asked(((),)), float("nan"), InvalidInput, "drop_condition"),
        (Asked(((),)), float("inf"), InvalidInput, "infinity"),
        (Asked(((),), optional=True), float("inf"), InvalidInput, "infinity"),
        (Asked(((),)), None, InvalidInput, "needs condition="),
        (Asked(((), ())), [1.0], InvalidInput, "shape"),
        (Asked(()), 1.0, InvalidInput, "without conditions"),
    ],
)
def test_wrong_conditions_are_refused(asked, condition, error, text):
    with pytest.raises(error, match=text):
        asked.check(condition)


@pytest.mark.slow
def test_one_model_knows_each_category_and_their_mixture(key):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 20_000)
    x = (rng.normal(size=(20_000, 1)) * 0.5 + np.where(labels == 1, 2.0, -2.0)[:, None]) + 1
    method = ScoreMatching(
        net=MLP(48, 2), training=Training(steps=1500, batch=512), drop_condition=0.2
    )
    model = method.fit(nq.Snapshots(x, condition=labels), key=key).model
    for label, mean in ((0, -1.0), (1, 3.0)):
        cloud = np.asarray(model.sample(2000, condition=[label], key=key))
        # 0.08 for the fit, five standard errors of the mean beside it.
        assert abs(cloud.mean() - mean) < 0.08 + 5 * 0.5 / np.sqrt(2000)
        assert abs(cloud.std() - 0.5) < 0.08
    both = np.asarray(model.sample(2000, key=key))
    assert abs(both.mean() - 1) < 0.2 + 5 * 2 / np.sqrt(2000)
    assert both.std() > 1.7
    per_row = model.sample(4, condition=jnp.asarray([[0], [1], [0], [1]]), key=jax.random.key(3))
    np.testing.assert_array_equal(np.asarray(per_row[:, 0]) > 1, [False, True, False, True])
    with pytest.raises(InvalidInput, match="known: 0, 1"):
        model.sample(3, condition=[2], key=key)
