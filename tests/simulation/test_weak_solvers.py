"""Random bits as noise: exact moments of all their paths, orders of the error, refusals."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.simulation import WeakEuler, WeakPlaten, simulate
from noneq.simulation.increments import FourPoint, TwoPoint
from noneq.systems import AbstractDiffusion, Linear


Z = 5.0  # |z| < 5: a false alarm in 6e-7 of the numbers tested
TIME, START = 0.5, 0.7
NEAR, FAR = np.sqrt(1 - np.sqrt(2 / 3)), np.sqrt(1 + np.sqrt(6))
POINTS = {
    WeakEuler: ([-1.0, 1.0], [0.5, 0.5], (2, 4, 8)),
    WeakPlaten: ([-FAR, -NEAR, NEAR, FAR], [1 / 8, 3 / 8, 3 / 8, 1 / 8], (2, 4, 6)),
}


class Line(AbstractDiffusion):
    """dX = f dt + B dW on a line, or of two coordinates whose noises know each other."""

    kind: str = eqx.field(static=True, default="")

    @property
    def event_shape(self):
        return (2,) if self.kind == "mixed" else (1,)

    @property
    def domain(self):
        return Free()

    @property
    def time_step(self):
        return 0.01

    def initial(self, key):
        return jnp.full(self.event_shape, START)

    def drift(self, t, x):
        return {"ou": -x, "tanh": jnp.tanh(x), "geometric": 0.3 * x, "mixed": -x}[self.kind]

    def diffusion(self, t, x):
        return {"geometric": 0.4 * x, "mixed": 0.1 + x[::-1]}.get(self.kind, jnp.ones_like(x))


EXACT = {
    "ou": START**2 * np.exp(-2 * TIME) + (1 - np.exp(-2 * TIME)) / 2,
    # A Brownian path weighted by cosh: two Gaussians that move apart (Beneš).
    "tanh": TIME + START**2 + TIME**2 + 2 * START * TIME * np.tanh(START),
    "geometric": START**2 * np.exp((2 * 0.3 + 0.4**2) * TIME),
}
"""E X² at the last time."""


def slope(kind, solver, stretch=1.0):
    """Order of the error of E X², summed over all paths of the increments, without sampling."""
    values, chances, counts = POINTS[type(solver)]
    most = counts[-1]
    paths = jnp.asarray(list(itertools.product(values, repeat=most)), jnp.float32) * stretch
    weights = np.prod(list(itertools.product(chances, repeat=most)), axis=1)
    system = Line(kind)

    @jax.jit
    def ends(count):
        h = TIME / count

        def path(xi):
            one = lambda k, x: solver.step(system, k * h, x, h, xi[k][None])
            return jax.lax.fori_loop(0, count, one, system.initial(None))[0]

        return jax.vmap(path)(paths)

    squares = [weights @ np.asarray(ends(count), np.float64) ** 2 for count in counts]
    errors = np.abs(np.asarray(squares) - EXACT[kind])
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


@pytest.mark.parametrize("kind", ["ou", "tanh", "geometric"])
@pytest.mark.parametrize(("solver", "order"), [(WeakEuler(), 1), (WeakPlaten(), 2)], ids=str)
def test_weak_orders(solver, order, kind):
    assert abs(slope(kind, solver) - order) < 0.25
    assert slope(kind, solver, stretch=1.2) < 0.5  # increments of a wrong variance


@pytest.mark.parametrize(
    ("law", "steps", "moments"), [(TwoPoint(), 32, (1, 1)), (FourPoint(), 10, (1, 3))], ids=str
)
def test_moments_of_the_increments_are_exact(law, steps, moments, key):
    """Second and fourth moment, none odd, no memory from step to step or between neighbours."""
    words = law.draw(steps, (4000, 3), np.dtype(np.float32), key=key)
    xi = np.stack([law.at(words, jnp.asarray(k), np.dtype(np.float32)) for k in range(steps)])
    values, counts = np.unique(xi, return_counts=True)
    share = counts / xi.size
    spread = lambda of: of.std() / np.sqrt(of.size) + 1e-6
    assert len(values) == (2 if steps == 32 else 4)
    for power, expected in zip((1, 2, 3, 4), (0, moments[0], 0, moments[1]), strict=True):
        assert abs(share @ values**power - expected) < Z * spread(xi**power)
    assert abs((xi[1:] * xi[:-1]).mean()) < Z * spread(xi[1:] * xi[:-1])
    assert abs((xi[..., 1:] * xi[..., :-1]).mean()) < Z * spread(xi[..., 1:] * xi[..., :-1])
    # What the points must obey, of which the sample above only tells the probabilities.
    exact = np.array([0.5, 0.5] if steps == 32 else [1 / 8, 3 / 8, 3 / 8, 1 / 8])
    assert exact @ values**2 == pytest.approx(1, abs=1e-6)
    assert exact @ values**4 == pytest.approx(moments[1], abs=1e-5)
    assert np.abs(share - exact).max() < Z * 0.5 / np.sqrt(xi.size)


@pytest.mark.parametrize("solver", [WeakEuler(), WeakPlaten()], ids=str)
def test_the_law_of_simulated_paths_with_correlated_noise(solver, key):
    system = Linear(A=((1.0, -0.8), (0.4, 0.7)), D=((0.5, 0.2), (0.2, 0.9)), start_mean=(1.0, -1.0))
    x = simulate(system, [0.0, 1.0], n=20_000, key=key, solver=solver).at(1.0).astype(np.float64)
    mean, covariance = system.moments(1.0)
    assert np.abs((x.mean(0) - mean) / np.sqrt(np.diag(covariance) / len(x))).max() < Z
    d = x - x.mean(0)
    products = d[:, :, None] * d[:, None, :]
    stderr = products.std(0) / np.sqrt(len(x))
    # The bias of the steps of 0.005 is far below the error of 20,000 samples.
    assert np.abs((products.mean(0) - covariance) / stderr).max() < Z + 1


def test_platen_refuses_noise_of_other_coordinates(key):
    with pytest.raises(InvalidInput, match="WeakEuler"):
        simulate(Line("mixed"), [0.0, 1.0], n=4, key=key, solver=WeakPlaten())
    simulate(Line("mixed"), [0.0, 0.01], n=4, key=key, solver=WeakEuler())
