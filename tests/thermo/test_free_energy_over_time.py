"""Free energies of laws that change with time, from an energy known up to a constant of each time."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.domains import Free
from noneq.errors import InvalidInput, MissingTrait, WrongType
from noneq.systems import Prinz
from noneq.thermo import free_energy_over_time
from noneq.traits import AbstractModel, HasEnergy


WELLS = Prinz.quintuple()
TRUTH = {0.0: -0.832875, 0.25: -0.890412, 0.5: -0.832875, 0.75: -0.751782}
"""−ln Z/β of the breathing wells."""
TIMES = np.arange(0, 0.76, 0.05)


class Learnt(AbstractModel, HasEnergy):
    """β V of the wells as a fit knows it: with a constant of each time, and errors of its shape."""

    wells: Prinz
    error: float = 0.0

    @classmethod
    def of(cls, wells, error=0.0):
        return cls(wells=wells, error=error)  # pyright: ignore[reportCallIssue]

    event_shape = (2,)  # pyright: ignore[reportAssignmentType]
    domain = Free()  # pyright: ignore[reportAssignmentType]

    def energy(self, x, *, time: Any = None, condition=None):
        wrong = self.error * jnp.sin(3 * x[0] + 2 * jnp.asarray(time))
        return self.wells.beta * self.wells.potential(time, x) + 40 * jnp.sin(5 * time) + wrong

    def sample(self, n, *, time=None, condition=None, key):
        raise NotImplementedError

    def snapshots(self, n, *, times, condition=None, key):
        raise NotImplementedError


def states(wells, times, n, rng):
    """Draws of e^{−βV}/Z at each time, from a grid."""
    axis = np.linspace(-2.5, 2.5, 201)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    frames = []
    for t in times:
        v = np.asarray(jax.vmap(wells.potential, (None, 0))(t, jnp.asarray(grid, jnp.float32)))
        share = np.exp(-wells.beta * (v.astype(float) - v.min()))
        chosen = rng.choice(len(grid), n, p=share / share.sum())
        frames.append(grid[chosen] + rng.uniform(-0.0125, 0.0125, (n, 2)))
    return nq.Snapshots.from_frames(frames, times)


@pytest.fixture(scope="module")
def breathing():
    return states(WELLS, TIMES, 20_000, np.random.default_rng(5))


def at(found, times):
    return found.value[np.searchsorted(TIMES + 1e-9, times)] / WELLS.beta


def test_the_breathing_wells(breathing):
    start = TRUTH[0.0] * WELLS.beta
    found = free_energy_over_time(Learnt.of(WELLS), breathing, reference=WELLS, start=start)
    np.testing.assert_allclose(at(found, list(TRUTH)), list(TRUTH.values()), atol=0.015)
    z = (found.value[5] - TRUTH[0.25] * WELLS.beta) / found.stderr[5]
    assert abs(z) < 5
    # The constant of the learnt energy is not that of V: without a reference F has it.
    plain = free_energy_over_time(Learnt.of(WELLS), breathing, start=start)
    constant = 40 * (np.sin(5 * TIMES))
    np.testing.assert_allclose(plain.value, found.value + constant, atol=0.4)


def test_errors_of_the_energy_matter_little(breathing):
    """An error of 0.3 kT everywhere, and F within half of it: only ∂_t p couples to it."""
    right, wrong = (
        free_energy_over_time(Learnt.of(WELLS, e), breathing, reference=WELLS).value
        for e in (0.0, 0.3)
    )
    assert np.abs(wrong - right).max() < 0.15


def test_turning_wells_keep_their_free_energy():
    wells = Prinz(beta=5.0, radius=1.5, half_width=2.5)
    data = states(wells, TIMES[:6], 1000, np.random.default_rng(1))
    found = free_energy_over_time(Learnt.of(wells), data, reference=wells)
    assert np.abs(found.value[1:] / found.stderr[1:]).max() < 5
    assert found.stderr[1:].max() < 0.2


def test_frames_of_one_path_err_together(breathing):
    """Eight copies of each path say no more than one."""
    frames = breathing.values.reshape(len(TIMES), 20_000, 2).transpose(1, 0, 2)[:100]
    one = nq.Trajectories(frames, TIMES)
    still = nq.Trajectories(np.repeat(frames[:, :1], len(TIMES), 1), TIMES)
    found = free_energy_over_time(Learnt.of(WELLS), one)
    stuck = free_energy_over_time(Learnt.of(WELLS), still)
    loose = free_energy_over_time(Learnt.of(WELLS), still.snapshots())
    assert stuck.stderr[4] > 1.5 * loose.stderr[4]
    np.testing.assert_allclose(
        found.stderr[5],
        free_energy_over_time(Learnt.of(WELLS), one.snapshots()).stderr[5],
        rtol=0.4,
    )


def test_what_has_no_free_energy_over_time(breathing, rng):
    with pytest.raises(MissingTrait, match="HasEnergy"):
        free_energy_over_time(nq.load("tests/store/runs/ddpm").model, breathing)
    with pytest.raises(WrongType, match="expected a Snapshots"):
        free_energy_over_time(Learnt.of(WELLS), rng.normal(size=(4, 2)))
    with pytest.raises(InvalidInput, match="1 times"):
        free_energy_over_time(Learnt.of(WELLS), nq.Snapshots(rng.normal(size=(4, 2))))
    with pytest.raises(InvalidInput, match=r"shape \(3,\) for a model of shape \(2,\)"):
        free_energy_over_time(
            Learnt.of(WELLS), nq.Snapshots(rng.normal(size=(4, 3)), [0.0, 1.0], [0, 0, 1, 1])
        )
    with pytest.raises(WrongType, match="reference"):
        free_energy_over_time(Learnt.of(WELLS), breathing, reference=1.0)  # pyright: ignore[reportArgumentType]


@pytest.mark.slow
def test_the_breathing_wells_from_a_learnt_energy():
    """Denoising score matching of an energy network; the same truths.

    A network knows ∂_t E from its frames alone: every 0.05 the wells move by 1.5 of their widths and
    F is off by 0.2, so that there are four times as many frames here, of a quarter of the states.
    The noise of the objective widens the wells, by which F(3/4) is 0.03 off at sigma = 0.1.
    """
    times = np.arange(0, 0.7501, 0.0125)
    data = states(WELLS, times, 5_000, np.random.default_rng(5))
    method = nq.methods.EnergyBased(
        objective=nq.methods.DenoisingScoreMatching(sigma=0.07),
        training=nq.Training(steps=4000, batch=256),
    )
    model = method.fit(data, key=jax.random.key(0)).model
    found = free_energy_over_time(model, data, reference=WELLS, start=TRUTH[0.0] * WELLS.beta)
    value = found.value[np.searchsorted(times + 1e-9, list(TRUTH))] / WELLS.beta
    np.testing.assert_allclose(value, list(TRUTH.values()), atol=0.04)
