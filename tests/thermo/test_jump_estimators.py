"""Entropy production of chains from sequences and events, against exact values and broken twins."""

import itertools
import warnings

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.simulation import Events, simulate_events
from noneq.statistics.chains.aggregated_chain import irreversibility
from noneq.systems import ASEP, FlashingRatchet, MarkovJump, Schlogl
from noneq.thermo import (
    cycle_bound,
    entropy_production,
    exact,
    hidden_path_rate,
    plug_in_rate,
    stationary,
    waiting_time_bound,
)


RING = MarkovJump()
LINK = (RING.transitions.index((0, 1)), RING.transitions.index((1, 0)))


def walks(chain, n, steps, seed):
    """n stationary sequences of the chain, ``(n, steps)``."""
    rng = np.random.default_rng(seed)
    edges = chain.cumsum(1)
    edges[:, -1] = 1.0
    states = np.empty((n, steps), int)
    states[:, 0] = rng.choice(len(chain), n, p=stationary(chain))
    for k in range(1, steps):
        states[:, k] = (rng.random((n, 1)) >= edges[states[:, k - 1]]).sum(1)
    return states


def sticky(drive, n=5, seed=1):
    """A chain that stays for a while, with reversible weights and a drive around a ring."""
    weights = np.random.default_rng(seed).random((n, n)) ** 2
    weights = weights + weights.T + 4 * np.eye(n)
    weights *= 1 + drive * (np.roll(np.eye(n), 1, 1) - np.roll(np.eye(n), -1, 1))
    return weights / weights.sum(1, keepdims=True)


def numbers(estimates):
    return tuple(np.asarray([float(getattr(e, f)) for e in estimates]) for f in ("value", "stderr"))


def test_exact_values():
    W = RING.rate_matrix()
    assert exact.schnakenberg(W) == pytest.approx(2.197225, abs=1e-6)
    assert exact.asep(8, 3, 2.0, 0.5) == pytest.approx(4.455946, abs=1e-6)
    assert exact.schlogl(1.0, 1.0) == pytest.approx(6.16631, abs=1e-5)
    assert exact.schlogl(1.0, 2.0) == pytest.approx(681.034, abs=1e-3)
    assert abs(exact.schlogl(0.5, 29.5)) < 1e-20
    for height, per_step in {0.5: 0.016376, 1.0: 0.062364, 1.5: 0.130566, 3.0: 0.398201}.items():
        assert exact.flashing_ratchet(height) == pytest.approx(per_step, abs=1e-6)


def test_hills_formula_is_schnakenbergs(rng):
    up, down = rng.random(4) + 0.1, rng.random(4) + 0.1
    W = np.zeros((4, 4))
    W[np.arange(4), (np.arange(4) + 1) % 4] = up
    W[(np.arange(4) + 1) % 4, np.arange(4)] = down
    found = exact.hill_cycle(up, down)
    assert found == pytest.approx(exact.schnakenberg(W - np.diag(W.sum(1))), rel=1e-12)


@pytest.mark.parametrize(("window", "value"), [(2, 0.0), (8, 0.01002), (32, 0.02883)])
def test_hidden_windows(window, value):
    """With two states only there is no arrow: the sites form a ring, but pairs are balanced."""
    found = exact.hidden_ratchet(1.5, window, n=20_000)
    assert abs(found.value - value) < 5 * found.stderr + 1e-4
    assert found.value < exact.flashing_ratchet(1.5)


@pytest.mark.parametrize("drive", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("length", [3000, 11], ids=["one long", "many short"])
def test_plug_in_has_no_bias_and_a_true_error(drive, length):
    """60 data sets of 3,000 transitions: the raw values are 2 loops/n too large."""
    chain = sticky(drive)
    truth = entropy_production(chain)
    data = walks(chain, 60 * (3000 // length), length, seed=length).reshape(60, -1, length)
    estimates = [plug_in_rate(states) for states in data]
    value, error = numbers(estimates)
    spread = value.std(ddof=1)
    assert abs(value.mean() - truth) < 5 * spread / np.sqrt(60)
    assert 0.7 < np.sqrt(np.mean(error**2)) / spread < 1.6
    assert np.mean(np.abs(value - truth) < 1.96 * error) > 0.8
    if drive == 0.0:
        raw = np.asarray([e.value + e.bias for e in estimates if e.bias is not None])
        assert raw.mean() > 5 * raw.std() / np.sqrt(len(raw))


def test_reverses_that_were_never_seen():
    """A finite lower bound that names the transition; the truth of a one-way ring is inf."""
    found = plug_in_rate(np.tile([0, 1, 2], 200))
    assert found.bound == "lower"
    assert found.bias is None
    assert np.isfinite([found.value, found.stderr]).all()
    assert found.value > 3.0
    assert "0→1 (200 times)" in found.notes[0]


def test_sampled_at_an_interval(key):
    """The target is that of e^{W dt}, not that of continuous time; the limit leads towards it."""
    dt = 0.02
    data = nq.simulate(RING, np.arange(301) * dt, n=1024, key=key)
    found = plug_in_rate(data)
    target = exact.sampled_chain(RING.rate_matrix(), dt)
    truth = RING.entropy_production_rate()
    assert abs(found.z(target)) < 5
    assert abs(found.z(truth)) > 6
    assert found.limit is not None
    assert abs(found.limit - truth) < 0.5 * abs(found.value - truth)
    plain = nq.Trajectories(data.values, data.times)  # whole numbers on free space
    assert plug_in_rate(plain).value == pytest.approx(float(found.value), rel=1e-12)


def test_events_give_the_rate_itself(key):
    for system, end in ((RING, 60.0), (Schlogl(b=2.0), 4.0), (ASEP(sites=5, particles=2), 80.0)):
        events = simulate_events(system, end, n=64, key=key)
        found = plug_in_rate(events)
        assert abs(found.z(system.entropy_production_rate())) < 5
        assert found.stderr < 0.1 * found.value


@pytest.mark.stat
@pytest.mark.slow
def test_the_error_holds_where_the_number_of_events_fluctuates(key):
    """Bursts of events: 60 records whose spread is that of their lengths more than of their kinds."""
    system = Schlogl(b=2.0)
    events = simulate_events(system, 2.0, n=960, key=key)
    cuts = np.searchsorted(events.path, np.arange(0, 961, 16))
    found = [
        plug_in_rate(
            Events(
                events.times[a:b], events.kind[a:b], events.reverse, events.path[a:b] - events.path[a],
                n=16, begin=0.0, end=2.0, before=events.before[a:b], after=events.after[a:b],
            )
        )
        for a, b in itertools.pairwise(cuts)
    ]  # fmt: skip
    value, error = numbers(found)
    spread = value.std(ddof=1)
    # Blocks of equally many events, without their times, told a quarter of it.
    assert 0.7 < np.sqrt(np.mean(error**2)) / spread < 1.4


def test_channels_between_the_same_states_count_apart(key):
    """Without them Schlögl's model is a chain of births and deaths, which is in equilibrium."""
    system = Schlogl(b=2.0)
    events = simulate_events(system, 4.0, n=64, key=key)
    blind = plug_in_rate(events.sequences())
    per_step = system.entropy_production_rate() * events.duration / events.times.size
    assert blind.value < 0.05 * per_step


def test_cycles(key):
    events = simulate_events(RING, 100.0, n=32, key=key)
    found = cycle_bound(events)
    assert found.bound == "lower"
    assert abs(found.z(RING.entropy_production_rate())) < 5
    assert "0→1→2→0" in found.notes[0]
    assert "affinity 3." in found.notes[0]
    chain = sticky(0.6)
    bound = cycle_bound(walks(chain, 1, 20_000, seed=3))
    assert 0.5 * entropy_production(chain) < bound.value
    assert bound.value < entropy_production(chain) + 4 * bound.stderr
    still = cycle_bound(walks(sticky(0.0), 1, 20_000, seed=4))
    assert abs(still.z(0.0)) < 5
    with pytest.raises(InvalidInput, match="no cycle was closed"):
        cycle_bound([0, 1, 2, 3])


def test_waiting_times_of_one_visible_link(key):
    """In a ring one link shows everything; with a hidden switch it shows less."""
    events = simulate_events(RING, 400.0, n=64, key=key)
    found = waiting_time_bound(events, visible=LINK)
    target = exact.visible_transitions(RING.rate_matrix(), ((0, 1), (1, 0)))
    assert target == pytest.approx(RING.entropy_production_rate(), rel=1e-6)
    assert abs(found.value - target) < 5 * found.stderr + 0.02 * target
    ratchet = FlashingRatchet(height=3.0)
    pairs = ((0, 1), (1, 0))
    target = exact.visible_transitions(ratchet.rate_matrix(), pairs)
    events = simulate_events(ratchet, 1000.0, n=64, key=key)
    found = waiting_time_bound(events, visible=[ratchet.transitions.index(p) for p in pairs])
    assert found.bound == "lower"
    assert 0.8 * target < found.value < target + 4 * found.stderr
    assert target < 0.5 * ratchet.entropy_production_rate()


def test_waiting_times_in_equilibrium(key):
    """Detailed balance: nothing is proved, whatever is visible."""
    still = MarkovJump(matrix=[[0.0, 1.0, 2.0], [2.0, 0.0, 2.0], [2.0, 1.0, 0.0]])
    events = simulate_events(still, 300.0, n=64, key=key)
    for visible in (None, (0, still.reverse[0])):
        found = waiting_time_bound(events, visible=visible)
        assert abs(found.value) < 4 * found.stderr


def test_what_the_estimators_refuse(key):
    events = simulate_events(RING, 20.0, n=4, key=key)
    with pytest.raises(InvalidInput, match="reverse of kind 0 is not visible"):
        waiting_time_bound(events, visible=[0])
    with pytest.raises(InvalidInput, match="do not tell the states"):
        plug_in_rate(Events([1.0, 2.0], [0, 1], (1, 0)))
    with pytest.raises(InvalidInput, match="no whole numbers"):
        plug_in_rate(nq.Trajectories(np.random.default_rng(0).random((2, 50, 1)), np.arange(50)))
    with pytest.raises(InvalidInput, match="evenly"):
        plug_in_rate(nq.Trajectories(np.zeros((2, 3, 1)), [0.0, 1.0, 5.0], domain=Discrete(2)))
    with pytest.raises(InvalidInput, match="sort them by path"):
        Events([2.0, 1.0], [0, 1], (1, 0))
    with pytest.raises(InvalidInput, match="at least 64 are needed"):
        hidden_path_rate(np.zeros(100, int), key=key)


def test_the_exact_hidden_model_shows_the_exact_windows():
    """Filtering on the device against filtering in double precision; e^{−f} has the mean 1."""
    ratchet = FlashingRatchet(height=1.5)
    T = ratchet.jump_matrix()
    logits = np.log(T + 1e-9).reshape(2, 3, 2, 3).transpose(1, 0, 3, 2)
    y = walks(T, 8000, 8, seed=5).T % 3
    f = np.asarray(irreversibility(logits.astype(np.float32), y), float)
    assert abs(f.mean() / 7 - 0.01002) < 5 * f.std() / 7 / np.sqrt(8000)
    back = np.exp(-f)
    assert abs(back.mean() - 1) < 5 * back.std() / np.sqrt(8000)
    assert abs(f.mean()) > 5 * f.std() / np.sqrt(8000)


@pytest.mark.slow
@pytest.mark.optimised
def test_hidden_paths_in_a_short_record():
    """A hidden switch is found from the sites alone; pairs of sites show nothing."""
    ratchet = FlashingRatchet(height=5.0)
    y = walks(ratchet.jump_matrix(), 24, 512, seed=5) % 3
    target = exact.hidden_ratchet(5.0, 4, n=20_000)
    found = hidden_path_rate(y, window=4, key=jax.random.key(0))
    assert found.method == "hidden"
    assert found.notes[0].startswith("2 hidden states")
    error = np.hypot(found.stderr, target.stderr)
    assert abs(found.value - target.value) < 5 * error
    assert found.value > 5 * found.stderr
    assert plug_in_rate(y).value < 0.2 * found.value


@pytest.mark.slow
@pytest.mark.optimised
@pytest.mark.timeout(1800)
def test_hidden_ratchet_within_five_per_cent():
    """Height 1.5, window 32: .02883 per step, from 10⁶ symbols."""
    y = walks(FlashingRatchet(height=1.5).jump_matrix(), 1000, 1024, seed=3) % 3
    found = hidden_path_rate(y, key=jax.random.key(0))
    assert abs(found.value - 0.02883) < 0.05 * 0.02883
    assert found.stderr < 0.03 * 0.02883


def test_few_metastable_paths_have_an_honest_error():
    """Two rings of states, one of them driven, between which only one of eight paths goes."""
    ring = lambda up: np.array([[0, up, 1], [1, 0, up], [up, 1, 0]]) / (up + 1)
    calm, driven = walks(ring(1.0), 4, 2000, seed=1), 3 + walks(ring(9.0), 4, 2000, seed=2)
    paths = np.concatenate([calm, driven])
    paths[0, 500:1000] = driven[0, 500:1000]
    with pytest.warns(UserWarning, match="different metastable states"):
        found = plug_in_rate(paths)
    assert found.stderr > 0.8 * found.value / np.sqrt(8)
    # Paths of one ring alone are alike: no warning.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = plug_in_rate(driven)
    assert alone.stderr < 0.1 * alone.value


def test_nothing_lies_between_rows_without_times(rng):
    """Steps of a ring of three: each is one step, not a frame of a motion."""
    walk = np.cumsum(np.where(rng.random(2000) < 0.7, 1, -1)) % 3
    times = np.arange(2000.0)
    steps = nq.Trajectories(walk[None, :, None], times, time_unit="step")
    found = plug_in_rate(steps)
    assert found.limit is None
    assert abs(found.value - 0.4 * np.log(7 / 3)) < 5 * found.stderr
    assert plug_in_rate(nq.Trajectories(walk[None, :, None], times)).limit is not None
