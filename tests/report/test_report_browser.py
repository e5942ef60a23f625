"""The page in a real browser: nothing complains, the slider moves the points."""

import numpy as np
import pytest

from browser import BROWSER, browse
from noneq.report.html import Clouds, Picture, Table, render


pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium here")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    times = np.array([0.0, 0.5, 3.0])
    # Frame i shows i + 1 points.
    points = np.full((3, 3, 2), np.nan)
    for i in range(3):
        points[i, : i + 1] = 0.1 * i
    moving = Clouds(
        "Moving", "points", times, {"truth": points, "model": points},
        {"truth": "#333333", "model": "#0072b2"}, np.full(2, -1.0), np.full(2, 1.0), time_unit="s",
    )  # fmt: skip
    return render(
        tmp_path_factory.mktemp("page") / "report.html",
        title="Test",
        figures=[
            moving,
            Picture("P", "still", "alt", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ],
        tables=[Table("N", ("case", "m"), [["a", "1"]])],
    )


def test_nothing_complains_and_it_opens_in_the_middle(tmp_path, page):
    dom, console = browse(tmp_path, page)
    assert console == []
    assert 'data-time="0.5"' in dom
    assert dom.count('data-drawn="2"') == 2
    assert ">t = 0.5 s</output>" in dom


def test_the_address_moves_the_slider(tmp_path, page):
    dom, console = browse(tmp_path, page, fragment="#t=2.9")
    assert console == []
    assert 'data-time="3"' in dom
    assert dom.count('data-drawn="3"') == 2


def test_moving_the_slider_moves_the_points(tmp_path, page):
    script = (
        "const s = document.querySelector('input'); s.value = 0;"
        "s.dispatchEvent(new Event('input', { bubbles: true }));"
        "const c = document.querySelector('canvas');"
        "const before = c.toDataURL(); s.value = 2; s.dispatchEvent(new Event('input'));"
        "document.body.dataset.repainted = before !== c.toDataURL();"
        "s.value = 0; s.dispatchEvent(new Event('input'));"
        "document.body.dataset.same = before === c.toDataURL();"
    )
    dom, console = browse(tmp_path, page, script=script)
    assert console == []
    assert 'data-time="0"' in dom
    assert dom.count('data-drawn="1"') == 2
    assert 'data-repainted="true"' in dom
    assert 'data-same="true"' in dom


def test_play_goes_on_and_pause_stops(tmp_path, page):
    script = (
        "const b = document.querySelector('button'); const seen = new Set();"
        "const f = document.querySelector('figure.clouds'); b.click();"
        "setTimeout(() => seen.add(f.dataset.time), 200);"
        "setTimeout(() => seen.add(f.dataset.time), 400);"
        "setTimeout(() => { seen.add(f.dataset.time); b.click(); const at = f.dataset.time;"
        "setTimeout(() => { document.body.dataset.seen = seen.size;"
        "document.body.dataset.stopped = at === f.dataset.time; }, 500); }, 600);"
    )
    dom, console = browse(tmp_path, page, script=script)
    assert console == []
    assert 'data-stopped="true"' in dom
    assert 'data-seen="3"' in dom or 'data-seen="2"' in dom


def test_a_complaint_would_be_seen(tmp_path, page):
    _, console = browse(tmp_path, page, script="nothing.such();")
    assert any("nothing is not defined" in line for line in console)


def test_the_policy_lets_nothing_else_in(tmp_path, page):
    text = page.read_text()
    for number, evil in enumerate(
        (
            "<script>document.body.dataset.evil = 1</script>",
            "<img src='data:,' onerror='document.body.dataset.evil = 1'>",
            f"<img src='{page.as_uri()}'><link rel='stylesheet' href='{page.as_uri()}'>",
            f"<iframe src='{page.as_uri()}'></iframe>",
        )
    ):
        other = page.with_name(f"evil{number}.html")
        other.write_text(text.replace("</main>", f"{evil}</main>"))
        dom, console = browse(tmp_path, other)
        assert "data-evil" not in dom
        assert any("Content Security Policy" in line for line in console), evil
        assert 'data-time="0.5"' in dom  # the page's own script runs
