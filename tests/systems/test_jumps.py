"""Jump processes: rates and exact steady states, and Gillespie's algorithm against exact laws."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import kstest

import noneq as nq
from noneq.domains import Discrete
from noneq.errors import InvalidInput, MissingTrait, SolveFailed
from noneq.simulation import simulate_events
from noneq.systems import ASEP, FlashingRatchet, Jump, MarkovJump, Schlogl
from noneq.thermo import entropy_production, stationary


RING = MarkovJump()
WALK = [[0.0, 2.0, 0.5], [1.0, 0.0, 0.0], [0.0, 3.0, 0.0]]


def sis(n, beta):
    """Infections on a complete graph: up at rate beta I (n − I)/n, down at I; 0 is absorbing."""
    return Jump(
        lambda x: jnp.stack([beta * x[0] * (n - x[0]) / n, x[0]]),
        [[1.0], [-1.0]],
        initial=[1.0],
        domain=Discrete(n + 1),
    )


def test_stationary_laws():
    np.testing.assert_allclose(RING.stationary(), stationary(RING.rate_matrix()), rtol=1e-12)
    odd = MarkovJump(matrix=WALK)
    np.testing.assert_allclose(odd.stationary(), stationary(odd.rate_matrix()), rtol=1e-12)
    p = Schlogl(b=2.0).stationary()
    np.testing.assert_allclose(np.arange(p.size) @ p, 72.45, atol=0.01)
    p = Schlogl().stationary()
    np.testing.assert_allclose(np.arange(p.size) @ p, 2.631, atol=0.001)
    np.testing.assert_allclose(Schlogl().log_density(jnp.asarray([3.0])), np.log(p[3]), rtol=1e-5)


def test_exclusion_by_enumeration():
    system = ASEP(sites=5, particles=2, p=2.0, q=0.5)
    states = [s for s in np.ndindex(*(2,) * 5) if sum(s) == 2]
    W = np.zeros((len(states),) * 2)
    for i, state in enumerate(states):
        rates = system.rates(0.0, jnp.asarray(state, jnp.float32))
        for reaction in np.flatnonzero(rates):
            after = system.after(jnp.asarray(state, jnp.float32), int(reaction))
            W[i, states.index(tuple(np.asarray(after, int)))] += float(rates[reaction])
    W -= np.diag(W.sum(1))
    np.testing.assert_allclose(stationary(W), 1 / len(states), rtol=1e-6)
    np.testing.assert_allclose(entropy_production(W), system.entropy_production_rate(), rtol=1e-6)


def test_recorded_states_have_the_law_of_the_master_equation(key):
    times, n = [0.0, 0.3, 1.0], 20_000
    data = nq.simulate(MarkovJump(matrix=WALK, start=1), times, n=n, key=key)
    assert data.domain == Discrete(3)
    W = MarkovJump(matrix=WALK).rate_matrix()
    for frame, t in enumerate(times):
        law = expm(W * t)[1]
        share = np.bincount(data.values[:, frame, 0].astype(int), minlength=3) / n
        error = np.sqrt(law * (1 - law) / n) + 1e-12
        assert (np.abs(share - law) / error < 5).all()
    broken = expm(W * 0.35)[1]
    share = np.bincount(data.values[:, 1, 0].astype(int), minlength=3) / n
    assert np.abs(share - broken).max() / np.sqrt(0.25 / n) > 5


def test_extinction_of_an_epidemic(key):
    """Exact for N = 50, beta = 2 and t = 5: mean .421764 N, extinct .046991; leaps in time fail."""
    paths = 4000
    start = np.full((paths, 1), 5.0)
    last = nq.simulate(sis(50, 2.0), [0.0, 5.0], n=paths, key=key, start=start).values[:, 1, 0]
    assert abs(np.mean(last == 0) - 0.046991) < 5 * np.sqrt(0.047 / paths)
    error = last.std() / 50 / np.sqrt(paths)
    assert abs(last.mean() / 50 - 0.421764) < 5 * error
    assert abs(last.mean() / 50 - 0.473) > 5 * error  # leaps of .5


@pytest.mark.slow
def test_mean_time_to_extinction(key):
    """6.00165 from one infected of 20 at beta = 1.5; the events give each time."""
    events = simulate_events(sis(20, 1.5), 400.0, n=20_000, key=key)
    last = np.zeros(events.n)
    np.maximum.at(last, events.path, events.times)
    assert abs(last.mean() - 6.00165) < 5 * last.std() / np.sqrt(events.n)


def test_waiting_times_are_exponential(key):
    """Those that begin early; later ones are cut by the end of the record."""
    events = simulate_events(RING, 12.0, n=500, key=key)
    same = np.diff(events.path) == 0
    waits, begun = np.diff(events.times)[same], events.times[:-1][same]
    waits = waits[begun < 8.0]  # those over 4 are once in e^16
    assert kstest(4 * waits, "expon").pvalue > 1e-6
    assert kstest(4.3 * waits, "expon").pvalue < 1e-4
    ends = np.asarray(RING.transitions)[events.kind]
    np.testing.assert_array_equal(ends[:, 0], events.before[:, 0])
    np.testing.assert_array_equal(ends[:, 1], events.after[:, 0])
    assert all((path[1:] != path[:-1]).all() for path in events.sequences())
    counts = np.bincount(events.kind, minlength=6)
    expected = events.duration / 3 * np.asarray([3, 1, 1, 3, 3, 1.0])
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()


def test_rates_that_depend_on_time(key):
    """Births at rate 2 (1 + sin t): Poisson of mean 2 (t + 1 − cos t)."""
    birth = Jump(
        lambda t, x: 2 * (1 + jnp.sin(t)) * jnp.ones(1), [[1.0]], initial=[0.0], largest=4.0
    )
    n = 10_000
    counts = nq.simulate(birth, [0.0, 2.0], n=n, key=key).values[:, 1, 0]
    mean = 2 * (2 + 1 - np.cos(2.0))
    assert abs(counts.mean() - mean) < 5 * np.sqrt(mean / n)
    assert abs(counts.var() / mean - 1) < 5 * np.sqrt(2 / n)
    low = Jump(lambda t, x: 2 * (1 + jnp.sin(t)) * jnp.ones(1), [[1.0]], initial=[0.0], largest=3.0)
    with pytest.raises(SolveFailed, match="above the bound 3"):
        nq.simulate(low, [0.0, 2.0], n=10, key=key)


def test_late_times_keep_short_waits(key):
    """In single precision a clock at 10⁵ would lose waits of 10⁻³."""
    birth = Jump(lambda x: jnp.full(1, 1000.0), [[1.0]], initial=[0.0])
    events = simulate_events(birth, 1e5 + 1.0, begin=1e5, n=16, key=key)
    assert abs(events.times.size - 16_000) < 5 * np.sqrt(16_000)
    assert np.diff(events.times).min() < 1e-4
    last = nq.simulate(birth, [0.0, 30.0], n=16, key=key).values[:, 1, 0]
    assert abs(last.mean() - 30_000) < 5 * np.sqrt(30_000 / 16)


def test_what_cannot_be_simulated(key):
    with pytest.raises(InvalidInput, match="followed exactly; leave out solver"):
        nq.simulate(RING, [0.0, 1.0], n=2, key=key, substeps=3)
    wrong = Jump(lambda x: jnp.asarray([-1.0, 2.0]), [[1.0], [-1.0]], initial=[0.0])
    with pytest.raises(SolveFailed, match="negative"):
        nq.simulate(wrong, [0.0, 1.0], n=2, key=key)
    with pytest.raises(InvalidInput, match="give largest="):
        Jump(lambda t, x: x, [[1.0]], initial=[0.0])
    with pytest.raises(InvalidInput, match=r"rates give the shape \(2,\)"):
        Jump(lambda x: jnp.ones(2), [[1.0]], initial=[0.0])
    with pytest.raises(MissingTrait, match="initial states"):
        nq.simulate(Jump(lambda x: x, [[1.0]]), [0.0, 1.0], n=2, key=key)
    with pytest.raises(InvalidInput, match="several stationary laws"):
        MarkovJump(matrix=np.kron(np.eye(2), [[0.0, 1.0], [1.0, 0.0]])).stationary()
    with pytest.raises(InvalidInput, match="rates must be finite and ≥ 0"):
        MarkovJump(matrix=[[0.0, -1.0], [1.0, 0.0]])


def test_chemical_reverses_are_found():
    system = Jump(lambda x: jnp.ones(4), [[1, 0], [-1, 0], [0, 1], [2, 2]], initial=[5, 5])
    assert system.reverse == (1, 0, -1, -1)
    assert FlashingRatchet().reverse[0] == FlashingRatchet().transitions.index((1, 0))


def test_replicas_do_not_depend_on_how_many_run_at_once(key):
    """Parts of 4,096 replicas have keys of their own."""
    many = nq.simulate(RING, [0.0, 1.0], n=5000, key=key).values
    np.testing.assert_array_equal(many, nq.simulate(RING, [0.0, 1.0], n=5000, key=key).values)
    halves = many[:2500, 1, 0], many[2500:, 1, 0]
    assert abs(halves[0].mean() - halves[1].mean()) < 5 * np.sqrt(2 * 2 / 3 / 2500)
    assert not np.array_equal(*halves)
