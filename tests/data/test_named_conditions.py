"""Conditions with names: texts become categories, and stay what they were called."""

import numpy as np
import pytest

from noneq import cli
from noneq.data import Snapshots, Trajectories, read, write
from noneq.data.inspection import inspection
from noneq.data.layouts import checksum
from noneq.data.readings.matching import matched
from noneq.data.summary import summarise
from noneq.errors import InvalidInput, WrongType


DRUGS = ("ctrl", "drugA", "drugB")


def table(path, drugs, dose=None, header="time,drug,x"):
    """Three samples a category at two times."""
    lines = [header if dose is None else "time,drug,dose,x"]
    for i, drug in enumerate(drugs):
        more = "" if dose is None else f"{dose[i]},"
        lines.append(f"{i % 2},{drug},{more}{i * 0.5}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_texts_are_categories_in_alphabetical_order(tmp_path):
    path = table(tmp_path / "t.csv", ["drugB", "ctrl", "drugA", "ctrl"])
    data = read(path, condition_columns=["drug"])
    assert data.categories == (DRUGS,)
    assert data.condition_names == ("drug",)
    assert data.condition.dtype == np.int64
    assert data.condition.ravel().tolist() == [2, 0, 1, 0]
    assert data.names == ("x",)
    asked = read(path, reading=["condition=drug"])
    assert asked.categories == data.categories
    said = inspection(path, condition_columns=["drug"])
    assert said.categories == (DRUGS,)
    assert any("3 categories: ctrl" in part.why for part in said.understood.parts)
    left = inspection(path).understood
    assert any("--condition-column drug" in part.why for part in left.parts)


def test_a_text_and_a_quantity(tmp_path):
    dose = [0.1, 0.5, 1.0, 0.1]
    data = read(
        table(tmp_path / "t.csv", ["b", "a", "b", "a"], dose), condition_columns=["dose", "drug"]
    )
    assert data.condition_names == ("dose", "drug")
    assert data.categories == ((), ("a", "b"))
    assert data.condition[:, 0].tolist() == dose
    summary = summarise(data)
    assert summary.condition_levels == ((), (0, 1)), "one column of numbers, one of categories"


@pytest.mark.parametrize("suffix", ["csv", "npz", "nc", "zarr", "parquet"])
@pytest.mark.parametrize("paired", [False, True])
def test_names_come_back_from_every_format(tmp_path, suffix, paired):
    # Names that look like numbers, missing codes or formulas are names all the same.
    names, drugs = ["NA", "1", "=2", "a,b", "-"], ["1", "=2", "a,b", "NA", "-", "1"]
    own = [names, ()]
    condition = np.column_stack([[names.index(d) for d in drugs], np.linspace(0, 1, 6)])
    labels = {"condition": condition, "condition_names": ["drug", "dose"], "categories": own}
    data = (
        Trajectories(np.zeros((6, 2, 1)), [0.0, 1.0], **labels)
        if paired
        else Snapshots(np.arange(6.0), **labels)
    )
    write(data, tmp_path / f"d.{suffix}", record=suffix == "csv")
    back = read(tmp_path / f"d.{suffix}")
    assert checksum(back) == checksum(data)
    assert back.categories == (tuple(names), ())
    assert back.condition_names == ("drug", "dose")
    if suffix == "csv":
        assert "condition:drug" in (tmp_path / "d.csv").read_text()
        assert '"a,b"' in (tmp_path / "d.csv").read_text()


def test_other_formats_of_others(tmp_path):
    drug = np.array(["wt", "ko", "wt", "ko"])
    np.savez(tmp_path / "d.npz", values=np.zeros((4, 1)), times=np.array([0.0, 0, 1, 1]), drug=drug)
    assert read(tmp_path / "d.npz", condition_columns=["drug"]).categories == (("ko", "wt"),)
    frame = Snapshots(np.arange(4.0), condition=drug, condition_names=["drug"]).to_xarray()
    assert frame["drug"].to_numpy().tolist() == drug.tolist()
    frame[["values", "drug"]].drop_vars("state").to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    found = read(tmp_path / "d.nc", condition_columns=["drug"])
    assert found.categories == (("ko", "wt"),)
    assert found.condition.ravel().tolist() == [1, 0, 1, 0]


def test_in_python_texts_may_be_given_as_they_are():
    data = Snapshots(np.arange(3.0), condition=["wt", "ko", "wt"])
    assert data.categories == (("ko", "wt"),)
    assert data.take(np.array([0])).categories == data.categories
    ordered = Snapshots(np.arange(2.0), condition=["wt", "ko"], categories=[["wt", "ko"]])
    assert ordered.condition.ravel().tolist() == [0, 1]
    plain = Snapshots(np.arange(3.0), condition=[0, 1, 0])
    assert plain.categories == plain.condition_names == ()
    with pytest.raises(InvalidInput, match="'het' is no category; known: wt, ko"):
        Snapshots(np.arange(1.0), condition=["het"], categories=[["wt", "ko"]])
    with pytest.raises(InvalidInput, match="2 in column 0 has no name"):
        Snapshots(np.arange(1.0), condition=[2], categories=[["wt", "ko"]])
    with pytest.raises(WrongType, match="complex"):
        Snapshots(np.arange(1.0), condition=np.array([1j], object))


def test_missing_categories_are_refused_or_left_out(tmp_path):
    path = table(tmp_path / "m.csv", ["wt", "", "ko", "NA"])
    with pytest.raises(InvalidInput, match="2 rows have no drug, the first is row 2"):
        read(path, condition_columns=["drug"])
    data = read(path, condition_columns=["drug"], missing="mask")
    assert data.n == 2
    assert data.condition.dtype == np.int64
    assert data.categories == (("ko", "wt"),)


def test_another_file_is_matched_by_name():
    fitted = summarise(Snapshots(np.arange(4.0), condition=["a", "b", "c", "a"]))
    new = Snapshots(np.arange(2.0), condition=["c", "b"])
    assert new.condition.ravel().tolist() == [1, 0]
    assert matched(new, fitted).condition.ravel().tolist() == [2, 1]
    assert matched(new, fitted).categories == fitted.categories
    with pytest.raises(
        InvalidInput, match="'d' does not occur in the data of the fit; known: a, b"
    ):
        matched(Snapshots(np.arange(2.0), condition=["d", "a"]), fitted)
    with pytest.raises(
        InvalidInput, match="the run have named categories|numbers; write them alike"
    ):
        matched(Snapshots(np.arange(2.0), condition=[0, 1]), fitted)


def test_columns_of_conditions_are_matched_by_name():
    both = {"condition": np.array([["a", "x"], ["b", "y"]]), "condition_names": ["gene", "drug"]}
    fitted = summarise(Snapshots(np.arange(2.0), **both))
    turned = Snapshots(
        np.arange(2.0), condition=both["condition"][:, ::-1], condition_names=["drug", "gene"]
    )
    assert np.array_equal(matched(turned, fitted).condition, [[0, 0], [1, 1]])
    other = Snapshots(np.arange(2.0), condition=["a", "b"], condition_names=["genotype"])
    with pytest.raises(InvalidInput, match="no condition 'gene'"):
        matched(other, fitted)


SMALL = [
    *["--set", "training.steps=400", "--set", "net.width=32", "--set", "net.depth=2"],
    *["--set", "sampler.steps=20", "--quiet"],
]


def test_a_fit_is_sampled_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng, drugs = np.random.default_rng(0), np.array(DRUGS)
    code = np.arange(300) % 3
    rows = [f"{i % 2},{drugs[k]},{rng.normal(6 * k, 0.5):.4f}" for i, k in enumerate(code)]
    (tmp_path / "t.csv").write_text("time,drug,x\n" + "\n".join(rows) + "\n")
    run = ["fit", "ScoreMatching", "t.csv", "-o", "run", "--condition-column", "drug", *SMALL]
    assert cli.run(run) == 0
    draw = ["sample", "run", "--n", "80", "--times", "1", "--quiet"]
    assert cli.run([*draw, "-o", "s.csv", "--record", "--condition", "drugB"]) == 0
    drawn = read("s.csv")
    assert drawn.categories == (DRUGS,)
    assert drawn.condition_names == ("drug",)
    assert "drugB" in (tmp_path / "s.csv").read_text().splitlines()[2]
    assert abs(drawn.values.mean() - 12) < 2
    capsys.readouterr()
    assert cli.run([*draw, "-o", "u.csv", "--condition", "drugC"]) == 2
    assert "'drugC' is not among the training data; known: ctrl, drugA, drugB" in (
        capsys.readouterr().err
    )
    # A file with fewer drugs numbers them otherwise.
    (tmp_path / "new.csv").write_text(
        "time,drug,x\n" + "\n".join(row for row in rows if "ctrl" not in row) + "\n"
    )
    score = [
        "evaluate",
        "run",
        "new.csv",
        "--condition-column",
        "drug",
        "--metrics",
        "w1",
        "--json",
    ]
    assert cli.run([*score, "--n", "60", "--quiet"]) == 0
    import json

    row = json.loads(capsys.readouterr().out)["rows"][0]
    assert row["value"] < 2, "each drug is compared with its own: taken by number it would be 6"
