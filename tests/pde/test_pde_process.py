"""The process that a PDE yields has the PDE's kernel: characteristic functions against spectra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.pde import PDE, process, spectrum, zoo
from noneq.processes import Fixed, Helmholtz, InverseGamma, InverseGaussian, Stable, Telegraph


K = np.array([0.3, 0.7, 1.5, 3.0])
DRAWS = 100_000
EQUATIONS = {
    "heat": PDE("u_t - D*lap(u)", D=0.7),
    "drifting heat": PDE("u_t + c*grad(u) - D*lap(u) + r*u", c=2.0, D=0.7, r=0.4),
    "Poisson": PDE("u_tt + lap(u)"),
    "Yukawa": PDE("u_tt + lap(u) - m**2*u", m=2.0),
    "fast Yukawa": PDE("4*u_tt + lap(u) - m**2*u", m=2.0),
    "fractional": PDE("u_t + 3*flap(u, a)", a=1.3),
    "damped wave": PDE("u_tt + 2*eps*u_t - 4*lap(u)", eps=8.0, dim=1),
}


def gaps(equation, scale, found, key):
    """z-scores of E cos k (x − y) of draws from the spectrum, its time taken from the first k.

    ``found`` acts in units of ``scale``.
    """
    y, tau = jnp.zeros(equation.dim), found.schedule.tau(0.9)
    draw = jax.jit(jax.vmap(lambda key: found.perturb(y, tau, key=key).x[0]))
    x = scale * np.asarray(draw(jax.random.split(key, DRAWS)), np.float64)
    waves = np.cos(K[:, None] * x)
    mean, stderr = waves.mean(1), waves.std(1) / np.sqrt(DRAWS)
    times = np.geomspace(1e-3, 30.0, 20_001)
    decays = [spectrum(equation, k, times) / spectrum(equation, 0.0, times) for k in K]
    at = int(np.argmin(np.abs(decays[1] - mean[1])))
    # The time that is matched has an error of its own.
    slope = np.gradient(np.stack(decays), axis=1)[:, at]
    own = stderr[1] * np.abs(slope / slope[1])
    return (mean - np.array([d[at] for d in decays])) / np.hypot(stderr, own)


@pytest.mark.sweep(5)
@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("name", EQUATIONS)
def test_the_kernel_is_that_of_the_equation(name, scale, key):
    """Three free wavenumbers within 5 standard errors: false alarm 2e-6 a case."""
    equation = EQUATIONS[name]
    assert np.abs(gaps(equation, scale, process(equation, scale=scale), key)).max() < 5


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", ["Yukawa", "damped wave"])
def test_a_scale_left_out_is_found(name, key):
    equation = EQUATIONS[name]
    wrong = process(equation, scale=3.0)
    assert np.abs(gaps(equation, 1.0, wrong, key)).max() > 5


def test_the_zoo_yields_its_processes():
    equations = zoo(2)
    kinds = {"diffusion": Fixed, "poisson": InverseGamma, "yukawa": InverseGaussian}
    for name, law in (kinds | {"fractional": Stable}).items():
        assert isinstance(process(equations[name]).law, law)
    assert process(equations["poisson"]).law.dof == 1
    wave = process(equations["dissipative_wave"])
    assert isinstance(wave, Telegraph)
    assert wave.damping == 1
    assert 0.32 < wave.blur < 0.33
    boxed = process(equations["helmholtz"], box=4.0)
    assert isinstance(boxed, Helmholtz)
    assert (boxed.cutoff, boxed.box) == pytest.approx((1.0, 4.0))
    halved = process(PDE("u_tt + lap(u) + k0**2*u", k0=0.5), box=8.0, scale=2.0)
    assert (halved.cutoff, halved.box) == pytest.approx((1.0, 4.0))


@pytest.mark.parametrize(
    ("equation", "says"),
    [
        (zoo(2)["wave"], "C2 fails"),
        (zoo(2)["biharmonic"], "C1 fails"),
        (zoo(2)["helmholtz"], "box"),
        (zoo(2)["damped_schrodinger"], "not additive"),
        (PDE("u_t - lap(u) + flap(u, 1)"), "no process"),
    ],
)
def test_others_yield_none_and_say_why(equation, says):
    with pytest.raises(InvalidInput, match=says) as caught:
        process(equation)
    assert "\n" not in str(caught.value)
