"""Order of BAOAB in the law of positions, without sampling: the stationary law of the scheme itself.

The scheme maps a state and one normal number to the next state. Its stationary law is expanded around
Boltzmann's in polynomials of x and v; all means are Gauss quadratures of `step`.
"""

import jax
import jax.numpy as jnp
import numpy as np

from noneq.simulation import BAOAB, EulerMaruyama
from noneq.systems import Underdamped


STEPS = np.array([0.05, 0.1, 0.15, 0.2])
QUARTIC = Underdamped(lambda x: x[0] ** 4 / 4, shape=1)
HARMONIC = Underdamped(lambda x: x[0] ** 2 / 2, shape=1)


def polynomials(nodes, weights, degree):
    """Orthonormal polynomials of a law on nodes, as a function of any points."""
    scale = np.abs(nodes).max()
    powers = lambda x: np.vander(x / scale, degree + 1, increasing=True)
    triangle = np.linalg.qr(np.sqrt(weights)[:, None] * powers(nodes))[1]
    return lambda x: np.linalg.solve(triangle.T, powers(x).T).T


def mean_square_error(system, solver, steps, degree=10):
    """⟨x²⟩ of the scheme's stationary law less that of Boltzmann's, for each step."""
    x = np.linspace(-7, 7, 80)
    in_x = np.exp([-float(system.potential(0.0, jnp.array([a]))) for a in x])
    in_x /= in_x.sum()
    v, in_v = np.polynomial.hermite_e.hermegauss(20)
    xi, in_xi = np.polynomial.hermite_e.hermegauss(12)
    in_v, in_xi = in_v / in_v.sum(), in_xi / in_xi.sum()
    of_x, of_v = polynomials(x, in_x, degree), polynomials(v, in_v, degree)
    both = lambda x, v: (of_x(x)[:, :, None] * of_v(v)[:, None, :]).reshape(len(x), -1)
    states = np.stack(np.meshgrid(x, v, indexing="ij"), -1).reshape(-1, 2)
    weight, before = np.outer(in_x, in_v).reshape(-1), both(*states.T)
    step = lambda y, h, noise: solver.step(system, 0.0, y, h, noise[None])
    every = jax.jit(jax.vmap(jax.vmap(step, (None, None, 0)), (0, None, None)))
    errors = []
    for h in steps:
        after = np.asarray(every(states, h, xi))
        mean = sum(w * both(*after[:, i].T) for i, w in enumerate(in_xi))
        matrix = (weight[:, None] * before).T @ mean
        # c K = c with c_0 = 1: the constant is the first polynomial, which every chain keeps.
        inner = np.eye(len(matrix) - 1) - matrix[1:, 1:].T
        c = np.linalg.solve(inner, matrix[0, 1:])
        squares = (weight * states[:, 0] ** 2) @ before
        errors.append(abs(squares[1:] @ c))
    return np.array(errors)


def slope(steps, errors):
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


def test_baoab_has_order_two_on_a_quartic_well():
    errors = mean_square_error(QUARTIC, BAOAB(), STEPS)
    assert abs(slope(STEPS, errors) - 2) < 0.2
    assert errors.max() < 0.02


def test_baoab_is_exact_in_a_harmonic_trap():
    assert mean_square_error(HARMONIC, BAOAB(), STEPS[-2:], degree=8).max() < 1e-8


def test_euler_has_order_one_there():
    """The broken twin: the same quadrature sees the lower order."""
    steps = STEPS / 5
    errors = mean_square_error(QUARTIC, EulerMaruyama(), steps, degree=8)
    assert abs(slope(steps, errors) - 1) < 0.2
