"""Motion with inertia under a protocol: its mean work against the equation of the mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import noneq as nq
from noneq.errors import InvalidInput
from noneq.estimate import sample_mean
from noneq.systems import DrivenUnderdamped, Protocol
from noneq.thermo import work


PROTOCOL = Protocol((0.0, 0.0, 1.0, 1.0), (0.0, 1.0, 2.0, 3.0))


def dragged(protocol=PROTOCOL, **more):
    return DrivenUnderdamped(
        lambda x, centre: (x[0] - centre) ** 2 / 2,
        protocol,
        initial=lambda key: jax.random.normal(key, (1,)),
        time_step=0.02,
        **more,
    )


@pytest.mark.stat
def test_mean_work_of_dragging(key):
    """Jumps of 1 at both ends, and a straight line between, of a bead with inertia."""
    system = dragged(friction=0.5)
    paths = nq.simulate(system, np.linspace(0, 1, 26), n=4000, key=key)
    found = sample_mean(work(paths, system))

    def mean(t, y):
        x, v, _ = y
        pull = -(x - 1 - t)
        return [v, pull - 0.5 * v, pull]

    x, _, inside = solve_ivp(mean, (0, 1), [0, 0, 0], rtol=1e-9).y[:, -1]
    exact = 0.5 + inside + ((3 - x) ** 2 - (2 - x) ** 2) / 2
    assert abs(found.z(exact)) < 5
    assert found.stderr < 0.06
    assert abs(found.z(exact - 0.5)) > 5


def test_what_it_refuses():
    with pytest.raises(InvalidInput, match="does not enter"):
        DrivenUnderdamped(lambda x, k: x[0] ** 2, PROTOCOL, shape=1)
    with pytest.raises(InvalidInput, match="must take"):
        DrivenUnderdamped(lambda x: x[0] ** 2, PROTOCOL, shape=1)
    with pytest.raises(InvalidInput, match="mass > 0"):
        dragged(mass=0.0)
    assert float(dragged().potential(0.0, jnp.ones(1))) == 0.0
    assert float(dragged().at(2.0).potential(0.0, jnp.ones(1))) == 0.5
