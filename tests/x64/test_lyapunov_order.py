"""Fourth order of the integration behind Lyapunov exponents, and of conserved energy."""

import jax
import jax.numpy as jnp
import numpy as np

from noneq.inference import lyapunov_spectrum
from noneq.simulation import RungeKutta4, simulate
from noneq.systems import DoublePendulum, Lorenz


def test_volumes_shrink_at_the_exact_rate_to_fourth_order():
    """The sum of all exponents of Lorenz is −(sigma + 1 + beta) at every state."""
    errors = []
    for step, every in ((0.02, 5), (0.01, 10)):
        found = lyapunov_spectrum(
            Lorenz(), np.array([[1.0, 2.0, 20.0]]), step=step, time=4.0, burn=0.0, every=every
        )
        errors.append(abs(found.per_time.value.sum() + 41 / 3))
    assert errors[1] < 2e-4
    assert 3.6 < np.log2(errors[0] / errors[1]) < 4.6


def test_linear_exponents_are_exact():
    """Of x' = A x the step multiplies by the Taylor polynomial of e^{hA}, error (λh)^5/120h."""
    rates = np.array([1.0, 0.25, -0.5])
    mix = np.random.default_rng(0).normal(size=(3, 3))
    matrix = jnp.asarray(mix @ np.diag(rates) @ np.linalg.inv(mix))
    found = lyapunov_spectrum(lambda x: matrix @ x, np.ones((1, 3)), time=10.0, burn=60.0)
    np.testing.assert_allclose(found.per_time.value, rates, atol=1e-9)


def test_pendulum_energy_to_fourth_order_or_better():
    pendulum = DoublePendulum(m2=0.5, l2=1.5)
    start = jnp.asarray(
        [[1.0, 2.0, 0.5, -0.3], [0.2, 0.1, 1.0, 0.4], [2.0, -1.0 + 2 * np.pi, 0, 1]]
    )
    energy = jax.vmap(pendulum.energy)
    errors = []
    for steps in (80, 160):
        paths = simulate(
            pendulum, [0.0, 4.0], n=3, start=start, substeps=steps, solver=RungeKutta4(),
            key=jax.random.key(0),
        )  # fmt: skip
        end = energy(jnp.asarray(paths.values[:, 1]))
        errors.append(float(jnp.abs(end - energy(start)).max()))
    assert errors[1] < 1e-4
    assert np.log2(errors[0] / errors[1]) > 3.6
