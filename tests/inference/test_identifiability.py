"""What ensembles of fields with known common parts are said to share."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from noneq.errors import InvalidInput
from noneq.inference import identifiability
from noneq.inference.modes import (
    agreement,
    fewest,
    gram,
    mode_fields,
    normalised,
    participation,
    principal_angles,
    share_within,
    spectrum,
)


class Matrix(eqx.Module):
    """v = A x."""

    matrix: Array

    def __call__(self, x):
        return self.matrix @ x


def generator(axis):
    """Rotation about an axis of space."""
    a, b, c = axis
    return Matrix(jnp.asarray([[0.0, -c, b], [c, 0.0, -a], [-b, a, 0.0]]))


@pytest.fixture
def states(rng):
    return rng.normal(size=(2000, 3))


def test_one_field_up_to_sign_and_speed(states):
    turn = generator((0.0, 0.0, 1.0))
    fields = [Matrix(c * turn.matrix) for c in (1.0, -2.0, 5.0, 0.3)]
    references = {"itself": turn, "score": lambda x: -x, "across": generator((1.0, 0.0, 0.0))}
    found = identifiability(fields, states, references=references, scale=1.0)
    np.testing.assert_allclose(found.cosines, 1.0, atol=1e-6)
    assert found.effective_dimension.value == pytest.approx(1.0)
    np.testing.assert_allclose(found.singular_values, [2.0, 0.0, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(found.shares, 1.0)
    np.testing.assert_allclose(found.agreement, 1.0, atol=1e-6)
    np.testing.assert_allclose(found.signs, [1.0, -1.0, 1.0, 1.0])
    np.testing.assert_allclose(found.speeds / found.speeds[0], [1.0, 2.0, 5.0, 0.3], rtol=1e-6)
    np.testing.assert_allclose(found.half_angles, 0.0, atol=1e-4)
    assert found.modes == 1
    assert found.references["itself"].to_consensus.value == pytest.approx(1.0)
    assert found.references["itself"].within == pytest.approx(1.0)
    assert found.references["score"].to_models.value < 1e-6
    assert found.references["across"].within < 0.02
    along = found.consensus / np.linalg.norm(found.consensus, axis=1, keepdims=True)
    truth = np.asarray(states @ np.asarray(turn.matrix).T)
    np.testing.assert_allclose(
        along, truth / np.linalg.norm(truth, axis=1, keepdims=True), atol=1e-5
    )


def test_unrelated_fields_share_nothing(states):
    fields = {name: generator(axis) for name, axis in zip("xyz", np.eye(3), strict=True)}
    found = identifiability(fields, states)
    assert found.effective_dimension.value == pytest.approx(3.0, abs=0.01)
    assert found.modes == 3
    assert found.cosine.value < 0.05
    assert found.names == ("x", "y", "z")
    sum_of_all = identifiability(
        fields, states, references={"sum": generator((1.0, 1.0, 1.0))}
    ).references["sum"]
    assert sum_of_all.within == pytest.approx(1.0, abs=1e-6)


def test_the_report_says_what_is_open(states):
    fields = [generator((0.0, s * 0.3, 1.0)) for s in (-1.0, 0.0, 1.0)]
    found = identifiability(fields, states, references={"true field": fields[1]})
    text = str(found)
    for word in ("Direction of time", "Speed", "Further components", "true field", "field 3"):
        assert word in text
    assert len(found.table().splitlines()) == 1 + 3 + 2 + 1
    assert len(found.undetermined()) == 4


def test_errors_over_fields_are_honest(rng):
    """z-scores of the mean |cos| over ensembles of seeds; errors over states alone fail."""
    x = rng.normal(size=(400, 3))
    draw = lambda: [generator((*rng.normal(scale=0.3, size=2), 1.0)) for _ in range(8)]
    found = [identifiability(draw(), x, scale=1.0).cosine for _ in range(100)]
    values = np.array([e.value for e in found])
    ratio = np.std(values) / np.sqrt(np.mean([e.stderr**2 for e in found]))
    assert 0.6 < ratio < 1.4
    pair = identifiability(draw()[:2], x, scale=1.0).cosine
    assert np.std(values) > 1.4 * pair.stderr


def test_two_fields_are_enough(states):
    found = identifiability([generator((0.0, 0.0, 1.0)), generator((0.0, 0.5, 1.0))], states)
    assert found.cosine.stderr > 0
    assert found.half_angles.size == 0


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ([generator((0.0, 0.0, 1.0))], "at least two"),
        ([generator((0.0, 0.0, 1.0)), Matrix(jnp.zeros((3, 3)))], "field 2 is zero"),
    ],
)
def test_ensembles_that_say_nothing(states, fields, word):
    with pytest.raises(InvalidInput, match=word):
        identifiability(fields, states)


def test_modes_are_orthonormal_and_hold_the_fields(rng):
    unit = normalised(rng.normal(size=(5, 60, 2)))
    eigenvalues, vectors = spectrum(gram(unit))
    modes = mode_fields(unit, eigenvalues, vectors, 5)
    np.testing.assert_allclose(gram(modes), np.eye(5), atol=1e-10)
    np.testing.assert_allclose(share_within(unit, modes), 1.0)
    np.testing.assert_allclose(
        share_within(unit, modes[:1]), eigenvalues[0] * vectors[:, 0] ** 2, rtol=1e-10
    )
    assert eigenvalues.sum() == pytest.approx(5.0)


def test_angles_between_planes(rng):
    """Planes that share a line and open by 30 degrees about it."""
    basis, _ = np.linalg.qr(rng.normal(size=(80, 3)))
    a, b, c = (np.sqrt(40) * column.reshape(40, 2) for column in basis.T)
    tilted = np.cos(np.pi / 6) * b + np.sin(np.pi / 6) * c
    angles = principal_angles(np.stack([a, b]), np.stack([tilted, a]))
    np.testing.assert_allclose(angles, [0.0, 30.0], atol=1e-5)


def test_small_counts():
    assert participation(np.array([2.0, 2.0, 0.0])) == pytest.approx(2.0)
    assert [fewest(np.array([8.0, 1.0, 1.0]), share) for share in (0.8, 0.85, 1.0)] == [1, 2, 3]
    opposed = np.stack([np.ones((4, 2)), -np.ones((4, 2))])
    np.testing.assert_allclose(agreement(opposed, np.array([1.0, 1.0])), 0.0)
    np.testing.assert_allclose(agreement(opposed, np.array([1.0, -1.0])), 1.0)
