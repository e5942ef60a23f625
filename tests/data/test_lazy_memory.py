"""Training on a zarr folder holds a small part of it: half a GB, in a process of its own."""

from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_memory_does_not_grow_with_the_data(monkeypatch):
    """15 % of the data at most, after the first chunk of steps; the rate is a benchmark's affair."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory is read from /proc")
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import scale_zarr  # pyright: ignore[reportMissingImports]

    found = {row["metric"]: row["value"] for row in scale_zarr.rows(0.5)}
    assert 0 <= found["rss_share"] < 0.15
    assert found["megabytes_per_second"] > 0
    assert found["window_megabytes"] < 20
