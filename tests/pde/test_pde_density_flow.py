"""Density flow: texts derived, the identity symbolic and on a grid, wrong fluxes caught."""

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.pde import PDE, evolve, rewrite, zoo
from noneq.pde.density_flow import linear_flow, linear_residual
from noneq.pde.quadratic_flow import quadratic_flow, quadratic_residual


TABLE = {
    "diffusion": ("phi", "-D*grad(phi)", "0"),
    "poisson": ("-phi_t", "-grad(phi)", "0"),
    "yukawa": ("-phi_t", "-grad(phi)", "-m**2*phi"),
    "helmholtz": ("-phi_t", "-grad(phi)", "k0**2*phi"),
    "wave": ("phi_t", "-grad(phi)", "0"),
    "dissipative_wave": ("phi_t + 2*eps*phi", "-grad(phi)", "0"),
    "schrodinger": ("|phi|^2", "2*Im(conj(phi)*grad(phi))", "0"),
    "damped_schrodinger": (
        "|phi|^2",
        "2*Im(conj(phi)*grad(phi)) - g*grad(|phi|^2)",
        "-2*g*|grad(phi)|^2",
    ),
    "klein_gordon": ("phi_t", "-grad(phi)", "-m**2*phi"),
    "biharmonic": ("phi", "grad(lap(phi))", "0"),
    "fractional": ("phi", "-grad(flap(phi, a - 2))", "0"),
}
USER = {
    "advection": PDE("u_t + c*grad(u) - D*lap(u)", c=1, D=1),
    "kuramoto": PDE("u_t + lap(u) + lap(lap(u))"),
    "mixed": PDE("u_t - lap(u) + flap(u, 1)"),
    "telegraph": PDE("u_tt + 2*e*u_t + m**2*u - lap(u)", e=1, m=0.5),
    "viscous": PDE("u_tt - lap(u) - nu*lap(u_t)", nu=0.3),
    "turned": PDE("-u_tt - lap(u)"),
    "inertia": PDE("u_t - b*lap(u_t) + lap(lap(u)) - lap(u)", b=0.3),
    "complex parameter": PDE("u_t - D*lap(u) + r*u", D=1 + 0.5j, r=0.3),
    "complex": PDE(
        "I*u_t + (1 + .2*I)*lap(lap(u)) + (1 + .1*I)*grad(u) + (1 - .3*I)*lap(u) + .3*I*u"
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name):
    flow = rewrite(zoo()[name])
    assert (flow.density, flow.flux, flow.source) == TABLE[name]
    assert flow.quadratic == ("schrodinger" in name)


@pytest.mark.parametrize("pde", [*zoo().values(), *USER.values()], ids=[*TABLE, *USER])
def test_identity_holds(pde):
    assert rewrite(pde).residual == "0"


@pytest.mark.parametrize("name", ["diffusion", "yukawa", "dissipative_wave", "biharmonic"])
def test_wrong_flux_or_source_is_caught(name):
    pde = zoo()[name]
    flow = linear_flow(pde)
    flipped = tuple(t._replace(coefficient=-t.coefficient) for t in flow.gradients)
    assert linear_residual(pde, flow._replace(gradients=flipped)) != 0
    assert linear_residual(pde, flow._replace(sources=flow.density)) != 0


@pytest.mark.parametrize("field", ["current", "spreading", "dissipation", "growth", "drift"])
def test_wrong_quadratic_flow_is_caught(field):
    pde = USER["complex"]
    flow = quadratic_flow(pde)
    wrong = flow._replace(**{field: getattr(flow, field) + 1})
    assert quadratic_residual(pde, flow) == 0
    assert quadratic_residual(pde, wrong) != 0


def _blobs(dim, n=48, box=12.0):
    x = np.arange(n) * box / n - box / 2
    grids = np.meshgrid(*[x] * dim, indexing="ij")
    square = sum(g**2 for g in grids)
    return np.exp(-square / 1.5) + 0.5 * np.exp(-(square - 2 * grids[0] + 1) / 1.2)


def _divergence(flux, box):
    dim, n = flux.ndim - 1, flux.shape[1]
    k = 2 * np.pi * np.fft.fftfreq(n, box / n)
    total = 0
    for axis in range(dim):
        wave = k.reshape([-1 if i == axis else 1 for i in range(dim)])
        total = total + np.fft.ifftn(1j * wave * np.fft.fftn(flux[axis])).real
    return total


def _residual(pde, box, t, h=1e-4):
    start = _blobs(pde.dim)
    now = evolve(pde, start, box, t)
    change = (
        (evolve(pde, start, box, t + h).density - evolve(pde, start, box, t - h).density) / 2 / h
    )
    left = change + _divergence(now.flux, box) - now.source
    wrong = change - _divergence(now.flux, box) - now.source
    return abs(left).max() / abs(change).max(), abs(wrong).max() / abs(change).max()


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("name", [n for n in TABLE if n != "schrodinger"])
def test_evolved_fields_obey_the_density_flow(name, dim):
    right, wrong = _residual(zoo(dim)[name], 12.0, 0.5)
    assert right < 1e-6
    assert wrong > 1e-3


@pytest.mark.parametrize("name", USER)
def test_evolved_fields_of_user_pdes(name):
    assert _residual(USER[name], 12.0, 0.5)[0] < 1e-6


@pytest.mark.parametrize("dim", [1, 2])
def test_schrodinger_on_a_grid(dim):
    pde = zoo(dim)["schrodinger"]
    assert _residual(pde, 12.0, 0.1)[0] < 1e-2  # the root of the density keeps fine waves
    start = _blobs(dim)
    assert evolve(pde, start, 12.0, 3.0).density.sum() == pytest.approx(start.sum())


def test_masses_are_kept_without_a_source():
    start = _blobs(2)
    for name in ("diffusion", "poisson", "wave", "dissipative_wave", "biharmonic", "helmholtz"):
        assert evolve(zoo()[name], start, 5.0, 0.7).density.sum() == pytest.approx(start.sum())
    yukawa = evolve(zoo()["yukawa"], start, 5.0, 0.7).density.sum()
    assert yukawa == pytest.approx(np.exp(-0.7) * start.sum())


def test_advection_moves_along_the_first_axis():
    pde = PDE("u_t + c*grad(u) - D*lap(u)", c=2.0, D=1e-6)
    start = _blobs(2)
    np.testing.assert_allclose(
        evolve(pde, start, 12.0, 0.5).density, np.roll(start, 4, axis=0), atol=1e-4
    )


@pytest.mark.parametrize(
    ("density", "box", "t", "words"),
    [
        (np.ones(4), 1.0, 1.0, "one axis"),
        (np.full((4, 4), np.nan), 1.0, 1.0, "NaN"),
        (np.ones((4, 4)), 0.0, 1.0, "positive side"),
        (np.ones((4, 4)), 1.0, -1.0, "from 0 on"),
        (-np.ones((4, 4)), 1.0, 1.0, "negative values"),
    ],
)
def test_bad_densities(density, box, t, words):
    with pytest.raises(InvalidInput, match=words):
        evolve(zoo()["schrodinger"], density, box, t)


def test_complex_waves_of_second_order_have_no_density():
    with pytest.raises(InvalidInput, match="no density"):
        rewrite(PDE("u_tt + u_t + I*lap(u)"))
