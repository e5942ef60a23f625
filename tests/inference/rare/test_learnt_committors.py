"""Networks against quadrature; what a principle of equilibrium refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid

from noneq.errors import InvalidInput
from noneq.inference import committor_check, shooting_committor, variational_committor
from noneq.learning.training import Training
from noneq.nets import MLP
from noneq.systems import DoubleWell, Swirl


SETS = ("x <= -1", "x >= 1")
SMALL = {
    "bounds": (-1.2, 1.2), "n": 2000, "net": MLP(width=16, depth=2), "progress": False,
    "training": Training(steps=600, batch=256, rate=5e-3, ema=0.99),
}  # fmt: skip


def rms(committor, beta):
    x = np.linspace(-0.99, 0.99, 100)
    grid = np.linspace(-1, 1, 4001)
    up = cumulative_trapezoid(np.exp(beta * (grid**2 - 1) ** 2), grid, initial=0)
    q = jax.vmap(committor)(jnp.asarray(x[:, None], jnp.float32))
    return float(np.sqrt(np.mean((np.asarray(q) - np.interp(x, grid, up / up[-1])) ** 2)))


@pytest.fixture(scope="module")
def learnt():
    return variational_committor(DoubleWell(beta=5.0), *SETS, **SMALL, key=jax.random.key(0))


def test_the_least_dirichlet_form(learnt):
    assert rms(learnt, 5.0) < 0.01
    # The truth of another temperature is told apart.
    assert rms(learnt, 1.0) > 0.05
    assert float(learnt(jnp.array([-1.0]))) == 0
    assert float(learnt(jnp.array([1.0]))) == 1


@pytest.mark.slow
def test_shooting_and_its_check(learnt, key):
    system = DoubleWell(beta=5.0)
    shot = shooting_committor(system, *SETS, **SMALL, key=jax.random.key(1))
    assert rms(shot, 5.0) < 0.04
    states = np.linspace(-0.95, 0.95, 60)[:, None]
    good = committor_check(learnt, system, states, paths=10, key=key)
    assert good.p_value > 1e-6
    assert good.rms.value < 0.06
    wrong = committor_check(learnt, DoubleWell(beta=1.0), states, paths=10, key=key)
    assert wrong.p_value < 1e-6
    with pytest.raises(InvalidInput, match="knows no sets"):
        committor_check(lambda x: 0.5, system, states, key=key)


def test_bad_requests_are_refused(key):
    ask = lambda system=DoubleWell(), a=SETS[0], b=SETS[1], **more: variational_committor(
        system, a, b, **(SMALL | more), key=key
    )
    with pytest.raises(InvalidInput, match="no gradient"):
        ask(Swirl(q=1.0), bounds=((-2, 2), (-2, 2)))
    with pytest.raises(InvalidInput, match="truth values"):
        ask(a=lambda x: x[0] < -1)
    with pytest.raises(InvalidInput, match="overlap"):
        ask(b="x > -1.1")
    with pytest.raises(InvalidInput, match="states lie between"):
        ask(b="x > -0.999")
    with pytest.raises(InvalidInput, match="log_weights"):
        ask(states=np.zeros((20, 1)), log_weights=np.zeros(3))
