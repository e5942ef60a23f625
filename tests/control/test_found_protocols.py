"""Protocols that optimisers find, against closed forms and identities."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.control import Curve, driven_paths, evolve, gradient_protocol
from noneq.control.protocols.gradient import works_of
from noneq.errors import InvalidInput, MissingTrait
from noneq.studies.control.nest import NestCell
from noneq.studies.control.nest_systems import Cantilever, reversal_entropy
from noneq.systems import BreathingTrap, DraggedTrap, Linear
from noneq.systems.protocols import Protocol


SHORT = nq.Training(steps=120, batch=1, rate=0.05, ema=0.9, warmup=5)


def test_a_dragged_trap_learns_to_jump():
    """Work L²/(τ + 2) with jumps at both ends, and none below it."""
    trap = DraggedTrap(Protocol((0.0, 1.0), (0.0, 5.0)))
    found = gradient_protocol(trap, knots=5, paths=200, steps=40, n=20_000, training=SHORT, key=0)
    assert found.work.value == pytest.approx(25 / 3, rel=0.02)
    assert found.work.value > 25 / 3 - 5 * found.work.stderr
    assert found.linear.value > 1.08 * found.work.value
    assert found.protocol.jumps == (0.0, 1.0)
    assert float(found.protocol(0.0)) == pytest.approx(5 / 3, rel=0.15)
    assert float(found.protocol.before(0.0)) == 0.0
    assert float(found.protocol(1.0)) == 5.0


def test_work_counts_both_jumps_as_the_exact_relation_wants(key):
    """Jarzynski for jumps to 3 and from 2 to 4: ⟨e^{−W}⟩ = ½."""
    curve = Curve(1.0, 4.0, 1.0, knots=2, first=[3.0, 2.0])
    works = works_of(BreathingTrap(), curve, n=50_000, steps=100, key=key)
    mean, error = np.exp(-works).mean(), np.exp(-works).std() / np.sqrt(works.size)
    assert abs(mean - 0.5) < 5 * error + 0.003  # the Euler step leaves 0.2 per cent
    assert error < 0.005


def test_work_of_kicks_is_gaussian_with_twice_its_mean_as_variance(key):
    """A harmonic trap and ΔF = 0: Var W = 2 ⟨W⟩, kicks and inertia included."""
    curve = Curve(0.0, 5.0, 0.3 * np.pi, knots=3, kick=0.01)
    kicked = eqx.tree_at(lambda c: c.areas, curve, jnp.full((2, 1), 0.5))
    for one in (curve, kicked):
        works = works_of(Cantilever(), one, n=20_000, steps=94, key=key)
        assert works.var() == pytest.approx(2 * works.mean(), rel=0.06)
    assert works.mean() < 6  # 11.6 without kicks, 2.9 at the least


def test_a_curve_is_its_protocol():
    curve = Curve((1.0, 0.0), (4.0, 5.0), 2.0, knots=4, low=(0.5, 0.0), high=(7.0, 11.0))
    kicked = Curve(0.0, 5.0, 2.0, knots=4, kick=0.1, first=[1.0, 2.0, 2.0, 4.0])
    kicked = eqx.tree_at(lambda c: c.areas, kicked, jnp.asarray([[0.1], [0.2]]))
    for one, places in ((curve, (0, 1)), (kicked, (0,))):
        for place in places:
            plain = one.protocol(place)
            for t in (-1.0, 0.0, 0.05, 0.1, 0.7, 1.93, 2.0, 3.0):
                pick = lambda v, place=place: float(np.atleast_1d(np.asarray(v))[place])
                assert float(plain(t)) == pytest.approx(pick(one(t)), abs=1e-5)
                assert float(plain.before(t)) == pytest.approx(pick(one.before(t)), abs=1e-5)


def test_scores_need_no_derivative(key):
    """A cost in steps, whose derivative is 0, is led to its minimum."""
    curve = Curve(0.0, 1.0, 1.0, knots=3)
    target = jnp.asarray([[0.8], [0.1], [0.9]])

    def cost(curves, key):
        values = eqx.filter_vmap(lambda c: c.values)(curves)
        return jnp.sum(jnp.floor(20 * jnp.abs(values - target)), axis=(1, 2))

    found, history = evolve(cost, curve, training=SHORT, key=key)
    np.testing.assert_allclose(found.values, target, atol=0.15)
    assert history["loss"][-1] < 0.4 * history["loss"][0]


def test_reversal_of_nothing_produces_no_entropy(key):
    """T and h held: ΔE adds up to E_f − E_0, whatever the spins do. Moved at once, it costs 2 N/T."""
    still = Curve((2.5, -0.2), (2.5, -0.2), 1.0, knots=2)
    cold = Curve((0.7, -1.0), (0.7, -1.0), 1.0, knots=2)
    arrays = jax.tree.map(lambda a: a[None], eqx.filter(still, eqx.is_array))
    sigma = eqx.filter_jit(lambda c, k: reversal_entropy(c, n=2, key=k))
    np.testing.assert_allclose(sigma(eqx.combine(arrays, still), key), 0.0, atol=0.05)
    np.testing.assert_allclose(sigma(eqx.combine(arrays, cold), key), 0.0, atol=0.05)


WRONG = {
    "lies outside the bounds": lambda: Curve(1.0, 4.0, 1.0, low=2.0, high=5.0),
    "low must lie below": lambda: Curve(1.0, 1.0, 1.0, low=2.0, high=1.0),
    "duration = 0": lambda: Curve(1.0, 4.0, 0.0),
    "not with kicks|no kicks": lambda: Curve(1.0, 4.0, 1.0, low=0.0, high=5.0, kick=0.1),
    "spread = 0": lambda: evolve(
        lambda c, k: jnp.zeros(2), Curve(0.0, 1.0, 1.0), spread=0.0, key=0
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_bad_curves_are_refused(message):
    with pytest.raises(InvalidInput, match=message):
        WRONG[message]()


def test_a_system_without_protocol_is_refused():
    with pytest.raises(MissingTrait, match="DrivenLangevin"):
        gradient_protocol(Linear(), key=0)


def test_paths_are_those_of_simulate(key):
    """Mean and spread of the end of a dragged bead, known in closed form for the chain."""
    trap = DraggedTrap(Protocol((0.0, 1.0), (0.0, 2.0)))
    curve = Curve(0.0, 2.0, 1.0, knots=2)
    starts = jax.random.normal(key, (20_000, 1))
    end = np.asarray(driven_paths(trap, curve, starts, steps=40, key=key).end)
    h, mean = 1 / 40, 0.0
    for k in range(40):
        mean += h * (2 * (k + 0.5) * h - mean)
    assert abs(end.mean() - mean) < 5 / np.sqrt(20_000)


@pytest.mark.slow
def test_tasks_reach_their_figures(key):
    for task, metric, most in (
        ("cantilever", "work", 2.90787 * 1.01), ("erasure", "error", 0.1),
        ("active", "work", -2.9), ("ising", "entropy_production", 86.5),
    ):  # fmt: skip
        rows = {(r.method, r.metric): r.value for r in NestCell(task=task)(key).rows}
        assert rows["noneq", metric] < most, task
