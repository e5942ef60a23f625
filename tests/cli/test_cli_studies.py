"""Studies from the command line: rows, resumption, partial failure, the demo."""

import json
from pathlib import Path
from typing import ClassVar

import jax
import pytest

from noneq.cli import studying
from noneq.errors import InvalidInput
from noneq.report.tables import charts
from noneq.runs import Row
from noneq.studies import AbstractStudy
from noneq.studies.base import AbstractCell, Outcome


class DrawCell(AbstractCell):
    replicate: int = 0
    broken: bool = False

    @property
    def case(self):
        return f"broken={self.broken}"

    @property
    def method_name(self):
        return "draw"

    def __call__(self, key):
        if self.broken:
            raise InvalidInput("this cell is broken.")
        return Outcome((Row(self.case, "draw", "number", float(jax.random.normal(key)), 0.0),))


class DrawStudy(AbstractStudy):
    name: ClassVar[str] = "draws"
    title: ClassVar[str] = "Draws"
    question: ClassVar[str] = "What comes out?"
    limits: ClassVar[tuple[str, ...]] = ()
    sources: ClassVar[tuple[str, ...]] = ()
    seeds: int = 2
    broken: bool = False

    @staticmethod
    def figures(rows, cells):
        return charts(rows)

    def reduced(self):
        return DrawStudy(seeds=1, broken=self.broken)

    def all_cells(self):
        cells = [DrawCell(i) for i in range(self.seeds)]
        return [*cells, DrawCell(0, True)] if self.broken else cells


@pytest.fixture
def draws(monkeypatch):
    monkeypatch.setattr(studying, "study_named", lambda name: DrawStudy())


def test_a_study_prints_what_it_keeps(noneq, draws):
    done = noneq("study", "draws", "--json", "--set", "seeds=3")
    assert done.code == 0, done.err
    kept = json.loads(Path("noneq-draws/metrics.json").read_bytes())
    assert done.json == kept
    assert kept["command"] == "noneq study draws -o noneq-draws --set seeds=3"
    assert kept["rows"][0]["seeds"] == 3
    assert Path("noneq-draws/report.html").exists()
    again = noneq("study", "draws", "--json", "--set", "seeds=3", "--quiet")
    assert (again.json, again.err) == (kept, "")
    assert noneq("report", "noneq-draws").code == 0


def test_a_broken_cell_is_partial(noneq, draws):
    done = noneq(
        "study", "draws", "-o", "run", "--quick", "--quiet", "--set", "broken=true", "--json"
    )
    assert done.code == 3
    assert done.json["rows"][0]["seeds"] == 1
    assert done.err == "noneq: broken=True draw failed: this cell is broken.\n"


def test_the_demo_says_where_the_report_is(noneq, draws):
    done = noneq("demo", "--quiet")
    assert done.code == 0, done.err
    assert "report: noneq-demo/report.html" in done.out
