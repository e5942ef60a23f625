"""Regions of states that fates are asked for."""

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.inference import cluster_regions, half_space, nearest_regions


def test_inequalities_of_coordinates():
    x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.2, 0.1], [0.5, 2.0]])
    np.testing.assert_array_equal(half_space("a > 0", ("a", "b"))(x), [True, False, True, True])
    inside = half_space("a**2 + b**2 < 1 and b >= 0.05", ("a", "b"))
    np.testing.assert_array_equal(inside(x), [False, False, True, False])
    # Names that are no identifiers are numbered.
    np.testing.assert_array_equal(half_space("x1 > 1", ("CD 4", "CD 8"))(x), [False] * 3 + [True])
    either = half_space("a < 0 or not (-1 < b < hypot(3, 4) / 5)", ("a", "b"))
    np.testing.assert_array_equal(either(x), [False, True, False, True])
    for text in ("a", "a = 1", "a == 1", "1 < 2", "a > 0 and", "a > 0 or b", "a in b"):
        with pytest.raises(InvalidInput):
            half_space(text, ("a", "b"))
    with pytest.raises(InvalidInput, match="'c'"):
        half_space("c > 0", ("a", "b"))


def test_clusters_are_found_where_there_are_some():
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [rng.normal(c, 1, (n, 2)) for c, n in (([0, 0], 90), ([9, 0], 60), ([0, 9], 30))]
    )
    found = cluster_regions(x)
    inside = np.stack([region(x) for region in found.values()])
    np.testing.assert_array_equal(inside.sum(0), 1)
    np.testing.assert_allclose(inside.sum(1), [90, 60, 30], atol=1)
    assert list(found) == ["cluster 1", "cluster 2", "cluster 3"]
    assert cluster_regions(rng.normal(size=(200, 2))) == {}
    assert len(cluster_regions(x, 2)) == 2
    with pytest.raises(InvalidInput, match="ten states"):
        cluster_regions(x[:15], 2)


def test_labels_make_regions_of_what_is_near():
    x = np.array([[0.0], [1.0], [5.0], [6.0]])
    found = nearest_regions(x, ["stem", "stem", "blood", "blood"])
    np.testing.assert_array_equal(found["blood"](np.array([[2.0], [4.0]])), [False, True])
    with pytest.raises(InvalidInput, match="two kinds"):
        nearest_regions(x, ["stem"] * 4)
