"""Names of strangers are shown as they are: in pictures, on terminals, in csv files and in pages."""

import csv
import re
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest

from noneq.cli.output import emit, listing, progress, say, table
from noneq.data import Snapshots, read, write
from noneq.data.pictures import picture
from noneq.plain_text import FORMULA, cell, visible
from noneq.report.figures import canvas, history, metric_over_cases, png, svg


HOSTILE = ("$x_{", "[b]", "[/b]", "a\x1b[2Jb", "\0", "\ud800", "\u202etxt", "-->", "\ufffe")


def row(name):
    numbers = {"value": 1.0, "stderr": 0.1, "floor": None, "seeds": 1}
    return {"case": name, "method": name, "metric": name} | numbers


def test_what_prints_stays_and_the_rest_is_written_out():
    same = "α (µm) [b] $x$ 名前 − \u00a0"
    assert visible(same) == same
    assert visible("a\nb\tc") == "a\nb\tc"
    assert visible("a\nb\tc", keep="") == r"a\nb\tc"
    assert visible("\x1b[2J\0\ud800\u202e") == r"\x1b[2J\x00\ud800\u202e"
    assert visible(None) == "None"


@pytest.mark.parametrize("name", HOSTILE)
def test_pictures_take_any_name(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # such as a sign that the font lacks
        drawn = metric_over_cases([row(name)], name)
        data = Snapshots(np.eye(2), names=[name, "y"], units=[name, name])
        picture(data, tmp_path / "x.svg")
    for text in (drawn.decode(), (tmp_path / "x.svg").read_text()):
        assert not re.search("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
        ElementTree.fromstring(text)


def test_formulas_are_set_only_where_asked_for():
    def drawn(text, **how):
        with canvas(size=(1.0, 1.0)) as (figure, axes):
            axes.axis("off")
            axes.text(0, 0, text, **how)
            return png(figure)

    assert drawn("$x^2$") != drawn("$x^2$", gid=FORMULA)
    with pytest.raises(ValueError, match="x_"):
        drawn("$x_{$", gid=FORMULA)
    with canvas(size=(1.0, 1.0)) as (figure, axes):
        axes.set_title("$x_{$")
        assert b"<svg" in svg(figure)


def test_powers_of_ten_stay_formulas():
    dollar = b"M 2163 -941"  # where the outline of the sign begins
    drawn = history({"step": [1, 2, 3], "$loss$": [3.0, 0.1, 0.01]})
    assert b"mathdefault{10" in drawn  # a logarithmic axis
    assert dollar in drawn
    assert dollar not in history({"step": [1, 2, 3], "loss": [3.0, 0.1, 0.01]})


@pytest.mark.parametrize("name", HOSTILE)
def test_tables_of_the_terminal_take_any_name(name, capsys):
    emit(False, {}, table([row(name)], name), listing([name], [[name]], name), name, hint=name)
    say(name)
    done = capsys.readouterr()
    shown = visible(name, keep="")
    assert done.out.count(shown) >= 6
    assert shown in done.err
    assert not re.search("[\0\x1b\u202e\ufffe]", done.out + done.err)
    done.out.encode()


def test_a_bar_takes_any_name(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress(False, "study") as show:
        assert show is not None
        for i, name in enumerate(HOSTILE):
            show(i, len(HOSTILE), name)
    capsys.readouterr()


NAMES = ["=SUM(A1:A9)", "+1", "-1", "@x", "'=1", "x,=cmd|'/c'!A1", 'q"\\,;=2', "plain"]


def test_no_cell_of_a_csv_file_is_a_formula(tmp_path):
    data = Snapshots(np.eye(8, dtype=np.float32), names=NAMES, units=NAMES)
    write(data, tmp_path / "plain.csv")
    plain = (tmp_path / "plain.csv").read_text().splitlines()[0]
    write(data, tmp_path / "x.csv", record=True)
    text = (tmp_path / "x.csv").read_text()
    record, header = text.splitlines()[:2]
    for line, delimiters in ((record, ",;\t"), (header, ","), (plain, ",")):
        for delimiter in delimiters:
            [entries] = csv.reader([line], delimiter=delimiter)
            assert not [entry for entry in entries if entry.strip().startswith(tuple("=+-@"))]
    assert "'=SUM(A1:A9),'+1,'-1,'@x,''=1," in text
    back = read(tmp_path / "x.csv")
    assert list(back.names) == NAMES
    assert list(back.units) == NAMES
    assert len({cell(name) for name in [*NAMES, "=1", "1"]}) == len(NAMES) + 2
