"""Free energies from work: the traps' closed forms, Gaussian pairs, far works, and many states."""

import warnings

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput, MissingTrait
from noneq.systems import BreathingTrap, DoubleWell, DraggedTrap, Protocol
from noneq.thermo import free_energy, mbar, state_energies, work, work_diagnostics
from noneq.thermo.exact import breathing_work, dragged_work
from noneq.thermo.free_energies import relations
from noneq.thermo.free_energies.bootstrap import resampled
from noneq.thermo.free_energies.inputs import as_works


METHODS = ("jarzynski", "cumulants", "bar", "crossing")
TWO_SIDED = ("bar", "crossing")


def pairs(rng, f, loss, n, m):
    """Gaussian works with this ΔF and dissipation, forward and backward, over kT."""
    spread = np.sqrt(2 * loss)
    return rng.normal(f + loss, spread, n), rng.normal(-f + loss, spread, m)


def both_ways(trap, backward, times, n, key):
    there, back = jax.random.split(key)
    return [
        work(nq.simulate(one, times, n=n, key=k), one, check=False)
        for one, k in ((trap, there), (backward, back))
    ]


@pytest.fixture(scope="module")
def ramp():
    trap = BreathingTrap()
    times = np.linspace(0, 1, 51)
    return both_ways(trap, BreathingTrap(trap.protocol.backward()), times, 4000, jax.random.key(18))


@pytest.mark.stat
@pytest.mark.parametrize("method", ["jarzynski", "bar", "crossing"])
def test_stiffness_ramp(ramp, method):
    found = free_energy(*ramp, method=method, bootstraps=60, unit="kT")
    assert abs(found.z(np.log(4) / 2)) < 3
    assert found.stderr < 0.02
    assert abs(found.z(breathing_work(Protocol()))) > 3
    assert found.method == method
    assert found.unit == "kT"
    # The negatives of the backward works are the error that users make.
    if method in TWO_SIDED:
        with pytest.raises(InvalidInput, match="is its sign turned round"):
            free_energy(ramp[0] - 3, -ramp[1] - 3, method=method)


@pytest.mark.stat
def test_dragged_trap(key):
    trap = DraggedTrap()
    works = both_ways(trap, DraggedTrap(trap.protocol.backward()), np.linspace(0, 2, 41), 3000, key)
    mean, variance = dragged_work()
    assert abs(works[0].mean() - mean) < 5 * np.sqrt(variance / 3000)
    assert works[0].var() == pytest.approx(variance, rel=0.15)
    for method in METHODS:
        found = free_energy(*works, method=method, bootstraps=60)
        assert abs(found.z(0.0)) < 4
        assert abs(found.z(mean)) > 4


@pytest.mark.parametrize("method", METHODS)
def test_units_and_beta(rng, method):
    """Works in pN nm with beta = 1/kT give what works over kT give, times kT."""
    a, b = pairs(rng, 2.0, 1.0, 200, 100)
    plain = free_energy(a, b, method=method, bootstraps=30)
    scaled = free_energy(4.1 * a, 4.1 * b, method=method, beta=1 / 4.1, bootstraps=30)
    for name in ("value", "stderr"):
        np.testing.assert_allclose(getattr(scaled, name), 4.1 * getattr(plain, name), rtol=1e-6)


@pytest.mark.stat
@pytest.mark.parametrize("method", METHODS)
def test_errors_cover(rng, method):
    z = [
        float(free_energy(*pairs(rng, 2.0, 0.3, 120, 60), method=method, bootstraps=50).z(2.0))
        for _ in range(120)
    ]
    assert np.mean(np.abs(z) < 1.96) > 0.85
    assert np.std(z) > 0.75
    assert abs(np.mean(z)) < 0.5


@pytest.mark.slow
@pytest.mark.stat
def test_coverage_of_bar_on_the_ramp(key):
    """95 % intervals of 200 repeats of 150 paths each way cover 90 to 98.5 %."""
    trap = BreathingTrap()
    ahead, back = both_ways(
        trap, BreathingTrap(trap.protocol.backward()), np.linspace(0, 1, 51), 30_000, key
    )
    covered = [
        abs(free_energy(a, b).z(np.log(4) / 2)) < 1.96
        for a, b in zip(np.split(ahead, 200), np.split(back, 200), strict=True)
    ]
    assert 0.90 <= np.mean(covered) <= 0.985


def test_bennett_solves_its_own_equation(rng):
    a, b = pairs(rng, -1.0, 2.0, 300, 70)
    f = relations.acceptance_ratio(as_works(a, b, 1.0, "test"))
    m = np.log(300 / 70)
    left, right = 1 / (1 + np.exp(m + a - f)), 1 / (1 + np.exp(-m + b + f))
    assert left.sum() == pytest.approx(right.sum(), rel=1e-8)
    # With the wrong M it would not.
    wrong = 1 / (1 + np.exp(a - f)), 1 / (1 + np.exp(b + f))
    assert wrong[0].sum() != pytest.approx(wrong[1].sum(), rel=1e-3)


@pytest.mark.parametrize("loss", [0.0, 5.0, 400.0])
def test_no_bootstrap_is_nan(rng, loss):
    """A thousand of each, works that never meet included."""
    works = as_works(*pairs(rng, 3.0, loss, 15, 7), 1.0, "test")
    formulas = [
        lambda w: relations.exponential(w.forward, w.ahead),
        lambda w: relations.one_sided_cumulants(w.forward, w.ahead),
        relations.two_sided_cumulants,
        relations.acceptance_ratio,
        lambda w: relations.crossing(w)[0],
    ]
    for formula in formulas:
        assert np.isfinite(resampled(works, formula, 1000 // len(formulas), 0)).all()


@pytest.mark.parametrize("method", TWO_SIDED)
def test_works_that_never_meet_give_a_bound(rng, method):
    a, b = pairs(rng, 3.0, 200.0, 100, 100)
    with pytest.warns(UserWarning, match=r"do not overlap.* ΔF lies between"):
        found = free_energy(a, b, method=method, bootstraps=30)
    assert found.bound == "upper"
    assert found.value > 3.0
    assert found.value <= a.mean()
    assert np.isfinite(found.stderr)
    assert "ΔF lies between" in found.notes[0]


def test_warnings_name_the_cure(rng):
    a, b = pairs(rng, 0.0, 12.0, 100, 100)
    with pytest.warns(UserWarning, match=r"effective of 100 works.*method='bar'"):
        assert free_energy(a, bootstraps=20).bound == "upper"
    with pytest.warns(UserWarning, match="overlap of forward and backward"):
        free_energy(*pairs(rng, 0.0, 12.0, 4000, 4000), method="bar", bootstraps=20)
    with pytest.warns(UserWarning, match="not Gaussian"):
        free_energy(rng.exponential(1.0, 500), method="cumulants", bootstraps=20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        free_energy(*pairs(rng, 0.0, 0.5, 200, 200), bootstraps=20)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"forward": [1.0], "backward": None}, "at least 2 paths"),
        ({"forward": [1.0, float("nan")]}, "not finite; leave those paths out"),
        ({"forward": np.ones((3, 2))}, r"expected one number for each path"),
        ({"forward": np.ones(3), "method": "bar"}, "needs backward works"),
        ({"forward": np.ones(3), "beta": -1.0}, "beta = -1.0"),
        ({"forward": np.ones(3), "bootstraps": 2}, "at least 20"),
    ],
)
def test_bad_works(given, message):
    with pytest.raises(InvalidInput, match=message):
        free_energy(**given)


def test_diagnostics(rng):
    a, b = pairs(rng, 2.0, 1.0, 4000, 4000)
    seen = work_diagnostics(a, b)
    assert abs(seen.dissipated.z(1.0)) < 5
    assert abs(seen.backward_dissipated.z(1.0)) < 5
    assert abs(seen.hysteresis.z(2.0)) < 5
    # n e^{−σ²} for Gaussian works of variance σ² = 2.
    assert seen.effective == pytest.approx(4000 * np.exp(-2), rel=0.25)
    assert seen.needed == pytest.approx(100 * np.expm1(2), rel=0.15)
    assert 0.5 < seen.overlap < 0.9
    assert work_diagnostics(a).overlap is None
    assert work_diagnostics(*pairs(rng, 2.0, 1e-6, 90, 90)).overlap == pytest.approx(1.0, abs=1e-5)


STIFFNESS = np.array([1.0, 1.5, 2.5, 4.0])


def harmonic(rng, counts):
    """Samples of traps of several stiffnesses."""
    return [rng.normal(size=(n, 1)) / np.sqrt(k) for n, k in zip(counts, STIFFNESS, strict=True)]


def test_many_states(rng):
    """Also of a state that was not sampled, and with Bennett's answer for two."""
    energies, counts = state_energies(harmonic(rng, (300, 300, 0, 300)), BreathingTrap(), STIFFNESS)
    np.testing.assert_allclose(energies[3], 4 * energies[0], rtol=1e-5)
    found = mbar(energies, counts, bootstraps=40)
    assert (np.abs(found[1:].z(np.log(STIFFNESS[1:]) / 2)) < 4).all()
    assert found.stderr.max() < 0.05
    assert found.value[0] == found.stderr[0] == 0
    two = energies[[0, 3]][:, np.r_[0:300, 600:900]]
    rises = two[1] - two[0]
    pair = mbar(two, [300, 300], bootstraps=20)
    assert pair.value[1] == pytest.approx(
        float(free_energy(rises[:300], -rises[300:], bootstraps=20).value), abs=1e-6
    )


@pytest.mark.slow
@pytest.mark.stat
def test_errors_of_many_states(rng):
    z = []
    for _ in range(100):
        states = np.concatenate(harmonic(rng, (100,) * 4))[:, 0]
        found = mbar(STIFFNESS[:, None] * states**2 / 2, [100] * 4, bootstraps=40)
        z.append((found.value - np.log(STIFFNESS) / 2)[1:] / found.stderr[1:])
    assert 0.88 < np.mean(np.abs(z) < 1.96) < 0.99


def test_states_far_apart_have_honest_errors(rng):
    centres = np.array([0.0, 60.0, 120.0])
    x = np.concatenate([rng.normal(c, 1, 40) for c in centres])
    with pytest.warns(UserWarning, match="share .* within bounds only"):
        found = mbar((x - centres[:, None]) ** 2 / 2, [40] * 3, bootstraps=20)
    assert np.isfinite(found.value).all()
    assert (np.abs(found.value) < 2 * found.stderr + 1e-12).all()


def test_bad_states():
    with pytest.raises(InvalidInput, match="counts add up to 3 for 4 samples"):
        mbar(np.ones((2, 4)), [2, 1])
    with pytest.raises(InvalidInput, match="infinite energy in its own state"):
        mbar(np.array([[np.inf, 1.0], [1.0, 1.0]]), [1, 1])
    with pytest.raises(MissingTrait, match="a system with a protocol"):
        state_energies([np.zeros((2, 1))], DoubleWell(), [1.0])
    with pytest.raises(InvalidInput, match="1 sets of samples"):
        state_energies([np.zeros((2, 1))], BreathingTrap(), [1.0, 2.0])


def test_against_pymbar(rng):
    pymbar = pytest.importorskip("pymbar")
    a, b = pairs(rng, 2.0, 1.0, 300, 100)
    theirs = pymbar.other_estimators.bar(a, b)
    ours = free_energy(a, b, bootstraps=200)
    assert float(ours.value) == pytest.approx(theirs["Delta_f"], abs=1e-6)
    assert float(ours.stderr) == pytest.approx(theirs["dDelta_f"], rel=0.25)
    x = np.concatenate(harmonic(rng, (200,) * 4))[:, 0]
    energies = STIFFNESS[:, None] * x**2 / 2
    both = pymbar.MBAR(energies, [200] * 4).compute_free_energy_differences()
    found = mbar(energies, [200] * 4, bootstraps=100)
    np.testing.assert_allclose(found.value, both["Delta_f"][0], atol=1e-6)
    np.testing.assert_allclose(found.stderr[1:], both["dDelta_f"][0][1:], rtol=0.35)


def test_intervals_of_the_exponential_mean_cover():
    """Dragged trap (Gaussian works, ⟨W⟩ = 1.135) and works of two kinds: the bootstrap alone covers 86 %."""
    rng, repeats = np.random.default_rng(0), 120
    alone, honest, apart = [], [], []
    for _ in range(repeats):
        works = rng.normal(1.135, np.sqrt(2.27), 100)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = free_energy(works, bootstraps=60)
        plain = resampled(
            as_works(works, None, 1.0, ""),
            lambda w: relations.exponential(w.forward, w.ahead),
            60,
            0,
        )
        honest.append(abs(found.value) < 1.96 * found.stderr)
        alone.append(abs(found.value) < 1.96 * plain.std(ddof=1))
        slow = rng.random(300) < 0.3
        mixed = np.where(slow, rng.normal(0, 0.7, 300), rng.normal(4, 1, 300))
        truth = -np.log(0.3 * np.exp(0.245) + 0.7 * np.exp(-3.5))
        apart.append(free_energy(mixed, bootstraps=60).z(truth))
    assert np.mean(honest) > 0.9
    assert np.mean(alone) < np.mean(honest)
    # Nor too wide where the tail of one kind decides.
    assert 0.7 < np.std(apart) < 1.25
    assert np.mean(np.abs(apart) < 1.96) > 0.9


def test_weights_without_variance_are_told():
    """A trap that is suddenly four times softer: ⟨e^{−2w}⟩ is infinite."""
    works = -np.random.default_rng(0).exponential(1.2, 400)
    with pytest.warns(UserWarning, match="tail of index"):
        found = free_energy(works)
    assert "variance is infinite" in found.notes[-1]
    calm = free_energy(np.random.default_rng(0).normal(0.5, 0.3, 400))
    assert not any("infinite" in note for note in calm.notes)
