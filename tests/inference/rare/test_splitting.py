"""Splitting finds probabilities that are known, without bias, also of a black box, and goes on."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry2x32_p

from noneq.errors import DataFileError, InvalidInput
from noneq.inference import BlackBox, splitting, transition_rate, weighted_ensemble
from noneq.inference.rare.crossings import bridge_maximum
from noneq.inference.rare.populations.counters import normals, threefry, uniforms
from noneq.studies.rare_events import exact
from noneq.systems import DoubleWell, Jump, Linear, Lorenz


STEP = 0.1
OU = Linear(A=((1.0,),), D=((1.0,),))
ASKED: dict[str, Any] = {"target": "x > 3", "horizon": 5.0, "start": [0.0], "step": STEP}


def drift(x):
    return -x


def exact_chain(a):
    """P(a chain of exact OU steps of length STEP exceeds a within 5), by its kernel."""
    decay = math.exp(-STEP)
    # The chain x → decay x + √(1 − decay²) ξ is an Euler chain of another drift and noise.
    f, noise = (lambda x: (decay - 1) / STEP * x), math.sqrt((1 - decay**2) / STEP)
    return exact.chain_hitting_by(f, noise, STEP, a, 5.0, 0.0)


def z_of(found, truth):
    return (float(found.value) - truth) / float(found.stderr)


@pytest.mark.slow
def test_twenty_particles_are_unbiased_over_a_thousand_runs():
    found = splitting(OU, **ASKED, n=20, repeats=1000, continuous=False, key=jax.random.key(0))
    truth = exact_chain(3.0)
    assert abs(z_of(found.probability, truth)) < 4
    assert found.probability.stderr < 0.05 * truth
    # A weight that forgets ties, 1 − 1/n at each level, is far away.
    levels = np.asarray([len(one) for one in found.levels])
    wrong = np.mean((1 - 1 / 20) ** levels * (found.repeats > 0))
    assert abs(wrong - truth) > 5 * float(found.probability.stderr)


def test_crossings_between_steps_count():
    asked: dict[str, Any] = ASKED | {"target": "x > 2", "n": 100, "repeats": 20}
    truth = exact.hitting_by(drift, math.sqrt(2), 2.0, 5.0, 0.0)
    found = splitting(OU, **asked, key=jax.random.key(1)).probability
    coarse = splitting(OU, **asked, continuous=False, key=jax.random.key(1)).probability
    assert abs(z_of(found, truth)) < 4
    assert z_of(coarse, truth) < -4


def test_the_maximum_of_a_bridge():
    e = -np.log(np.random.default_rng(0).uniform(size=20_000))
    top = np.asarray(
        jax.vmap(lambda e: bridge_maximum(*map(jnp.asarray, (0.0, 0.5, 0.3)), e))(
            jnp.asarray(e, jnp.float32)
        )
    )
    share, truth = (top > 1.0).mean(), math.exp(-2 * 1.0 * 0.5 / 0.3)
    assert abs(share - truth) < 5 * math.sqrt(truth / 20_000)
    assert (top >= 0.5).all()


@pytest.mark.slow
def test_a_black_box_and_a_committor_agree_with_their_chains():
    h, noise = 0.02, math.sqrt(2 / 3)
    force = lambda x: -4 * x * (x**2 - 1)
    step = lambda t, x, rng: x + h * force(x) + noise * math.sqrt(h) * rng.normal(size=x.shape)
    asked: dict[str, Any] = {
        "target": "x > 1",
        "avoid": "x < -1",
        "start": [-0.9],
        "n": 100,
        "repeats": 20,
    }
    truth = exact.chain_hitting_before(force, noise, h, -0.9)
    boxed = splitting(BlackBox(step, [-0.9], time_step=h), **asked, key=jax.random.key(2))
    ours = splitting(DoubleWell(), **asked, step=h, continuous=False, key=jax.random.key(2))
    assert abs(z_of(boxed.probability, truth)) < 4
    assert abs(z_of(ours.probability, truth)) < 4
    with pytest.raises(InvalidInput, match="shape"):
        splitting(BlackBox(lambda t, x, rng: x[:1], [-0.9]), **asked, key=jax.random.key(2))


def test_events_of_a_jump_process():
    """Births at rate 1 from 0: at least 4 within 1 is a Poisson tail."""
    births = Jump(lambda x: 1.0 + 0 * x, [[1.0]], initial=[0.0])
    found = splitting(
        births, target="x >= 4", horizon=1.0, n=100, repeats=20, key=jax.random.key(3)
    )
    truth = 1 - sum(math.exp(-1) / math.factorial(k) for k in range(4))
    assert abs(z_of(found.probability, truth)) < 4
    assert found.probability.stderr < 0.2 * truth


def test_workers_do_not_change_the_numbers_and_a_state_goes_on(tmp_path, monkeypatch):
    from noneq.inference.rare.populations import program

    asked: dict[str, Any] = ASKED | {"n": 20, "repeats": 4, "key": jax.random.key(4)}
    whole = splitting(OU, **asked)
    np.testing.assert_array_equal(splitting(OU, **asked, workers=2).repeats, whole.repeats)
    file, look, seen = tmp_path / "run", program.Program._look, []

    def stopped(self):
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(look(self))

    monkeypatch.setattr(program.Program, "_look", stopped)
    monkeypatch.setattr(program, "_LOOK", 8)
    monkeypatch.setattr("noneq.inference.rare.populations.saved._EVERY", -1.0)
    with pytest.raises(KeyboardInterrupt):
        splitting(OU, **asked, state=file)
    monkeypatch.undo()
    assert file.exists()
    with pytest.raises(InvalidInput, match="other sets"):
        splitting(OU, **dict(asked, n=21), state=file)
    np.testing.assert_array_equal(splitting(OU, **asked, state=file).repeats, whole.repeats)
    assert not file.exists()
    file.write_bytes(b"PK no")
    with pytest.raises(DataFileError):
        splitting(OU, **asked, state=file)


def test_paths_come_back_step_by_step():
    found = splitting(OU, **ASKED, n=20, repeats=4, paths=3, key=jax.random.key(5))
    assert len(found.paths) == 3
    for path in found.paths:
        np.testing.assert_allclose(np.diff(path.times), STEP, rtol=1e-3)
        np.testing.assert_array_equal(path.states[0], [0.0])
        # Increments are those of the OU process: none is larger than six standard deviations.
        kicks = path.states[1:] - path.states[:-1] * math.exp(-STEP)
        assert np.abs(kicks).max() < 6 * math.sqrt(1 - math.exp(-2 * STEP))
        assert path.states[-1, 0] > 2


def test_an_extinct_run_has_an_upper_bound():
    found = splitting(
        OU, **dict(ASKED, target="x > 60"), n=10, repeats=3, share=0.5, key=jax.random.key(0)
    )
    assert found.extinct.all()
    assert found.probability.value == 0
    assert found.upper is not None
    assert 0 < found.upper < 0.1
    assert "extinct in 3 of 3 repeats" in found.probability.notes[0]


def test_a_system_without_noise_needs_a_perturbation():
    asked: dict[str, Any] = {
        "target": "z > 40",
        "horizon": 1.0,
        "n": 20,
        "repeats": 2,
        "key": jax.random.key(6),
    }
    with pytest.raises(InvalidInput, match="perturbation"):
        splitting(Lorenz(), **asked)
    found = splitting(Lorenz(), **asked, perturbation=0.1)
    assert 0 <= found.probability.value <= 1
    assert "bias" in found.probability.notes[-1]


def test_requests_that_make_no_sense():
    two: dict[str, Any] = {"n": 4, "repeats": 2, "key": jax.random.key(0)}
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"target": "x > 3"}, "horizon"),
        ({"target": "x > 3", "horizon": -1.0}, "positive"),
        ({"target": "x > 3 and x < 2", "horizon": 1.0}, "no state"),
        ({"target": "x > -1", "horizon": 1.0, "start": [0.0]}, "probability is 1"),
        ({"target": "x > 1", "avoid": "x < 2", "start": [0.0]}, "overlap"),
        ({"target": "x > 1", "avoid": "x < 0.5", "start": [0.0]}, "avoided set"),
        ({"target": "q > 1", "horizon": 1.0}, "'q'"),
        ({"target": "__import__('os') > x", "horizon": 1.0}, "__import__"),
        ({"target": "x > 1", "horizon": 1.0, "score": "x + q"}, "score"),
        ({"target": "x > 1", "horizon": 1.0, "start": [0.0], "step": 0.0}, "step"),
        ({"target": "x > 1", "horizon": 1.0, "share": 1.0}, "share"),
    )
    for asked, word in wrong:
        with pytest.raises(InvalidInput, match=word):
            splitting(OU, **two | asked)


@pytest.mark.slow
def test_a_weighted_ensemble_finds_the_same():
    asked: dict[str, Any] = {"each": 8, "rounds": 10, "repeats": 20, "key": jax.random.key(7)}
    levels = np.arange(-2.5, -0.2, 0.5)
    found = weighted_ensemble(OU, **ASKED, levels=levels, continuous=False, **asked)
    truth = exact_chain(3.0)
    assert abs(z_of(found.probability, truth)) < 4
    assert found.probability.stderr < 0.3 * truth
    with pytest.raises(InvalidInput, match="increasing"):
        weighted_ensemble(OU, **ASKED, levels=[1.0, 0.0], **asked)


@pytest.mark.slow
def test_rates_are_the_inverse_of_the_mean_passage_time():
    found = transition_rate(
        DoubleWell(),
        origin="x < -1",
        target="x > 1",
        step=0.005,
        n=100,
        repeats=20,
        key=jax.random.key(1),
    )
    assert abs(z_of(found.passage_time, 26.64)) < 4
    assert found.passage_time.stderr < 2


def test_random_bits_are_those_of_jax():
    key, count = np.asarray([7, 11], np.uint32), jnp.arange(3, dtype=jnp.uint32)
    ours = threefry(jnp.asarray(key), count + 5, count)
    theirs = threefry2x32_p.bind(*(jnp.full(3, k) for k in key), count + 5, count)
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    u = np.asarray(uniforms(jnp.asarray(key), jnp.asarray(3), 20_001))
    assert len(u) == 20_001
    assert np.abs(u).max() < 1
    z = np.asarray(normals(jnp.asarray(u)))
    assert abs(z.mean()) < 5 / math.sqrt(20_001)
    assert abs(z.var() - 1) < 5 * math.sqrt(2 / 20_001)


def test_points_that_are_dropped_do_not_change_a_path(monkeypatch):
    """Long paths keep few points: the blocks between them are run once more when they are copied."""
    from noneq.inference.rare.populations import program

    asked: dict[str, Any] = ASKED | {"n": 20, "repeats": 2, "horizon": 40.0, "step": 0.02}
    whole = splitting(OU, **asked, paths=1, key=jax.random.key(8))
    monkeypatch.setattr(program, "_THIN", 0)
    monkeypatch.setattr(program, "_ROOM", 16)
    few = splitting(OU, **asked, paths=1, key=jax.random.key(8))
    np.testing.assert_array_equal(few.repeats, whole.repeats)
    np.testing.assert_allclose(few.paths[0].states, whole.paths[0].states, atol=1e-6)
