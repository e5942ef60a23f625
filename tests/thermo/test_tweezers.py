"""Optical tweezers: the trap from its spectrum, the drag at a wall, work of pulls, units."""

import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.thermo import pulling_work, trap_calibration, units
from noneq.thermo.tweezers.drag import stokes_drag
from noneq.thermo.tweezers.spectrum import periodogram, trap_spectrum


CORNER, DIFFUSION, DT = 200.0, 5e5, 1e-3
"""Hz, nm²/s, s: 1.3 relaxation times a frame, so that nothing is a plain Lorentzian."""
RATE = 2 * np.pi * CORNER
KT = 0.01380649 * 298.15


def positions(rng, paths, frames, *, parts=1, noise=0.0):
    """A bead in a trap, averaged over ``parts`` exact steps a frame."""
    decay = np.exp(-RATE * DT / parts)
    spread = np.sqrt(DIFFUSION / RATE)
    steps = rng.normal(size=(frames * parts, paths)) * spread * np.sqrt(1 - decay**2)
    x = np.empty_like(steps)
    x[0] = spread * rng.normal(size=paths)
    for i in range(1, len(x)):
        x[i] = decay * x[i - 1] + steps[i]
    seen = x.reshape(frames, parts, paths).mean(1).T
    return seen + noise * rng.normal(size=seen.shape)


def record(values, **labels):
    labels = {"names": ["x"], "units": ["nm"], "time_unit": "s"} | labels
    return nq.Trajectories(values[..., None], np.arange(values.shape[1]) * DT, **labels)


def test_the_spectrum_is_that_of_the_recorded_positions(rng):
    """Mean periodogram over model, with and without blur; a plain Lorentzian fails."""
    for parts, exposure in ((1, 0.0), (16, DT)):
        frequency, power = periodogram(positions(rng, 400, 128, parts=parts), DT)
        model = trap_spectrum(frequency, CORNER, DIFFUSION, DT, exposure=exposure)
        ratio = (power / model)[3:]  # the first ones carry the leakage of short records
        np.testing.assert_allclose(ratio, 1, atol=5 / np.sqrt(400) + 0.02)
        assert abs(ratio.mean() - 1) < 0.03
        plain = DIFFUSION / (2 * np.pi**2 * (CORNER**2 + frequency**2))
        assert abs((power / plain)[3:].mean() - 1) > 0.1
    assert trap_spectrum(np.array([100.0]), CORNER, 1.0, 1e-6) == pytest.approx(
        1 / (2 * np.pi**2 * (CORNER**2 + 1e4)), rel=1e-4
    )


@pytest.mark.stat
@pytest.mark.parametrize("blur", [False, True])
def test_calibration_covers_the_truth(rng, blur):
    truth = (CORNER, DIFFUSION, RATE * KT / DIFFUSION, 1 / RATE)
    z = []
    for path in positions(rng, 40, 1024, parts=16 if blur else 1):
        found = trap_calibration(record(path[None]), exposure=DT if blur else 0.0)
        parts = (found.corner_frequency, found.diffusion, found.stiffness, found.relaxation_time)
        z.append([float(part.z(value)) for part, value in zip(parts, truth, strict=True)])
    assert (np.abs(np.mean(z, axis=0)) < 4 / np.sqrt(40)).all()
    assert (np.abs(np.std(z, axis=0) - 1) < 0.4).all()
    assert found.corner_frequency.unit == "Hz"
    assert found.stiffness.unit == "pN/nm"
    assert found.diffusion.unit == "nm^2/s"


@pytest.mark.stat
def test_blur_and_noise_that_are_not_modelled_bias(rng):
    data = record(positions(rng, 20, 1024, parts=16, noise=6.0))
    right = trap_calibration(data, exposure=DT, fit_noise=True)
    assert abs(right.corner_frequency.z(CORNER)) < 4
    assert right.noise is not None
    assert abs(right.noise.z(6.0)) < 4
    assert right.p_value > 1e-4
    assert abs(trap_calibration(data).diffusion.z(DIFFUSION)) > 4


def test_volts_become_nanometres(rng):
    """A sphere whose drag gives the diffusion, recorded in volts of 100 nm."""
    radius = KT / (6 * np.pi * 8.9e-10 * DIFFUSION)
    volts = record(positions(rng, 8, 1024) / 100, units=["V"])
    found = trap_calibration(volts, radius=radius)
    assert abs(found.conversion.z(100.0)) < 4
    assert found.conversion.unit == "nm/V"
    assert abs(found.converted_stiffness.z(RATE * KT / DIFFUSION)) < 4
    assert found.stiffness.unit == "kT/V^2"
    near = trap_calibration(volts, radius=radius, height=1.5 * radius)
    slower = stokes_drag(radius, height=1.5 * radius) / stokes_drag(radius)
    np.testing.assert_allclose(near.conversion.value, found.conversion.value / np.sqrt(slower))


def brenner(ratio):
    """Brenner's series for the drag towards a wall."""
    a, n = np.arccosh(1 / ratio), np.arange(1, 100)
    top = 2 * np.sinh((2 * n + 1) * a) + (2 * n + 1) * np.sinh(2 * a)
    bottom = 4 * np.sinh((n + 0.5) * a) ** 2 - (2 * n + 1) ** 2 * np.sinh(a) ** 2
    terms = n * (n + 1) / ((2 * n - 1) * (2 * n + 3)) * (top / bottom - 1)
    return 4 / 3 * np.sinh(a) * terms.sum()


def test_drag_near_a_wall():
    # 6π η a for 500 nm in water: 8.388 nN s/m.
    assert stokes_drag(500.0) == pytest.approx(8.388e-6, rel=1e-3)
    for ratio in (0.2, 0.5, 0.8):
        up = stokes_drag(ratio, height=1.0, perpendicular=True) / stokes_drag(ratio)
        assert up == pytest.approx(brenner(ratio), rel=2e-3)
        along = stokes_drag(ratio, height=1.0) / stokes_drag(ratio)
        assert 1 < along < up
    assert stokes_drag(0.01, height=1.0) / stokes_drag(0.01) == pytest.approx(1.0057, abs=1e-4)
    with pytest.raises(InvalidInput, match="above one radius"):
        stokes_drag(500.0, height=400.0)


def test_bad_records(rng):
    x = positions(rng, 1, 128)
    good = record(x)
    with pytest.raises(InvalidInput, match="at least 64"):
        trap_calibration(good.frames(np.arange(50)))
    with pytest.raises(InvalidInput, match="uneven"):
        trap_calibration(good.frames(np.r_[0:60, 64:128]))
    with pytest.raises(InvalidInput, match="exposure = 1"):
        trap_calibration(good, exposure=1.0)
    with pytest.raises(InvalidInput, match="never changes"):
        trap_calibration(record(np.ones((1, 128))))
    with pytest.raises(InvalidInput, match="coordinate = 3"):
        trap_calibration(good, coordinate=3)
    with pytest.raises(InvalidInput, match="unit of time is missing"):
        trap_calibration(record(x, time_unit=""), radius=500.0)
    with pytest.warns(UserWarning, match="record faster"):
        trap_calibration(record(rng.normal(size=(1, 1024))))


def cycles(count=3, friction=0.5):
    """A spring of 0.1 pN/nm stretched from 100 to 150 nm and back, with a loss in each stroke."""
    up = np.linspace(100, 150, 101)
    x = np.concatenate([np.concatenate([up, up[-2:0:-1]])] * count + [[100.0]])
    force = 0.1 * (x - 100) + friction * np.sign(np.gradient(x))
    return force, x


LABELS = {"names": ["force", "extension"], "units": ["pN", "um"]}


def test_work_of_cycles_in_one_record():
    force, x = cycles()
    data = nq.Trajectories(np.stack([force, x / 1e3], -1)[None], np.arange(x.size), **LABELS)
    found = pulling_work(data, temperature=None)
    np.testing.assert_allclose(found.forward, 125 + 25, rtol=5e-3)
    np.testing.assert_allclose(found.backward, -125 + 25, rtol=5e-3)
    assert found.forward.size == found.backward.size == 3
    assert found.unit == "pN nm"
    assert float(found.hysteresis.value) == pytest.approx(50, rel=0.01)
    np.testing.assert_allclose(pulling_work(data).forward, found.forward / KT)
    half = pulling_work(data, temperature=None, between=(0.1, 0.125))
    np.testing.assert_allclose(half.forward, 31.25 + 12.5, rtol=5e-3)


def test_pulls_as_records_of_their_own():
    """Directions by sign or by a condition; short ones are dropped; the trap's own stretch."""
    up = np.linspace(100, 150, 26)
    rows = [(0.1 * (x - 100), x) for x in (up, up[::-1], up)]
    short = np.where(np.arange(26) < 20, up, up[19])
    rows.append((0.1 * (short - 100), short))
    data = nq.Trajectories(
        np.stack([np.stack([f, x / 1e3], -1) for f, x in rows]),
        np.arange(26.0),
        condition=["pull", "relax", "pull", "pull"],
        condition_names=["way"],
        **LABELS,
    )
    for direction in (None, "way"):
        found = pulling_work(data, direction=direction, temperature=None)
        np.testing.assert_allclose(found.forward, [125, 125], rtol=1e-5)
        np.testing.assert_allclose(found.backward, [-125], rtol=1e-5)
        assert found.dropped == 1
        assert found.hysteresis is None
    # λ = x + F/k adds F²/2k = 5²/(2·0.2) to every stretch.
    stiff = pulling_work(data, stiffness=0.2, temperature=None)
    np.testing.assert_allclose(stiff.forward, 125 + 62.5, rtol=1e-5)


def test_bad_pulls():
    force, x = cycles(1)
    make = lambda **labels: nq.Trajectories(
        np.stack([force, x], -1)[None], np.arange(x.size), **(LABELS | labels)
    )
    with pytest.raises(InvalidInput, match="no coordinate is called 'force'; there are F, d"):
        pulling_work(make(names=["F", "d"]))
    with pytest.raises(InvalidInput, match="unit of force is missing; say which of n, mn"):
        pulling_work(make(units=["", "nm"]))
    with pytest.raises(InvalidInput, match="none of 2 pulls covers"):
        pulling_work(make(units=["pN", "nm"]), between=(90.0, 160.0))
    with pytest.raises(InvalidInput, match="no condition is called 'way'"):
        pulling_work(make(), direction="way")
    with pytest.raises(InvalidInput, match="give kelvin"):
        pulling_work(make(), temperature=-3.0)


def test_units():
    assert units.thermal_energy() == pytest.approx(4.116, abs=1e-3)
    assert float(units.energy_over_kT(2.479, "kJ/mol")) == pytest.approx(1.0, rel=1e-3)
    assert float(units.energy_over_kT(0.5925, "kcal/mol")) == pytest.approx(1.0, rel=1e-3)
    assert units.size_of("µm", "length") == units.size_of("μm", "length") == 1e3
    data = record(np.zeros((1, 3)) + np.arange(3.0))
    rate = Estimate(np.asarray(2.0), np.asarray(0.5), np.asarray(9), limit=np.asarray(3.0))
    assert units.as_entropy_rate(rate, data).unit == "k_B/s"
    power = units.as_power(rate, data, temperature=298.15)
    assert str(power) == "8.233 ± 2.1 pN nm/s"
    assert float(power.limit) == pytest.approx(3 * KT)
    assert units.as_power(rate, data).unit == "kT/s"
    with pytest.raises(InvalidInput, match="no unit of energy known"):
        units.energy_over_kT(1.0, "bananas")
