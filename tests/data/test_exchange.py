"""Ensembles from and to pandas, xarray and AnnData, by the rules of files."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import noneq as nq
from noneq.errors import InvalidInput, WrongType


LABELS = {"names": ("x", "y"), "units": ("um", ""), "time_unit": "s"}


@pytest.fixture
def paths(rng):
    """Three paths of which one ends early, in single precision."""
    seen = np.ones((3, 4), bool)
    seen[1, 3] = False
    values = rng.normal(size=(3, 4, 2)).astype(np.float32)
    kind = np.array([[0], [1], [1]])
    return nq.Trajectories(values, [0.0, 0.5, 1.0, 1.5], mask=seen, condition=kind, **LABELS)


def equal(one, other):
    """Same kind, numbers to the bit, precision and labels."""
    assert type(one) is type(other)
    assert one.labels() == other.labels()
    assert one.values.dtype == other.values.dtype
    pairs = [(one.values, other.values), (one.times, other.times)]
    pairs += [(one.counts, other.counts), (one.condition, other.condition)]
    assert all(np.array_equal(a, b) for a, b in pairs)
    return True


def test_tables_come_back(paths):
    frame = paths.to_pandas()
    assert list(frame) == ["time", "trajectory", "condition:0", "x", "y"]
    assert frame.attrs["units"] == {"x": "um", "time": "s"}
    assert len(frame) == 11
    assert equal(nq.Trajectories.from_pandas(frame), paths)
    assert equal(nq.Snapshots.from_pandas(frame), paths.snapshots())
    assert equal(nq.Snapshots.from_pandas(paths.snapshots().to_pandas()), paths.snapshots())


def test_data_sets_come_back(paths):
    assert equal(nq.Trajectories.from_xarray(paths.to_xarray()), paths)
    assert equal(nq.Snapshots.from_xarray(paths.snapshots().to_xarray()), paths.snapshots())
    fields = nq.Snapshots(np.arange(48.0).reshape(4, 1, 3, 4), names=["h"], units=["m"])
    assert equal(nq.Snapshots.from_xarray(fields.to_xarray()), fields)


def test_columns_are_known_by_their_names():
    frame = pd.DataFrame(
        {
            "Unnamed: 0": range(6),
            "particle": ["a", "a", "a", "b", "b", "b"],
            "frame": [0, 1, 2, 0, 1, 2],
            "x (µm)": np.arange(6.0),
            "note": list("uvwxyz"),
        }
    )
    data = nq.Trajectories.from_pandas(frame)
    assert (data.n, data.names, data.units, data.time_unit) == (2, ("x",), ("µm",), "frame")
    assert data.values[1, :, 0].tolist() == [3, 4, 5]
    indexed = frame.drop(columns=["Unnamed: 0", "note"]).set_index(["particle", "frame"])
    assert equal(nq.Trajectories.from_pandas(indexed), data)
    assert equal(nq.Snapshots.from_pandas(frame), data.snapshots())
    turned = nq.Trajectories.from_pandas(frame, units={"x": "nm"}, domain="torus:2")
    assert turned.units == ("nm",)
    assert turned.values.max() < 2


def test_dates_and_durations_are_times_with_a_unit():
    days = pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-04"])
    data = nq.Trajectories.from_pandas(pd.DataFrame({"date": days, "x": [1.0, 2.0, 4.0]}))
    assert data.times.tolist() == [0, 2, 3]
    assert data.time_unit == "day"
    steps = pd.DataFrame({"time": days - days[0], "x": [1.0, 2.0, 4.0]})
    assert nq.Trajectories.from_pandas(steps).times.tolist() == [0, 172800, 259200]
    array = xr.DataArray(np.ones((2, 3, 1)), dims=("trajectory", "time", "state"))
    dated = nq.Trajectories.from_xarray(array.assign_coords(time=days))
    assert dated.times.tolist() == [0, 2, 3]
    assert dated.time_unit == "day"


def test_missing_entries_are_refused_unless_they_are_our_own(paths):
    frame = pd.DataFrame({"time": [0, 0, 1, 1], "x": pd.array([1, None, 3, 4], "Int64")})
    with pytest.raises(InvalidInput, match="missing"):
        nq.Snapshots.from_pandas(frame)
    assert nq.Snapshots.from_pandas(frame, missing="mask").counts.tolist() == [1, 2]
    theirs = paths.to_xarray().assign_attrs(made_by="another")
    with pytest.raises(InvalidInput, match="missing|not finite"):
        nq.Trajectories.from_xarray(theirs)


def test_what_is_no_table_or_option_is_named():
    frame = pd.DataFrame({"time": [0.0, 1.0], "x": [1.0, 2.0]})
    with pytest.raises(WrongType, match="no pandas.DataFrame"):
        nq.Snapshots.from_pandas({"x": [1]})
    with pytest.raises(WrongType, match="no xarray"):
        nq.Snapshots.from_xarray(frame)
    with pytest.raises(WrongType, match="no AnnData"):
        nq.Snapshots.from_anndata(frame)
    with pytest.raises(InvalidInput, match="colums.*columns"):
        nq.Snapshots.from_pandas(frame, colums=["x"])
    with pytest.raises(InvalidInput, match="no rows"):
        nq.Snapshots.from_pandas(frame[:0])


@pytest.fixture
def cells(rng):
    """As AnnData is laid out, without the package."""
    obs = pd.DataFrame({"stage": pd.Categorical(["E8.5", "E7", "E7"]), "batch": [1, 0, 1]})
    space = {"X_pca": rng.normal(size=(3, 2)), "X_umap": rng.normal(size=(3, 2))}
    names = pd.Index(["Gata1", "Sox2"])
    return SimpleNamespace(obs=obs, obsm=space, layers={}, X=np.eye(3, 2), var_names=names, uns={})


def test_cells_are_states_at_times(cells):
    data = nq.Snapshots.from_anndata(cells, use="X_pca", time="stage", condition_columns=["batch"])
    assert data.names == ("pca1", "pca2")
    assert data.times.tolist() == [7, 8.5]
    assert np.array_equal(data.at(8.5), cells.obsm["X_pca"][:1])
    assert data.condition.tolist() == [[1], [0], [1]]
    with pytest.raises(InvalidInput, match="'stage' could be the time; say time=NAME"):
        nq.Snapshots.from_anndata(cells, use="X")
    genes = nq.Snapshots.from_anndata(cells, use="X", time="none")
    assert genes.names == ("Gata1", "Sox2")
    assert genes.times.size == 1


def test_cells_that_leave_a_choice_open_are_refused(cells):
    with pytest.raises(InvalidInput, match="X_pca, X_umap.*use="):
        nq.Snapshots.from_anndata(cells)
    with pytest.raises(InvalidInput, match="no array.*X_pcs.*X_pca"):
        nq.Snapshots.from_anndata(cells, use="X_pcs")
    with pytest.raises(InvalidInput, match="column of obs 'day'.*stage"):
        nq.Snapshots.from_anndata(cells, use="X", time="day")
    cells.obs["stage"] = ["E7", "late", "E8"]
    with pytest.raises(InvalidInput, match="no number"):
        nq.Snapshots.from_anndata(cells, use="X", time="stage")


def test_anndata_comes_back(paths):
    pytest.importorskip("anndata")
    cells = paths.to_anndata()
    assert cells.shape == (11, 2)
    assert equal(nq.Trajectories.from_anndata(cells), paths)
    assert equal(nq.Snapshots.from_anndata(paths.snapshots().to_anndata()), paths.snapshots())
