"""Laws that every public system keeps, found by walking `noneq.systems`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput, WrongType
from noneq.spec import from_toml, to_toml
from noneq.spec.names import modules
from noneq.systems import (
    AbstractDiffusion,
    AbstractJump,
    AbstractMap,
    AbstractSystem,
    Linear,
    Prinz,
    Swirl,
)


OWN = {
    "Delayed", "Diffusion", "DrivenLangevin", "DrivenUnderdamped", "Fractional", "Jump", "Langevin",
    "ODE", "Underdamped",
}  # fmt: skip
"""Systems of functions, which have no defaults and are no text; `test_own_functions` holds their laws."""

SYSTEMS = {name: cls for name, cls in modules("systems", AbstractSystem).items() if name not in OWN}


@pytest.mark.parametrize("name", SYSTEMS)
def test_system_laws(name, key):
    system = SYSTEMS[name]()
    assert from_toml(to_toml(system)) == system
    assert len(system.names) == system.event_shape[0]
    x = system.initial(key)
    assert x.shape == system.event_shape
    assert np.isfinite(x).all()
    assert bool(system.domain.contains(x))
    np.testing.assert_array_equal(x, system.initial(key))
    if isinstance(system, AbstractDiffusion):
        assert system.time_step > 0
        drift = system.drift(0.3, x)
        assert drift.shape == x.shape
        assert np.isfinite(drift).all()
        np.testing.assert_allclose(drift, jax.jit(system.drift)(0.3, x), rtol=1e-5, atol=1e-5)
        noise = system.diffusion(0.3, x).shape
        assert noise in {(), x.shape} or (len(noise) == 2 and noise[0] == x.size)
    if isinstance(system, AbstractJump):
        rates = np.asarray(jax.jit(system.rates)(0.3, x))
        assert rates.shape == (len(system.reverse),)
        assert (rates >= 0).all()
        for reaction in np.flatnonzero(rates):
            after = system.after(x, int(reaction))
            assert after.dtype == x.dtype
            assert bool(system.domain.contains(after))
            if (back := system.reverse[reaction]) >= 0:
                assert system.rates(0.3, after)[back] > 0
                np.testing.assert_array_equal(system.after(after, back), x)
    if isinstance(system, AbstractMap):
        after = jax.jit(lambda x, key: system.step(3.0, x, key=key))(x, key)
        assert after.shape == x.shape
        assert after.dtype == x.dtype
        assert bool(system.domain.contains(after))
        np.testing.assert_allclose(after, system.step(3.0, x, key=key), rtol=1e-5, atol=1e-5)


def test_many_states_at_once_are_refused():
    """Silently, the first two of four states would be taken for one."""
    four = np.ones((4, 2), np.float32)
    for method in (Swirl().log_density, lambda x: Prinz().drift(0.0, x)):
        with pytest.raises((InvalidInput, WrongType), match=r"shape \(4, 2\).*; expected"):
            method(four)
    assert jax.vmap(Swirl().log_density)(four).shape == (4,)


def test_what_is_no_state():
    with pytest.raises(WrongType, match=r"Prinz.drift: x = 'a'"):
        Prinz().drift(0.0, "a")
    with pytest.raises(InvalidInput, match=r"Linear.drift: t = nan; expected finite"):
        Linear().drift(float("nan"), np.ones(2, np.float32))
    np.testing.assert_allclose(
        Linear().drift(0.0, [1, 2]), Linear().drift(0.0, jnp.array([1.0, 2.0]))
    )
