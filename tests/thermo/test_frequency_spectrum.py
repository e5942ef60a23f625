"""Entropy production by frequency against the cross-spectra of a linear process, in closed form."""

import numpy as np
import pytest
from scipy.linalg import expm, solve_continuous_lyapunov

import noneq as nq
from noneq.errors import InvalidInput
from noneq.thermo import frequency_spectrum, spectral_rate


A, D, DT = np.array([[2.0, -1.0], [-1.0, 2.0]]), np.diag([1.0, 10.0]), 0.1


def one_path(rng, D, frames):
    """Exact record of dX = −A X dt + √(2D) dW, and the law of its steps."""
    E, S = expm(-A * DT), solve_continuous_lyapunov(A, 2 * D)
    Q = S - E @ S @ E.T
    noise = rng.normal(size=(frames, 2)) @ np.linalg.cholesky(Q).T
    x = [np.linalg.cholesky(S) @ rng.normal(size=2)]
    for xi in noise[1:]:
        x.append(E @ x[-1] + xi)
    return nq.Trajectories(np.stack(x)[None], DT * np.arange(frames)), E, Q


def exact(E, Q, omega, width):
    """½ Tr[C(−ω)⁻¹ C(ω) + C(ω)⁻¹ C(−ω)] − 2 over a band of that width in cycles per time."""
    turn = np.linalg.inv(np.eye(2) - E * np.exp(-1j * omega * DT))
    C = turn @ Q @ turn.conj().T
    both = np.trace(np.linalg.solve(C.conj(), C) + np.linalg.solve(C, C.conj()))
    return (both.real / 2 - 2) * width


def test_beads_by_frequency(rng):
    data, E, Q = one_path(rng, D, 50_000)
    found = frequency_spectrum(data)
    width = 1 / (256 * DT)
    bands = np.array([exact(E, Q, 2 * np.pi * f, width) for f in found.frequency])
    # The bands of the closed form add up to the divergence of pairs of frames.
    assert bands.sum() == pytest.approx(1.6360, abs=2e-3)
    assert abs(found.total.value - 1.6360) < 4 * found.total.stderr + 0.05 * 1.6360
    # Broken twin: the value of continuous time.
    assert abs(found.total.value - 2.025) > 4 * found.total.stderr
    # Half of it is below a sixth of a turn per unit time, and so it is measured.
    half = found.frequency < np.interp(0.5, np.cumsum(bands) / bands.sum(), found.frequency)
    share = found.rate.value[half].sum() / found.total.value
    assert 0.35 < share < 0.6


def test_equilibrium_has_none_at_any_frequency(rng):
    found = frequency_spectrum(one_path(rng, np.eye(2), 20_000)[0])
    assert abs(found.total.z(0.0)) < 5
    assert np.abs(found.rate.z(0.0)).max() < 7


def test_fields_by_wave_vector_and_frequency(key):
    fields = nq.systems.NonreciprocalFields(sites=8, w=0.8)
    data = nq.simulate(fields, np.arange(0, 20, 0.05), n=40, key=key)
    found, whole = frequency_spectrum(data, segment=128), spectral_rate(data)
    assert found.rate.value.shape == (5, 63)
    assert found.wave_vector.shape == (5, 1)
    assert 0.75 < found.total.value / whole.value < 1.1
    assert found.rate.value.sum() == pytest.approx(float(found.total.value), rel=1e-9)


@pytest.mark.parametrize(
    ("what", "text"),
    [("short", "stretches"), ("odd", "even number"), ("copy", "a copy"), ("ring", "cos and sin")],
)
def test_what_has_no_spectrum(rng, what, text):
    x = np.cumsum(rng.normal(size=(20, 512, 2)), 1) % 1.0
    domain = nq.Torus(1.0) if what == "ring" else None
    if what == "copy":
        x[..., 1] = x[..., 0]
    frames = 100 if what == "short" else 512
    data = nq.Trajectories(x[:, :frames], np.arange(frames), domain=domain)
    with pytest.raises(InvalidInput, match=text):
        frequency_spectrum(data, segment=7 if what == "odd" else 256)
