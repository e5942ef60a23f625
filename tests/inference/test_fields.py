"""Cosines between vector fields against exact values."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput, MissingTrait
from noneq.inference import field_cosine
from noneq.systems import Linear, Lorenz, Moons


class Matrix(eqx.Module):
    """v = A x."""

    matrix: Array

    def __call__(self, x):
        return self.matrix @ x


TURN = Matrix(jnp.asarray([[0.0, -1.0], [1.0, 0.0]]))
TRAP = Matrix(-jnp.eye(2))


def test_cosines_of_lines_and_circles(rng):
    x = rng.normal(size=(200, 2))
    assert field_cosine(TURN, TURN, x).value == pytest.approx(1.0)
    assert field_cosine(TURN, lambda x: -3.0 * TURN(x), x).value == pytest.approx(1.0)
    assert field_cosine(TURN, lambda x: -3.0 * TURN(x), x, signed=True).value == pytest.approx(-1.0)
    assert field_cosine(TURN, TRAP, x, scale=1.0).value == pytest.approx(0.0, abs=1e-6)
    # The drift −x + 2 J x of Linear makes the angle arctan 2 with the trap.
    cosine = field_cosine(Linear(), TRAP, x, scale=1.0)
    assert cosine.value == pytest.approx(1 / np.sqrt(5), abs=1e-5)
    assert cosine.stderr < 1e-6


def test_coordinates_are_measured_in_their_deviations(rng):
    """A circle stretched ten times is a circle again in the data's units."""
    x = rng.normal(size=(400, 2))
    x /= x.std(0)
    stretch = np.asarray([1.0, 10.0])
    wide = lambda y: jnp.asarray(stretch) * TURN(y / jnp.asarray(stretch))
    slanted = lambda y: (
        jnp.asarray(stretch) * TURN(y / jnp.asarray(stretch))
        + jnp.asarray(stretch) * TRAP(y / jnp.asarray(stretch))
    )
    found = field_cosine(wide, slanted, x * stretch)
    assert found.value == pytest.approx(np.sqrt(0.5), abs=1e-4)
    assert field_cosine(wide, slanted, x * stretch, scale=1.0).value != pytest.approx(
        np.sqrt(0.5), abs=0.02
    )


def test_unrelated_directions_in_three_dimensions(rng):
    """⟨|cos|⟩ is 1/2 pointwise, and 0 for one global sign."""
    x = rng.normal(size=(4000, 3))
    constant = lambda x: jnp.ones(3) + 0 * x
    found = field_cosine(constant, lambda x: x, x, pointwise=True, scale=1.0)
    assert abs(found.z(0.5)) < 5
    assert abs(field_cosine(constant, lambda x: x, x, signed=True, scale=1.0).z(0.0)) < 5


def test_the_flattened_cosine_counts_fast_states_most(rng):
    """Fields alike where |x| is large: ⟨a·b⟩/√(⟨a²⟩⟨b²⟩) by hand, and its error over data sets."""
    x = rng.normal(size=(300, 2))
    bent = Matrix(jnp.asarray([[1.0, 0.6], [0.0, -0.4]]))
    found = field_cosine(TURN, bent, x, scale=1.0, flattened=True, signed=True)
    a, b = x @ np.asarray(TURN.matrix).T, x @ np.asarray(bent.matrix).T
    assert found.value == pytest.approx(np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b))
    draws = [
        field_cosine(
            TURN, bent, rng.normal(size=(300, 2)), scale=1.0, flattened=True, signed=True
        ).value
        for _ in range(60)
    ]
    assert found.stderr == pytest.approx(np.std(draws, ddof=1), rel=0.5)
    still = field_cosine(TURN, lambda x: 0.0 * x, x, scale=1.0, flattened=True)
    assert (still.value, still.stderr) == (0.0, 0.0)
    with pytest.raises(InvalidInput, match="flattened or pointwise"):
        field_cosine(TURN, bent, x, flattened=True, pointwise=True)


def test_errors_are_those_of_the_mean(rng):
    """z-scores over 200 data sets have variance 1; with a tenth of the error they do not."""
    bent = Matrix(jnp.asarray([[1.0, 0.6], [0.0, -0.4]]))
    truth = field_cosine(
        TURN, bent, rng.normal(size=(200_000, 2)), scale=1.0, signed=True, most=200_000
    )
    z = np.array(
        [
            field_cosine(TURN, bent, rng.normal(size=(300, 2)), scale=1.0, signed=True).z(
                truth.value
            )
            for _ in range(200)
        ]
    )
    # Variance of 200 squared normals: 1 ± 0.1, five of them.
    assert abs(np.mean(z**2) - 1) < 0.5
    assert abs(np.mean((10 * z) ** 2) - 1) > 0.5


def test_every_kind_of_data(rng):
    x = rng.normal(size=(60, 2)).astype(np.float32)
    mask = np.ones((20, 3), bool)
    mask[3, 1] = False
    paths = Trajectories(x.reshape(20, 3, 2), np.arange(3.0), mask=mask)
    assert field_cosine(TURN, TURN, paths).n == 59
    assert field_cosine(TURN, TURN, Snapshots(x)).n == 60
    some = field_cosine(TURN, TURN, x, most=10, key=jax.random.key(3))
    assert some.n == 10
    assert field_cosine(TURN, lambda x: 0 * x, x).value == 0.0


@pytest.mark.parametrize(
    ("b", "states", "arguments", "error", "word"),
    [
        (TURN, np.ones((5, 2)), {"signed": True, "pointwise": True}, InvalidInput, "not both"),
        (TURN, np.ones((1, 2)), {}, InvalidInput, "n ≥ 2"),
        (TURN, np.full((5, 2), np.nan), {}, InvalidInput, "NaN"),
        (TURN, np.ones((5, 2)), {"most": 1}, InvalidInput, "most = 1"),
        (TURN, np.ones((5, 2)), {"scale": (1.0, 2.0, 3.0)}, InvalidInput, "scale has shape"),
        (TURN, np.ones((5, 2)), {"scale": 0.0}, InvalidInput, "positive"),
        (lambda x: x[:1], np.ones((5, 2)), {}, InvalidInput, "expected the same"),
        (lambda x: x / 0, np.ones((5, 2)), {}, InvalidInput, "not finite at 5 of 5"),
        (Moons(), np.ones((5, 2)), {}, MissingTrait, "Moons"),
        (3.0, np.ones((5, 2)), {}, MissingTrait, "float"),
        (int, np.ones((5, 2)), {}, MissingTrait, "type"),
        (lambda x: None, np.ones((5, 2)), {}, InvalidInput, "gives a NoneType"),
        (lambda x: 1j * x, np.ones((5, 2)), {}, InvalidInput, "gives complex numbers"),
        (lambda x: float(x), np.ones((5, 2)), {}, InvalidInput, "fails at one state of shape"),
    ],
)
def test_refusals(b, states, arguments, error, word):
    with pytest.raises(error, match=word):
        field_cosine(TURN, b, states, **arguments)


def test_a_field_may_give_a_list(rng):
    x = rng.normal(size=(5, 2))
    assert field_cosine(TURN, lambda x: [-x[1], x[0]], x).value == pytest.approx(1.0)


def test_systems_are_asked_for_their_drift(rng):
    x = rng.normal(size=(50, 3)) + [0.0, 0.0, 25.0]
    drift = lambda x: Lorenz().drift(0.0, x)
    assert field_cosine(Lorenz(), drift, x, signed=True).value == pytest.approx(1.0)
