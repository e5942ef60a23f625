"""Seeds that train as one program: the single fits, but for rounding, and what is refused."""

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.errors import FitDiverged, InvalidInput
from noneq.learning import members
from noneq.learning.members import fit_members
from noneq.learning.training import Training
from noneq.methods import EDM, FFJORD, RBM
from noneq.nets import MLP


QUICK = Training(steps=6, batch=16, warmup=1)
KEYS = [jax.random.key(seed) for seed in (3, 4, 9)]


@pytest.fixture
def data(rng):
    return nq.Snapshots(rng.normal(size=(40, 2)).astype(np.float32))


def weights(fit):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(fit.model) if hasattr(leaf, "shape")]


@pytest.mark.parametrize("method", [EDM(net=MLP(8, 2), training=QUICK)], ids=["EDM"])
def test_members_are_the_single_fits(method, data):
    together = fit_members(method, data, keys=KEYS, progress=False)
    apart = [method.fit(data, key=key, progress=False) for key in KEYS]
    for one, other in zip(together, apart, strict=True):
        assert one.summary == other.summary
        assert one.history["step"] == other.history["step"]
        np.testing.assert_allclose(one.history["loss"], other.history["loss"], rtol=1e-5)
        for a, b in zip(weights(one), weights(other), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    first, second = weights(together[0]), weights(together[1])
    assert any(np.abs(a - b).max() > 1e-2 for a, b in zip(first, second, strict=True))


def test_other_rates_and_seeds_compile_nothing(data, monkeypatch):
    seen = []
    step = members.one_step
    monkeypatch.setattr(members, "one_step", lambda *args: seen.append(1) or step(*args))
    for seed, rate in enumerate((1e-3, 3e-3)):
        training = Training(steps=6, batch=16, warmup=1, rate=rate)
        keys = [
            jax.random.key(seed),
            jax.random.key(7),
        ]  # two members: a program of this test alone
        fit_members(EDM(net=MLP(8, 2), training=training), data, keys=keys, progress=False)
    assert len(seen) == 1


def test_a_member_that_diverges_says_so_as_alone(data):
    wild = EDM(net=MLP(8, 2), training=Training(steps=6, batch=16, rate=1e30, clip=1e30, warmup=0))
    with pytest.raises(FitDiverged, match="step"):
        fit_members(wild, data, keys=KEYS, progress=False)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (RBM(), "RBM does not learn by one gradient loop"),
        (FFJORD(training=Training(patience=3)), "training.patience"),
    ],
    ids=["RBM", "patience"],
)
def test_refusals(method, said, data):
    with pytest.raises(InvalidInput, match=said):
        fit_members(method, data, keys=KEYS)
    with pytest.raises(InvalidInput, match="no key"):
        fit_members(EDM(), data, keys=[])


def test_seeds_of_a_run_and_of_a_sweep(data, tmp_path):
    """Folders as of single fits; what is finished is loaded, what is missing is trained together."""
    method = EDM(net=MLP(8, 2), training=QUICK)
    alone = nq.runs.fit_seeds(method, data, tmp_path / "a", seeds=2, seed=5, progress=False)
    joint = nq.runs.fit_seeds(
        method, data, tmp_path / "b", seeds=2, seed=5, together=True, progress=False
    )
    for one, other in zip(alone, joint, strict=True):
        for a, b in zip(weights(one), weights(other), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    kept = nq.load(tmp_path / "b" / "seed_1")
    assert kept.meta["seed"] == 6
    assert not list(tmp_path.glob("b/seed_*/checkpoint"))
    more = nq.runs.fit_seeds(
        method, data, tmp_path / "b", seeds=3, seed=5, together=True, resume=True, progress=False
    )
    np.testing.assert_array_equal(weights(more[1])[0], weights(joint[1])[0])
    with pytest.raises(InvalidInput, match="resume"):
        nq.runs.fit_seeds(method, data, tmp_path / "b", seeds=3, seed=5, together=True)
