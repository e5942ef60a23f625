import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from noneq.errors import InvalidInput, WriteFailed
from noneq.report.citations import bibtex
from noneq.report.figures import canvas, history, metric_over_cases, png, svg
from noneq.report.html import Clouds, Picture, Table, render, with_error


EVIL = "<script>alert(1)</script> \"' onload=alert(2) & $x_{ [b]"


class Page(HTMLParser):
    """Tags, their attributes and the text outside scripts and styles."""

    def __init__(self, text):
        HTMLParser.__init__(self)
        self.tags, self.text, self._open = [], "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data):
        if self._open not in ("script", "style"):
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def clouds(name="truth", count=3):
    points = np.zeros((count, 4, 2))
    points[:, 1] = np.nan
    points[:, 2] = 9.0
    return Clouds(
        "Move", "it", np.arange(count) / 2, {name: points}, {name: "#123456"},
        np.array([-1.0, -1.0]), np.array([1.0, 1.0]), ("x", "y"), "s",
    )  # fmt: skip


def page(path, **changes):
    parts = {
        "title": "T",
        "figures": [clouds()],
        "tables": [Table("N", ("case", "m"), [["a", "1 ± 2"]])],
        "limits": ["L1"],
        "sources": ["S1"],
        "command": "noneq demo",
        "settings": "n = 1",
    }
    return render(path, **(parts | changes)).read_text()


def test_pictures_come_first_and_every_part_is_there(tmp_path):
    text = page(tmp_path / "report.html")
    order = [text.index(part) for part in ("<figure", "<table", "L1", "S1", "noneq demo", "n = 1")]
    assert order == sorted(order)
    assert Page(text).all("h1")
    assert [tag for tag, _ in Page(text).tags if tag == "h2"] == ["h2"] * 5


def test_it_needs_no_network(tmp_path):
    text = page(tmp_path / "report.html", figures=[Picture("P", "c", "alt", b"<svg/>"), clouds()])
    links = [a[name] for _, a in Page(text).tags for name in ("src", "href") if name in a]
    assert links
    assert all(link.startswith("data:") for link in links)
    assert not re.search(r"https?://|@import|url\(", text)


def test_text_cannot_become_code(tmp_path):
    text = page(
        tmp_path / "report.html",
        title=EVIL,
        lead=EVIL,
        notes=[EVIL],
        figures=[Picture(EVIL, EVIL, EVIL, b"<svg onload='alert(3)'/>"), clouds(EVIL)],
        tables=[Table(EVIL, (EVIL, EVIL), [[EVIL, EVIL]], EVIL)],
        limits=[EVIL],
        sources=[EVIL],
        command=EVIL,
        settings=EVIL,
        made_with=EVIL,
    )
    parsed = Page(text)
    assert len(parsed.all("script")) == 1
    assert "<script>alert" not in text
    assert not any(name.startswith("on") for _, attrs in parsed.tags for name in attrs)
    # All of it is still there to be read.
    assert parsed.text.count(EVIL) >= 12
    assert parsed.all("img")[0]["alt"] == EVIL


def test_the_policy_allows_the_one_script_and_no_network(tmp_path):
    text = page(tmp_path / "report.html", title="bell \x07, half \ud800")
    [script] = re.findall("<script>(.*)</script>", text, re.DOTALL)
    code = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    [policy] = [a["content"] for a in Page(text).all("meta") if "http-equiv" in a]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": "'unsafe-inline'",
        "script-src": f"'sha256-{code}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert text.index("Content-Security-Policy") < text.index("<style")
    assert r"bell \x07, half \ud800" in text


def test_points_are_packed_and_those_outside_left_out(tmp_path):
    text = page(tmp_path / "report.html")
    [panel] = Page(text).all("canvas")
    codes = np.frombuffer(base64.b64decode(panel["data-points"]), "<u2").reshape(3, 4, 2)
    assert (codes[:, [0, 3]] == 32767).all()
    assert (codes[:, [1, 2]] == 65535).all()
    assert panel["role"] == "img"
    assert "truth" in panel["aria-label"]


def test_wrong_points_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"expected \(2, n, 2\)"):
        page(tmp_path / "r.html", figures=[Clouds(**(vars(clouds()) | {"times": np.arange(2.0)}))])
    assert not (tmp_path / "r.html").exists()


def test_an_unwritable_place_keeps_the_old_page(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteFailed):
        page(tmp_path / "file" / "report.html")


def test_empty_parts_leave_no_heading(tmp_path):
    text = render(tmp_path / "r.html", title="Only a title").read_text()
    assert "<h2" not in text
    assert "<figure" not in text


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (0.054123, 0.00043, "0.05412 ± 0.00043"),
        (103.53, 0.56, "103.53 ± 0.56"),
        (1234.5, 120.0, "1234 ± 120"),
        (0.258, 0.0, "0.258"),
        (0.258, None, "0.258"),
        (1.0, float("nan"), "1"),
        (1e-12, 1e-13, "1e-12 ± 1e-13"),
    ],
)
def test_numbers_with_errors(value, stderr, text):
    assert with_error(value, stderr) == text


def test_pictures_are_the_same_bytes_again():
    columns = {"step": [1, 2, 3], "loss": [3.0, 0.1, 0.01], "held_out_loss": [3.0, 1.0, 0.2]}
    assert history(columns) == history(columns)
    assert b"<dc:date>" not in history(columns)
    rows = [
        {"case": c, "method": m, "metric": "k", "value": 1.0, "stderr": 0.1, "floor": 0.5}
        for c in ("a", "b")
        for m in ("ScoreMatching", "Mine")
    ]
    assert metric_over_cases(rows, "k") == metric_over_cases(rows, "k")
    with canvas(size=(1.0, 1.0)) as (figure, axes):
        axes.plot([0, 1])
        assert png(figure).startswith(b"\x89PNG")
        assert svg(figure).startswith(b"<?xml")


def test_sources():
    assert "2505.18621" in bibtex("beyond_equilibrium")
    assert bibtex("beyond_equilibrium").count("@") == 1
    assert bibtex("unheard_of") == "unheard_of"
