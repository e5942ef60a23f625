"""Dissipation of models: from scores, from snapshots, of generation; residuals of their equations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from driven_laws import Pair, Sliding, Still, Trapped
from gaussian_laws import Relaxing
from noneq.errors import InvalidInput, MissingTrait
from noneq.thermo import (
    audit,
    continuity_residual,
    fokker_planck_residual,
    generation_entropy,
    schedule_costs,
    score_rate,
    snapshot_rate,
    transport_bound,
)
from stub_chains import Ring


Z = 4.9


def test_rate_from_score_and_velocity(key):
    times = np.array([0.0, 0.5])
    rate = score_rate(Sliding.of(1.0, 2.0), 4000, times=times, diffusivity=0.5, key=key)
    # (1 + 2² ⟨|x|²⟩)/D.
    assert (np.abs(rate.z(18.0)) < Z).all()
    assert rate.value.shape == (2,)
    other = score_rate(Sliding.of(1.0, 2.0), times=0.5, diffusivity=np.array([0.5, 1.0]), key=key)
    assert abs(other.z((1 + 4) / 0.5 + 4)) < Z


def test_rate_from_score_and_a_system(key):
    trap = nq.systems.Linear()
    law = Relaxing.of((0.0, 0.0))
    assert abs(score_rate(law, system=trap, key=key).z(8.0)) < Z
    states = law.sample(3000, key=key)
    assert abs(score_rate(law, states=np.asarray(states), system=trap, key=key).z(8.0)) < Z
    with pytest.raises(MissingTrait, match="system="):
        score_rate(law, key=key)


def test_noise_that_depends_on_the_state(key):
    # Without div D the velocity would be x, and the rate ⟨x²/D⟩.
    assert score_rate(Trapped.of(0.0), key=key).value < 1e-10
    x = np.asarray(Trapped.of(0.0).sample(20_000, key=key), np.float64)
    assert abs(score_rate(Trapped.of(1.0), key=key).z(np.mean(1 / (1 + x**2 / 2)))) < Z


def test_snapshots_do_not_tell_of_turning(key):
    law, times = Sliding.of(2.0, 3.0), np.array([0.0, 0.5, 1.0])
    rate = snapshot_rate(law, 1500, times=times, diffusivity=0.5, key=key)
    assert np.allclose(rate.value, 8.0, rtol=0.15)
    assert rate.bound == "lower"
    assert "div" in rate.notes[0]
    whole = score_rate(law, times=times, diffusivity=0.5, key=key)
    assert (whole.value > 4 * rate.value).all()
    with pytest.raises(InvalidInput, match="diffusivity"):
        snapshot_rate(law, times=times, key=key)


def test_transport_bounds_from_below(key):
    data = Sliding.of(2.0, 3.0).snapshots(600, times=[0.0, 0.5], key=key)
    bound = transport_bound(data, 0.5, most=400)
    assert abs(bound.value[0] - 8.0) < Z * bound.stderr[0]
    still = transport_bound(Sliding.of(0.0, 3.0).snapshots(600, times=[0.0, 0.5], key=key), 0.5)
    # Without the correction two samples of one law are apart.
    assert still.bias is not None
    assert still.bias[0] > 2 * abs(still.value[0])


def test_residual_of_the_continuity_equation(key):
    good = continuity_residual(Sliding.of(1.0, 2.0), 64, times=[0.0, 0.7], key=key)
    assert (good.value < 1e-5).all()
    assert continuity_residual(Sliding.of(1.0, 2.0, 0.3), 64, times=0.7, key=key).value > 0.1


def test_residual_of_the_noised_laws(key):
    assert fokker_planck_residual(Pair.of(1.0, 0.3), 64, key=key).value < 1e-3
    assert fokker_planck_residual(Pair.of(1.0, 0.3, 0.5), 64, key=key).value > 0.1


def test_entropy_of_generation(key):
    # One normal law of unit variance: ½ ln[(1 + most²)/(1 + least²)], levels in standard deviations.
    cost = generation_entropy(Pair.of(0.0, 1.0), 2000, key=key)
    assert abs(cost.value - 0.5 * np.log(401 / (1 + 0.02**2))) < Z * cost.stderr + 0.02


def test_levels_that_dissipate_less(key):
    law = Pair.of(1.0, 0.1)
    costs = schedule_costs(law, law.sample(600, key=key), steps=16, n=300, key=key)
    production = costs.entropy_production
    assert costs.levels.shape == (5, 17)
    assert (np.diff(costs.levels) < 0).all()
    assert np.allclose(costs.levels[0], np.linspace(1, costs.levels[0, -1], 17), atol=1e-5)
    assert costs.suggested > 0
    assert production.value[costs.suggested] < 0.8 * production.value[0]
    # Benamou and Brenier: no choice is below the squared distance of prior and data.
    assert (production.value > costs.bound.value - Z * costs.bound.stderr).all()
    best = costs.w2[costs.suggested]
    assert best.value < costs.w2.value[0] + 3 * np.hypot(best.stderr, costs.w2.stderr[0])
    assert "suggested" in repr(costs)
    with pytest.raises(MissingTrait, match="HasNoising"):
        schedule_costs(Sliding.of(1.0, 0.0), np.zeros((40, 2)), key=key)


def test_audit_by_what_a_model_can_do(key):
    chain = Ring().fit(nq.Snapshots(np.zeros((10, 2)), [0.0]), key=key).model
    found = audit(chain, key=key)["entropy_production"]
    assert np.isclose(found.value, 0.2 * np.log(3))
    moving = audit(Sliding.of(1.0, 2.0), times=[0.0, 0.5], n=64, diffusivity=0.5, key=key)
    assert [name for name, _ in moving.rows] == ["entropy_production", "continuity_residual"]
    noised = audit(Pair.of(1.0, 0.3), n=64, key=key)
    assert [name for name, _ in noised.rows] == ["generation_entropy", "fokker_planck_residual"]
    assert "generation_entropy" in repr(noised)
    blind = audit(Sliding.of(1.0, 2.0), n=64, key=key)
    with pytest.raises(InvalidInput, match="diffusivity"):
        blind["entropy_production"]


def test_nothing_to_audit(key):
    with pytest.raises(MissingTrait, match="nothing that moves"):
        audit(Still.of(), key=key)


def test_flow_of_generation_has_float_keys(key):
    # The same key gives the same bits.
    first, second = (generation_entropy(Pair.of(0.5, 1.0), 32, key=key) for _ in range(2))
    assert float(first.value) == float(second.value)
    assert jnp.isfinite(first.value)
    assert float(generation_entropy(Pair.of(0.5, 1.0), 32, key=jax.random.key(1)).value) != float(
        first.value
    )
