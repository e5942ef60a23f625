"""Optimal protocols against closed forms: traps, double wells, erasure, slow driving."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.control import (
    best_breathing,
    best_dragging,
    best_equilibration,
    bit_erasure,
    friction_tensor,
    geodesic,
    least_work,
    least_work_by_map,
    line_friction,
    slow_protocol,
    swift_breathing,
    swift_dragging,
    thermodynamic_length,
)
from noneq.errors import InvalidInput
from noneq.statistics.work.line_laws import LineLaw, boltzmann_line, monotone_map, stratified_mean
from noneq.systems import (
    BreathingTrap,
    DoubleWell,
    DraggedTrap,
    Driven,
    DrivenRing,
    Langevin,
    Protocol,
    Swirl,
    TiltedWell,
)
from noneq.thermo import work
from noneq.thermo.exact import (
    breathing_work,
    dragged_work_along,
    least_breathing_work,
    least_dragged_work,
    least_equilibration_work,
    least_inertial_work,
)


def test_protocols_of_traps_take_what_their_closed_forms_say():
    best = best_breathing()
    assert float(best(0.0)) == pytest.approx(1.39237, abs=1e-4)
    assert float(best.before(1.0)) == pytest.approx(3.35425, abs=1e-4)
    assert (float(best.before(0.0)), float(best(1.0))) == (1.0, 4.0)
    for tau, least in ((0.1, 1.320628), (1.0, 0.890572), (10.0, 0.717533)):
        assert breathing_work(best_breathing(duration=tau)) == pytest.approx(least, abs=2e-6)
    # Another temperature, and a trap that is softened.
    other = breathing_work(best_breathing(2.0, 0.5, 0.7, beta=3.0), beta=3.0)
    assert other == pytest.approx(least_breathing_work(2.0, 0.5, 0.7, 3.0), abs=1e-6)
    drag = best_dragging(2.0, 0.5, stiffness=3.0, start=1.0)
    assert dragged_work_along(drag, 3.0)[0] == pytest.approx(
        least_dragged_work(2.0, 0.5, 3.0), rel=1e-6
    )
    assert best_dragging().values == pytest.approx((0, 1 / 3, 2 / 3, 1))


def test_ends_in_equilibrium():
    rest = np.log(4) / 2
    found = breathing_work(best_equilibration())
    assert found == pytest.approx(least_equilibration_work(), abs=1e-5)
    assert found - rest == pytest.approx(0.25, abs=1e-5)
    swift = swift_breathing()
    assert breathing_work(swift) - rest == pytest.approx(0.34238, abs=1e-5)
    assert swift.jumps == ()
    assert (float(swift(0.0)), float(swift(1.0))) == pytest.approx((1.0, 4.0), abs=1e-6)
    assert dragged_work_along(swift_dragging())[0] == pytest.approx(1.2, rel=1e-4)
    # kL²/(2 + Q w0 tau): Q = 7, L = 5, 0.15 of a period.
    assert least_inertial_work(5.0, 0.3 * np.pi, 1.0, 1 / 7) == pytest.approx(2.90787, abs=1e-5)


def tilted(duration):
    return Driven(TiltedWell(), Protocol((0.0, duration), (0.0, 3.0)), "tilt")


def test_least_work_on_a_line():
    for tau, least in ((0.25, -0.31384), (1.0, -1.00831), (4.0, -1.88471)):
        found = least_work(tilted(tau))
        assert found.work == pytest.approx(least, abs=3e-5)
        assert found.free_energy == pytest.approx(-2.283558, abs=1e-5)
        # The costs at equilibrium are an upper bound, and close in long times.
        assert found.dissipated > 0
        assert found.at_equilibrium > found.work
    trap = least_work(BreathingTrap())
    assert trap.work == pytest.approx(0.890572, abs=1e-5)
    assert trap.at_equilibrium == pytest.approx(least_equilibration_work(), abs=1e-5)


@pytest.mark.slow
@pytest.mark.stat
def test_the_driving_reaches_the_least_work_and_needs_its_jump(key):
    found = least_work(DraggedTrap(Protocol((0.0, 1.0), (0.0, 1.0))))
    driving = found.driving
    paths = nq.simulate(driving, np.linspace(0, 1, 26), n=6000, key=key)
    mean = nq.estimate.sample_mean(work(paths, driving, check=False))
    assert found.work == pytest.approx(1 / 3, abs=1e-5)
    assert abs(mean.z(found.work)) < 5
    assert mean.stderr < 0.02
    # The last jump alone: without it the work is another one.
    inside = nq.estimate.sample_mean(work(paths.frames(np.arange(25)), driving, check=False))
    assert abs(inside.z(found.work)) > 5


def test_erasure():
    """W₂² of the double well and its right half, and Landauer's ln 2."""
    for barrier, square in ((4.0, 1.475925), (8.0, 1.701744)):
        found = bit_erasure(DoubleWell(1.0, barrier), 5.0)
        assert found.distance**2 == pytest.approx(square, abs=1e-4)
        assert found.landauer == pytest.approx(np.log(2), abs=1e-4)
        assert found.work == pytest.approx(np.log(2) + square / 5, abs=1e-4)
        # What the smooth target leaves behind costs less, by no more than its entropy.
        assert 0 < found.left < 1e-3
        assert 0 < found.work - found.expected < 0.003
    left = bit_erasure(TiltedWell(tilt=-1.0), 5.0, keep="left")
    assert left.landauer < 0.5


def test_monotone_maps_carry_laws():
    law = boltzmann_line(lambda x: x**2 / 2, 1.0)
    other = boltzmann_line(lambda x: 2 * (x - 1) ** 2, 1.0)
    image = monotone_map(law, other)
    seen = np.abs(law.x) < 4
    np.testing.assert_allclose(image[seen], 1 + law.x[seen] / 2, atol=1e-3)
    assert law.log_normaliser == pytest.approx(np.log(2 * np.pi) / 2, abs=1e-6)
    assert isinstance(law, LineLaw)


def test_stratified_means_know_their_error():
    law = boltzmann_line(lambda x: x**2 / 2, 1.0)
    found = [stratified_mean(np.exp(law.draw(200, seed))) for seed in range(300)]
    spread = np.std([float(one.value) for one in found])
    said = np.sqrt(np.mean([float(one.stderr) ** 2 for one in found]))
    assert spread < 0.05  # independent draws: 0.15
    assert spread / 1.5 < said < 3 * spread


@pytest.mark.stat
def test_friction_of_a_stiffness(key):
    """ζ of a barrier, by quadrature and from paths at rest."""
    well = DoubleWell(beta=2.0)
    exact = line_friction(well, "barrier")
    found = friction_tensor(well, ("barrier",), duration=10.0, n=96, frames=401, key=key)
    assert abs(found.value[0, 0] - exact) < 5 * found.stderr[0, 0]
    assert found.stderr[0, 0] < 0.15 * exact
    with pytest.raises(InvalidInput, match="did you mean barrier"):
        friction_tensor(well, ("barier",), duration=40.0, key=key)


def test_slow_protocols_and_geodesics():
    values = np.linspace(1.0, 4.0, 33)
    zeta = values**-3 / 4
    length = thermodynamic_length(values, zeta)
    assert length == pytest.approx(0.5, abs=1e-3)
    slow = breathing_work(slow_protocol(values, zeta, 50.0)) - np.log(2)
    linear = breathing_work(Protocol((0.0, 50.0), (1.0, 4.0))) - np.log(2)
    assert slow == pytest.approx(length**2 / 50, rel=0.03)
    assert linear > 1.2 * slow
    # A plane in polar coordinates: the chord of a right angle, which bends inwards.
    path, whole = geodesic(
        lambda x: jnp.diag(jnp.stack([jnp.ones(()), x[0] ** 2])), [1.0, 0.0], [1.0, np.pi / 2]
    )
    assert whole == pytest.approx(np.sqrt(2), rel=2e-3)
    assert path[32, 0] == pytest.approx(np.sqrt(0.5), rel=5e-3)


@pytest.mark.slow
@pytest.mark.stat
def test_a_convex_layer_bounds_the_least_work_from_above(key):
    trap = BreathingTrap()
    found = least_work_by_map(trap, units=4, n=1000, steps=40, key=key)
    assert found.work.value > 0.890572 - 5 * found.work.stderr
    assert found.work.value < 0.92 + 5 * found.work.stderr
    jacobian = jax.vmap(found.driving.path.image.jacobian)(found.driving.starts[:200])
    assert float(jnp.linalg.eigvalsh(jacobian).min()) > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: least_work(Driven(Swirl(), parameter="q")), "states of shape"),
        (lambda: least_work(BreathingTrap(Protocol((0.0, 0.0), (1.0, 4.0)))), "takes no time"),
        (lambda: least_work(BreathingTrap(Protocol((0.0, 1.0), (1.0, -4.0)))), "no equilibrium"),
        (
            lambda: least_work(Driven(DrivenRing(), Protocol((0.0, 1.0), (1.0, 2.0)), "amplitude")),
            "lives on a Torus",
        ),
        (lambda: bit_erasure(DoubleWell(), -1.0), "must be > 0"),
        (lambda: bit_erasure(DoubleWell(), boundary=50.0), "put it between the wells"),
        (lambda: bit_erasure(Langevin(lambda x: x[0] ** 2, shape=1)), "no barrier"),
        (lambda: best_breathing(1.0, -4.0), "must be a finite number > 0"),
        (lambda: best_dragging(1.0, 0.0), "must be a finite number > 0"),
        (lambda: slow_protocol([1.0, 2.0, 1.5], [1.0, 1.0, 1.0], 1.0), "rise or fall"),
        (lambda: slow_protocol([1.0, 2.0], [1.0, -1.0], 1.0), "must be finite numbers > 0"),
        (lambda: geodesic(lambda x: x, [1.0, 2.0], [2.0, 1.0]), "expected"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
