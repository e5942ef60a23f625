"""What data the flows refuse or doubt, before any score is trained."""

import warnings

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput, MissingTrait
from noneq.frames.normaliser import Normaliser
from noneq.methods import EquilibriumFlow, PolynomialFlow, SkewFlow, StreamFlow, UnbiasedHutchinson
from noneq.methods.invariant_flows.data_checks import SteadyLaw, check_states, steady_law
from noneq.methods.invariant_flows.transitions import pairs_of
from noneq.nets import LocalNet, UNet


KEY = jax.random.key(5)
RNG = np.random.default_rng(5)
PLANE = RNG.normal(size=(400, 2))


class Untrained(Exception):
    pass


def refuse(step, steps, row):
    raise Untrained


FLOWS = (EquilibriumFlow(), StreamFlow(), PolynomialFlow(), SkewFlow())


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: type(flow).__name__)
class TestEveryFlow:
    def test_walls(self, flow):
        box = nq.Snapshots(RNG.uniform(size=(400, 2)), domain=nq.Box((0.0, 0.0), (1.0, 1.0)))
        with pytest.raises(InvalidInput, match=r"Box.*walls"):
            flow.fit(box, key=KEY, progress=refuse)

    def test_a_line(self, flow):
        with pytest.raises(InvalidInput, match="on a line only rest"):
            flow.fit(PLANE[:, :1], key=KEY, progress=refuse)


def test_a_current_may_run_around_a_circle():
    circle = nq.Torus(2 * np.pi)
    check_states(nq.Snapshots(RNG.uniform(0, 6, size=(50, 1)), domain=circle), "test")


def test_fields_whose_edges_do_not_meet():
    ramp = np.linspace(0, 4, 8)[:, None] + RNG.normal(size=(200, 2, 8, 8))
    hutchinson = UnbiasedHutchinson()
    for net in (LocalNet(window=3), UNet(channels=8, levels=1)):
        with pytest.raises(InvalidInput, match="edges do not meet"):
            EquilibriumFlow(net=net, divergence=hutchinson).fit(ramp, key=KEY, progress=refuse)


@pytest.mark.parametrize("flow", [EquilibriumFlow(), PolynomialFlow(), SkewFlow()])
def test_transitions_are_read_before_a_score_is_trained(flow):
    wrong = nq.Trajectories(RNG.normal(size=(3, 2, 3)), [0.0, 1.0])
    with pytest.raises(InvalidInput, match="shape"):
        flow.fit(PLANE, key=KEY, transitions=wrong, progress=refuse)


def test_transitions_go_the_short_way_around_a_torus():
    circle = nq.Torus(2 * np.pi)
    states = nq.Snapshots(RNG.uniform(0, 6, size=(50, 2)).astype(np.float32), domain=circle)
    seam = np.array([[[6.2, 3.0], [0.1, 2.5]]], np.float32)
    normaliser = Normaliser(summarise(states))
    pairs = pairs_of(nq.Trajectories(seam, [0.0, 0.5], domain=circle), normaliser, "test")
    moved = pairs.step[0] * normaliser.scale.value
    np.testing.assert_allclose(moved, [0.1 + 2 * np.pi - 6.2, -0.5], atol=1e-5)
    np.testing.assert_allclose(pairs.rate, 2 * pairs.step, rtol=1e-6)


def test_a_known_motion_is_read_before_a_score_is_trained():
    with pytest.raises(InvalidInput, match="known moves"):
        EquilibriumFlow().fit(PLANE, key=KEY, known=nq.systems.Lorenz(), progress=refuse)
    with pytest.raises(MissingTrait):
        EquilibriumFlow().fit(PLANE, key=KEY, known=3, progress=refuse)


def frames(shift, spread):
    """Twenty times of 100 states whose mean and spread move so much over all of them."""
    rng = np.random.default_rng(2)
    steps = np.linspace(0, 1, 20)[:, None, None]
    x = rng.normal(size=(20, 100, 2))
    x[..., 1:] = x[..., 1:] * (1 + spread * steps) + shift * steps
    return nq.Snapshots.from_frames(list(x), np.arange(20.0))


def test_a_steady_law_of_several_times_is_named():
    """A steady law is taken for a moving one once in 100 laws."""
    with pytest.warns(SteadyLaw, match="20 times"):
        assert steady_law(frames(0.0, 0.0), "test")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert steady_law(frames(2.0, 0.0), "test") == []
        assert steady_law(frames(0.0, 2.0), "test") == []
        assert steady_law(nq.Snapshots(PLANE), "test") == []
