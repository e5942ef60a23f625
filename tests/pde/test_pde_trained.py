"""What a PDE yields is trained, saved and loaded; and what it must not yield."""

import jax
import numpy as np
import pytest
import sympy

import noneq as nq
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import ScoreMatching
from noneq.nets import MLP
from noneq.pde import PDE, judge, modify, process, zoo
from noneq.processes import Gaussian
from noneq.spec import from_toml, to_toml


KEY = jax.random.key(0)
SMALL = {"net": MLP(8, 1), "training": Training(steps=2, batch=8)}
SQUARE = np.random.default_rng(0).uniform(-1, 1, (64, 2)).astype(np.float32)
YIELDS = {
    "fractional": (PDE("u_t = -flap(u, a)", a=1.5), None),
    "yukawa": (zoo(2)["yukawa"], None),
    "damped wave": (PDE("u_tt + 2*eps*u_t - lap(u)", eps=4.0), None),
    "helmholtz": (zoo(2)["helmholtz"], 4.0),
}


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    "name",
    [
        name if i < 2 else pytest.param(name, marks=pytest.mark.slow)
        for i, name in enumerate(YIELDS)
    ],
)
def test_a_trained_process_is_saved_and_loaded(name, tmp_path):
    pde, box = YIELDS[name]
    method = ScoreMatching(process=process(pde, box=box), **SMALL)
    assert from_toml(to_toml(method)) == method
    nq.save(method.fit(SQUARE, key=KEY), tmp_path / "run")
    back = nq.load(tmp_path / "run")
    assert back.method == method
    assert np.isfinite(back.model.sample(4, key=KEY)).all()


def test_a_gaussian_process_is_still_found():
    method = ScoreMatching(process=Gaussian())
    assert from_toml(to_toml(method)) == method
    with pytest.raises(InvalidInput, match="Nothing"):
        from_toml('kind = "ScoreMatching"\n[process]\nkind = "Nothing"\n')


def test_data_outside_the_torus_are_refused():
    method = ScoreMatching(process=process(zoo(2)["helmholtz"], box=4.0), **SMALL)
    wide = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)
    with pytest.raises(InvalidInput, match="outside the box of Helmholtz"):
        method.fit(wide, key=KEY)


def test_advection_of_second_order_yields_no_process():
    """Its rates −√(k² − iq) are no shifted Poisson rates."""
    with pytest.raises(InvalidInput, match="no process"):
        process(PDE("u_tt + lap(u) + grad(u)"))
    assert type(process(PDE("u_t - lap(u) + grad(u)"))).__name__ == "ScaleMixture"


def test_boxes_and_dimensions_that_no_kernel_fits():
    with pytest.raises(InvalidInput, match="at most 4.05"):
        process(zoo(2)["helmholtz"], box=4.1)
    with pytest.raises(InvalidInput, match="no process"):
        process(PDE("u_tt + lap(u) + k0**2*u", dim=5, k0=1.0), box=2.0)


def test_the_slow_branch_is_judged():
    """One branch of u_tt = lap(u_t) keeps every detail for ever."""
    assert judge(PDE("u_tt - lap(u_t)")).c2.value == 0


def test_conditions_of_negative_parameters():
    condition = judge(PDE("u_tt - 2*eps*u_t - lap(u)", eps=-0.1)).c1.condition
    assert condition == "abs(eps)*scale > 0.319"


def test_wave_symbols_name_no_parameter_in_sympy_either():
    t, x, k = sympy.symbols("t x k")
    u = sympy.Function("u")(t, x)
    with pytest.raises(InvalidInput, match="the wave's"):
        PDE(u.diff(t) - k * u.diff(x, 2), dim=1, k=1.0)


def test_coefficients_that_cancel_leave_no_term():
    cancelled = PDE("u_t - lap(u) + (a - b)*u", a=0.1, b=0.1)
    assert len(cancelled.terms) == 2


@pytest.mark.parametrize("call", [judge, modify, process])
def test_texts_are_no_pdes(call):
    # The run-time checker of these tests may speak first; its error is a TypeError as well.
    with pytest.raises(TypeError, match="PDE"):
        call("u_t = lap(u)")
    with pytest.raises(TypeError, match="process"):
        ScoreMatching(process=zoo(2)["diffusion"])
