"""Many PDEs: what is returned has their dispersion relation, in every direction and at every scale."""

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.pde import PDE, judge, process, smoothing_factors
from noneq.pde.positivity import threshold
from noneq.processes import Fixed, Helmholtz, InverseGamma, InverseGaussian, Stable, Telegraph


K = np.array([0.05, 0.3, 1.0, 2.5, 8.0])
SWEEP = [
    # PDE, parameters, law of the process
    ("u_t = lap(u)", {}, Fixed),
    ("u_t = D*lap(u) - c*grad(u) - r*u", {"D": 0.3, "c": 50.0, "r": 7.0}, Fixed),
    ("3*u_t = lap(u) + u", {}, Fixed),
    ("u_t + 1e6*u_x = u_xx", {"dim": 1}, Fixed),
    ("u_t = -flap(u, a)", {"a": 0.7}, Stable),
    ("u_t = -flap(u, a) + c*grad(u)", {"a": 1.3, "c": 2.0}, Stable),
    ("u_t = -flap(u, 1)", {}, InverseGamma),
    ("u_tt + 4*lap(u) = 0", {"dim": 3}, InverseGamma),
    ("u_tt + lap(u) - m**2*u = 0", {"m": 0.2}, InverseGaussian),
    ("u_tt + lap(u) - m**2*u = 0", {"m": 2e3}, InverseGaussian),
    ("u_tt + lap(u) - m**2*u = 0", {"m": 1e8}, Fixed),
    ("u_tt + b*u_t + lap(u) = 0", {"b": 2.0}, InverseGaussian),
    # odd derivatives
    ("u_t = lap(u) + c*grad(lap(u))", {"c": 0.1}, None),
    ("u_t = u_xx + c*u_xxx", {"c": 0.05, "dim": 1}, None),
    ("u_t = u_xx + u_xxx", {"dim": 1}, None),
    ("u_t = -u_xxx", {"dim": 1}, None),
    ("u_t = u_xx - u_xxxx - u_xxx", {"dim": 1}, None),
    ("u_t + flap(u_x, 0.5) = u_xx", {"dim": 1}, None),
    ("u_tt + lap(u) + grad(u) = 0", {}, None),
    # time and space mixed
    ("u_t + u_tx = u_xx", {"dim": 1}, None),
    ("u_t + a*grad(u_t) = lap(u)", {"a": 1.0}, None),
    ("u_t - lap(u_t) = lap(u)", {}, None),
    ("u_tt + 2*u_t + u_tx = u_xx", {"dim": 1}, None),
    ("u_tt + u_tx + u_xx = 0", {"dim": 1}, None),
    ("u_tt + 2*u_t + u_tx + u_xx = 0", {"dim": 1}, None),
    ("u_tt + u_t = lap(u) + 0.3*lap(u_t)", {}, None),
    # complex symbols
    ("u_t = (1 + 0.5*I)*lap(u)", {}, None),
    ("u_t = lap(u) + I*grad(u)", {}, None),
    ("u_t = -(1 + I)*flap(u, 1)", {}, None),
    # sums of powers
    ("u_t = lap(u) - flap(u, 1)", {}, None),
    ("u_t = lap(u) - 1e-3*lap(lap(u))", {}, None),
]


def cosines(dim):
    return np.array([-1.0, 1.0]) if dim == 1 else np.linspace(-1.0, 1.0, 7)


def rates(pde, k, q):
    """The root lam of the PDE's polynomial in lam; of two, the one that does not blow up."""
    found = np.sort_complex(np.roots([a.item() for a in pde.coefficients(k, q)][::-1]))
    elliptic = pde.order == 2 and np.roots(np.ravel(pde.coefficients(1e9))[::-1]).real.max() > 1
    return found[0] if elliptic else found[-1]


def symbol(law, k, sigma):
    """Characteristic function of the kernel at noise level sigma."""
    if isinstance(law, Fixed):
        return np.exp(-((sigma * k) ** 2) / 2)
    if isinstance(law, InverseGamma):
        return np.exp(-sigma * k)
    if isinstance(law, Stable):
        return np.exp(-((sigma**2 / 2) ** (law.exponent / 2)) * k**law.exponent)
    m = law.mass
    z = (m * sigma**2 + np.sqrt((m * sigma**2) ** 2 + 4 * sigma**2)) / 2
    return np.exp(-z * k**2 / (np.sqrt(k**2 + m**2) + m))


@pytest.mark.parametrize("scale", [1.0, 20.0])
@pytest.mark.parametrize(("text", "values", "law"), [row for row in SWEEP if row[2]])
def test_a_process_has_the_dispersion_relation_of_its_pde(text, values, law, scale):
    pde = PDE(text, **values)
    found = process(pde, scale=scale).law
    assert isinstance(found, law)
    drift = 1e6 if "1e6" in text else values.get("c", 0.0) * (-1 if "+ c" in text else 1)
    mean, kept = rates(pde, 0.0, 0.0), 0
    for sigma in (0.2, 1.5):
        kernel = symbol(found, K, sigma)
        for cosine in cosines(pde.dim):
            k, q = K / scale, K / scale * cosine
            exact = [rates(pde, *wave) for wave in zip(k, q, strict=True)] - mean
            moving = exact + 1j * drift * q
            t = np.log(kernel[2]) / min(moving[2].real, -1e-300)
            # Of heavy masses a difference of two large rates is left, and its rounding.
            rounding = 1e-15 * t * (abs(mean) + abs(drift) * abs(q).max())
            if rounding < 1e-4:
                error = 1e-5 + 10 * rounding
                np.testing.assert_allclose(np.exp(t * moving), kernel, rtol=0, atol=error)
                kept += 1
    assert kept or values["m"] == 1e8


@pytest.mark.parametrize(("text", "values"), [row[:2] for row in SWEEP if not row[2]])
def test_other_pdes_yield_none_and_say_why(text, values):
    with pytest.raises(InvalidInput, match="has its kernel|yields no process"):
        process(PDE(text, **values))


@pytest.mark.parametrize(("text", "values", "law"), SWEEP)
def test_the_smoothing_table_is_the_real_part_of_the_symbol(text, values, law):
    pde = PDE(text, **values)
    mean = rates(pde, 0.0, 0.0).real
    decays = [[rates(pde, k, k * c).real - mean for c in cosines(pde.dim)] for k in K]
    t = 1 / max(np.max(np.abs(decays)), 1e-9)
    exact = np.exp(t * np.max(decays, axis=1))
    rounding = 1e-15 * abs(mean) * t
    np.testing.assert_allclose(smoothing_factors(pde, K, t), exact, atol=1e-9 + 10 * rounding)


def test_smoothing_of_a_mixed_derivative():
    """lam = −k²/(1 + ik), Re lam = −k²/(1 + k²)."""
    found = smoothing_factors(PDE("u_t + u_tx = u_xx", dim=1), [1.0, 4.0], 2.0)
    np.testing.assert_allclose(found, [np.exp(-1), np.exp(-32 / 17)], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "dim", "value"),
    [
        ("u_t = -u_xxx", 1, 0),
        ("u_t + 7*u_x = -u_xxx - 3*u", 1, 0),
        ("u_t = -grad(lap(u))", 2, 0),
        ("u_t = -u_xxxx", 1, 0),
        ("u_t = flap(grad(u), 1)", 1, 0),
        ("u_tt = u_xx", 1, 1),
    ],
)
def test_without_a_length_there_is_no_threshold(text, dim, value):
    """By dimensional analysis such kernels are the same at all scales."""
    pde = PDE(text, dim=dim)
    for scale in (0.01, 1.0, 300.0):
        assert threshold(pde, scale).scale in (0.0, np.inf)
        c1 = judge(pde, scale=scale).c1
        assert (c1.value, c1.condition) == (value, None)


@pytest.mark.parametrize(
    ("text", "power"), [("u_t = u_xx + c*u_xxx", 1), ("u_t = u_xx - c*u_xxxx", 2)]
)
def test_thresholds_scale_with_the_length_of_the_pde(text, power):
    length = 300.0
    small, large = (threshold(PDE(text, dim=1, c=c), 1.0).scale for c in (1.0, length**power))
    assert large == pytest.approx(small * length, rel=0.02)


@pytest.mark.parametrize("mass", [1.0, 1e3, 1e4, 1e6, 1e8])
def test_a_heavy_yukawa_field_is_judged_without_rounding(mass):
    pde = PDE("u_tt + lap(u) - m**2*u", m=mass)
    verdict = judge(pde)
    assert (verdict.c1.value, verdict.c2.value, verdict.s_generative.value) == (1, 1, 1)
    found = process(pde).law
    if mass < 1e5:
        assert found.mass == pytest.approx(mass, rel=1e-5)
    np.testing.assert_allclose(
        smoothing_factors(pde, K, 2 * mass),
        np.exp(-2 * mass * K**2 / (np.sqrt(K**2 + mass**2) + mass)),
        rtol=1e-9,
    )


def test_the_walk_and_the_box_have_the_lengths_of_their_pde():
    walk = process(PDE("u_tt + 2*eps*u_t - 9*lap(u)", dim=1, eps=6.0), scale=2.0)
    assert isinstance(walk, Telegraph)
    assert walk.damping == pytest.approx(4.0)
    boxed = process(PDE("u_tt + 4*lap(u) + k0**2*u", k0=1.0), box=8.0)
    assert isinstance(boxed, Helmholtz)
    assert boxed.cutoff == pytest.approx(0.5)
