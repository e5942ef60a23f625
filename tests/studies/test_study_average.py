import numpy as np
import pytest

from noneq.data import Snapshots, Trajectories
from noneq.domains import Box
from noneq.errors import InvalidInput
from noneq.metrics import jensen_shannon
from noneq.studies.prinz.time_average import time_average


BOX = Box(-1.0, 1.0)
TIMES = np.arange(6.0)


def wells(rng, n, *, left=0.5, mobile=False):
    """Two wells; particles keep theirs, unless mobile, so that frames are correlated."""
    side = rng.random((n, TIMES.size if mobile else 1)) < left
    x = np.where(side, -0.5, 0.5) + 0.1 * rng.standard_normal((n, TIMES.size))
    return Trajectories(np.clip(x, -1, 1)[..., None], TIMES, domain=BOX)


def test_equals_the_mean_of_the_metric_and_its_floor(rng):
    samples, reference, truth = (wells(rng, 300, left=p) for p in (0.7, 0.5, 0.5))
    divergence, excess = time_average(samples, reference, truth, bins=8)
    metric = jensen_shannon(samples, reference, truth=truth, bins=8).mean()
    assert divergence.value == pytest.approx(metric.value, rel=1e-9)
    assert divergence.floor == pytest.approx(metric.floor, rel=1e-9)
    assert excess.value == pytest.approx(metric.value - metric.floor, rel=1e-9)


@pytest.mark.stat
@pytest.mark.parametrize("left", [0.5, 0.8])
def test_error_covers_correlated_frames(rng, left):
    """sd of 200 repeats over the mean stderr: 1 far from the floor, down to 1/√2 at it."""
    runs = [
        time_average(wells(rng, 200, left=left), wells(rng, 200), wells(rng, 200), bins=8)
        for _ in range(200)
    ]
    for which in (0, 1):
        value = np.asarray([run[which].value for run in runs])
        error = np.asarray([run[which].stderr for run in runs])
        # 200 repeats know an sd to 5 %; five such errors.
        assert 0.5 < value.std() / np.sqrt(np.mean(error**2)) < 1.25
    # The broken twin: frames taken as independent claim an error far too small.
    naive = jensen_shannon(wells(rng, 200, left=left), wells(rng, 200), bins=8).mean().stderr
    value = np.asarray([run[0].value for run in runs])
    if left == 0.8:
        assert value.std() / naive > 1.5


def test_snapshots_and_refusals(rng):
    paths = wells(rng, 60)
    divergence, _ = time_average(paths.snapshots(), paths.snapshots(), paths, bins=4)
    assert divergence.value == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(InvalidInput, match="as many"):
        time_average(wells(rng, 40), paths, wells(rng, 60), bins=4)
    with pytest.raises(InvalidInput, match="same number"):
        time_average(wells(rng, 10), paths, wells(rng, 10), bins=4)
    ragged = Snapshots.from_frames([np.zeros((n, 1)) for n in (30, 40)], [0.0, 1.0], domain=BOX)
    with pytest.raises(InvalidInput, match="same number"):
        time_average(ragged, paths, ragged, bins=4)
