"""h5ad of single cells, TrackMate's XML, and molecular trajectories."""

import importlib.util
from pathlib import Path

import h5py
import numpy as np
import pytest

from noneq.data import Snapshots, Trajectories, read, write
from noneq.data.inspection import inspection
from noneq.data.layouts import checksum
from noneq.domains import Torus
from noneq.errors import DataFileError, InvalidInput


has = lambda name: importlib.util.find_spec(name) is not None
needs_anndata = pytest.mark.skipif(not has("anndata"), reason="needs the extra cells")
needs_chemfiles = pytest.mark.skipif(not has("chemfiles"), reason="needs the extra md")


@pytest.fixture
def cells(tmp_path):
    """Twelve cells of three days as anndata lays them out, with the counts as csr."""
    counts = np.random.default_rng(0).poisson(1.0, (12, 4)).astype("float32")
    path = tmp_path / "cells.h5ad"
    text = h5py.string_dtype()
    with h5py.File(path, "w") as file:
        obs, var = file.create_group("obs"), file.create_group("var")
        obs.attrs["_index"] = var.attrs["_index"] = "_index"
        obs.attrs["column-order"] = np.array(["day", "treatment", "n_genes"], object)
        obs.create_dataset("_index", data=[f"c{i}" for i in range(12)], dtype=text)
        var.create_dataset("_index", data=[*"ABCD"], dtype=text)
        for name, words in (("day", ["day 0", "day 2", "day 7"]), ("treatment", ["no", "yes"])):
            obs[f"{name}/codes"] = np.arange(12, dtype="int8") % len(words)
            obs.create_dataset(f"{name}/categories", data=words, dtype=text)
        obs["n_genes"] = np.arange(12)
        matrix, rows = file.create_group("X"), np.nonzero(counts)
        matrix.attrs["encoding-type"], matrix.attrs["shape"] = "csr_matrix", counts.shape
        matrix["data"], matrix["indices"] = counts[rows], rows[1].astype("int32")
        matrix["indptr"] = np.searchsorted(rows[0], np.arange(13))
    return path, counts


def test_cells_with_days_and_treatments(cells):
    path, counts = cells
    data = read(path, condition_columns=["treatment"])
    assert isinstance(data, Snapshots)
    np.testing.assert_array_equal(data.values, counts)
    assert (data.names, data.times.tolist(), data.time_unit) == (tuple("ABCD"), [0, 2, 7], "day")
    assert data.time_index.tolist() == [0, 1, 2] * 4
    assert data.condition.ravel().tolist() == [0, 1] * 6
    some = read(path, columns=["D", "B"])
    np.testing.assert_array_equal(some.values, counts[:, [3, 1]])
    said = inspection(path, condition_columns=["treatment"]).understood
    assert said.names("left out") == ("n_genes",)
    with pytest.raises(InvalidInput, match="no variable 'Q' in X; there are A, B, C, D"):
        read(path, columns=["Q"])
    with pytest.raises(InvalidInput, match="no obs column 'dose'; there are day"):
        read(path, condition_columns=["dose"])


def test_several_matrices_of_cells_are_asked_for(cells, rng):
    path, counts = cells
    places = rng.normal(size=(12, 3))
    with h5py.File(path, "a") as file:
        file["obsm/X_pca"], file["layers/double"] = places, 2 * counts
    with pytest.raises(InvalidInput, match="which are the states.*variable=obsm/X_pca"):
        read(path)
    data = read(path, reading=["variable=X_pca"])
    assert data.names == ("pca0", "pca1", "pca2")
    np.testing.assert_array_equal(data.values, places)
    np.testing.assert_array_equal(read(f"{path}:/layers/double").values, 2 * counts)


def test_velocities_of_cells_become_coordinates_if_they_are_asked_for(cells, rng):
    path, counts = cells
    places = rng.normal(size=(12, 3))
    with h5py.File(path, "a") as file:
        file["layers/velocity"], file["obsm/velocity_pca"] = 3 * counts, -places
    assert read(path).names == tuple("ABCD")
    some = read(path, columns=["D", "B"], velocities="auto")
    assert some.names == ("D", "B", "velocity_D", "velocity_B")
    np.testing.assert_array_equal(some.values[:, 2:], 3 * counts[:, [3, 1]])
    first = read(path, reading=["velocities=velocity"], components=2)
    assert first.names == ("A", "B", "velocity_A", "velocity_B")
    with h5py.File(path, "a") as file:
        file["obsm/X_pca"] = places
    data = read(path, reading=["variable=X_pca", "velocities=auto"])
    assert data.names[3:] == ("velocity_pca0", "velocity_pca1", "velocity_pca2")
    np.testing.assert_array_equal(data.values[:, 3:], -places)
    with pytest.raises(InvalidInput, match="velocities obsm/velocity_pca have shape .*12, 3"):
        read(path, reading=["variable=X", "velocities=velocity_pca"])
    with pytest.raises(InvalidInput, match="no velocities 'speed'; there are"):
        read(path, reading=["variable=X", "velocities=speed"])


def test_damaged_cells(cells):
    path, _ = cells
    with h5py.File(path, "a") as file:
        file["X/indices"][0] = 99
    with pytest.raises(DataFileError, match="sparse matrix 'X' is damaged"):
        read(path)
    with h5py.File(path, "a") as file:
        file["X"].attrs["shape"] = (10**9, 10**6)
    with pytest.raises(DataFileError, match="claims|damaged"):
        read(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataFileError):
        read(path)


@needs_anndata
def test_cells_are_written_back_with_names(tmp_path, rng):
    import anndata

    path = tmp_path / "a.h5ad"
    cloud = Snapshots(
        rng.normal(size=(5, 2)), [0.0, 2.0], [0, 0, 1, 1, 1], names=["a", "b"], units=["m", ""],
        condition=np.arange(5),
    )  # fmt: skip
    mask = np.array([[True, True], [True, False]])
    paths = Trajectories(rng.normal(size=(2, 2, 1)).astype("float32"), [0.0, 1.0], mask=mask)
    for data in (cloud, paths):
        write(data, path)
        assert checksum(read(path)) == checksum(data)
    write(cloud, path)
    found = anndata.read_h5ad(path)
    assert found.var_names.tolist() == ["a", "b"]
    np.testing.assert_array_equal(found.X, cloud.values)
    assert found.obs["time"].tolist() == [0, 0, 2, 2, 2]


@pytest.mark.skipif(has("anndata") and has("chemfiles"), reason="the extras are installed")
def test_extras_are_named(tmp_path):
    (tmp_path / "a.xtc").write_bytes(b"x")
    if not has("chemfiles"):
        with pytest.raises(InvalidInput, match=r"noneq\[md\]"):
            read(tmp_path / "a.xtc")
    if not has("anndata"):
        with pytest.raises(InvalidInput, match=r"noneq\[cells\]"):
            write(Snapshots(np.zeros((2, 1))), tmp_path / "a.h5ad")


SESSION = """<?xml version="1.0"?><TrackMate><Model spatialunits="µm" timeunits="s"><AllSpots>
{spots}</AllSpots><AllTracks><Track TRACK_ID="0"><Edge SPOT_SOURCE_ID="0" SPOT_TARGET_ID="2"/></Track>
<Track TRACK_ID="5"><Edge SPOT_SOURCE_ID="1" SPOT_TARGET_ID="3"/></Track></AllTracks></Model></TrackMate>"""
SPOT = (
    '<Spot ID="{0}" POSITION_X="{0}.5" POSITION_Y="2" POSITION_Z="0" POSITION_T="{1}" FRAME="{2}"/>'
)


def test_sessions_and_tracks_of_trackmate(tmp_path):
    path = tmp_path / "a.xml"
    spots = "".join(SPOT.format(i, 0.5 * (i // 2), i // 2) for i in range(5))
    path.write_text(SESSION.format(spots=spots), encoding="utf-8")
    data = read(path)
    assert data.values[:, :, 0].tolist() == [[0.5, 2.5], [1.5, 3.5]]
    assert (data.names, data.units) == (("POSITION_X", "POSITION_Y"), ("µm", "µm"))
    assert (data.times.tolist(), data.time_unit) == ([0, 0.5], "s")
    assert any("1 spot" in note for note in inspection(path).understood.notes)
    tracks = "".join(
        f'<particle nSpots="2"><detection t="0" x="{i}" y="1" z="{i}"/>'
        f'<detection t="1" x="{i}.5" y="1" z="0"/></particle>'
        for i in range(2)
    )
    head = '<Tracks spaceUnits="micron" frameInterval="0.5" timeUnits="sec">'
    path.write_text(f"{head}{tracks}</Tracks>")
    data = read(path)
    assert (data.values.shape, data.times.tolist()) == ((2, 2, 3), [0, 0.5])


@pytest.mark.parametrize(
    ("text", "words", "kind"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "entities; refused as unsafe", DataFileError),
        ("<a/>", "no tracks of TrackMate", InvalidInput),
        ("<a><b>", "no XML", DataFileError),
        (SESSION.format(spots=""), "names spot 0, which is not there", DataFileError),
    ],
)
def test_other_xml(text, words, kind, tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=words) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def xyz(path: Path, frames, comment=""):
    lines = []
    for i, frame in enumerate(frames):
        atoms = [
            f"{name} {x:.6f} {y:.6f} {z:.6f}" for name, (x, y, z) in zip("CNCO", frame, strict=True)
        ]
        lines += ["4", comment.format(0.5 * i), *atoms]
    path.write_text("\n".join(lines) + "\n")
    return path


@needs_chemfiles
def test_positions_of_atoms(tmp_path, rng):
    frames = rng.normal(size=(5, 4, 3))
    box = 'Lattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3 time={}'
    path = xyz(tmp_path / "a.xyz", frames, box)
    data = read(path)
    assert (data.event_shape, data.names, data.units[0]) == ((4, 3), ("C1", "N2", "C3", "O4"), "Å")
    np.testing.assert_allclose(data.values[0], frames, atol=1e-6)
    assert data.times.tolist() == [0, 0.5, 1, 1.5, 2]
    some = read(path, reading=["atoms=name C"])
    np.testing.assert_array_equal(some.values[0], data.values[0][:, [0, 2]])
    notes = inspection(path).understood.notes
    assert notes == (
        "4 of 4 atoms",
        "a periodic box of 9 × 9 × 9 Å; --domain torus:9 wraps positions",
    )
    far = read(path, reading=["atoms=pairs: name(#1) N and name(#2) O"])
    np.testing.assert_allclose(
        far.values[0, :, 0], np.linalg.norm(frames[:, 1] - frames[:, 3], axis=1), rtol=1e-5
    )
    for words in ("name Q", "((("):
        with pytest.raises(InvalidInput, match="atoms = "):
            read(path, reading=[f"atoms={words}"])


@needs_chemfiles
def test_dihedrals_have_the_sign_of_iupac_and_live_on_a_torus(tmp_path):
    angles = np.array([0.3, -2.0, 3.1])
    frames = [
        [(1, 0, 0), (0, 0, 0), (0, 0, 1.5), (np.cos(a), np.sin(a), 1.5)] for a in angles.tolist()
    ]
    path = xyz(tmp_path / "a.xyz", frames)
    words = (
        "four: name(#1) C and name(#2) N and name(#3) C and name(#4) O and index(#1) < index(#3)"
    )
    data = read(path, reading=[f"atoms={words}"])
    np.testing.assert_allclose(data.values[0, :, 0], angles, atol=1e-5)
    assert isinstance(data.domain, Torus)
    assert (data.domain.low, data.units) == (-np.pi, ("rad",))


@needs_chemfiles
def test_damaged_molecules(tmp_path):
    for name, content in (("a.xyz", b"99999999999\n\nC 0 0 0\n"), ("b.xtc", bytes(100))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataFileError) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)
