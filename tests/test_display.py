"""What values say of themselves at a prompt and in a notebook."""

from html.parser import HTMLParser

import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from stub_methods import Stub


def estimate(value, stderr, n, **fields):
    arrays = {k: np.asarray(v) if k in ("times", "floor") else v for k, v in fields.items()}
    return nq.Estimate(np.asarray(value), np.asarray(stderr), np.asarray(n), **arrays)


class Tags(HTMLParser):
    """Tags and texts of a page."""

    def __init__(self, page):
        HTMLParser.__init__(self)
        self.open, self.tags, self.texts = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def paths():
    values = np.arange(24.0).reshape(3, 4, 2)
    seen = np.ones((3, 4), bool)
    seen[0, 3] = False
    labels = {"names": ["x", "<script>"], "units": ["um", "%"], "time_unit": "s"}
    return nq.Trajectories(values, [0, 0.5, 1, 1.5], mask=seen, condition=[[1], [2], [3]], **labels)


def test_data_say_what_they_are(paths):
    text = repr(paths)
    assert text.splitlines()[0] == "Trajectories: 3 paths, 4 times from 0 to 1.5 s"
    assert "x (um), <script> (%)" in text
    assert "8.3% of the states" in text
    assert "1 number each" in text
    assert repr(paths.snapshots()).startswith("Snapshots: 11 samples, 4 times from 0 to 1.5 s")
    assert repr(nq.Snapshots(np.zeros((1, 2)), domain=nq.Box(-1.0, 1.0))).count("\n") == 2


def test_a_notebook_shows_tables_that_fold_and_no_markup_of_names(paths):
    page = Tags(paths._repr_html_())
    assert page.tags.count("details") == 2
    assert "script" not in page.tags
    assert "<script>" in page.texts
    # Masked states count for nothing: they are stored as 0.
    mean = np.mean([values for values in paths.snapshots().values[:, 0]])
    assert f"{mean:.4g}" in page.texts


def test_means_in_a_notebook_are_of_every_so_many_states_of_long_data():
    data = nq.Snapshots(np.linspace(0, 1, 250_000)[:, None])
    page = Tags(data._repr_html_())
    assert "Coordinates, of one state in 3" in page.texts
    assert "0.5" in page.texts


def test_a_fit_and_its_model_tell_settings_and_abilities(paths, key):
    fit = Stub(label="<i>").fit(paths, key=key)
    assert repr(fit).startswith("Fit of Stub\n")
    assert "trajectories, 11 states, 4 times from 0 to 1.5 s" in repr(fit)
    assert "StubModel: states of 2 numbers, 19 parameters" in repr(fit)
    assert repr(fit.model).splitlines()[1].split() == ["can", "sample,", "snapshots,", "log_prob"]
    page = Tags(fit._repr_html_())
    assert "nested.width" in page.texts
    assert "'<i>'" in page.texts
    assert Tags(fit.model._repr_html_()).tags


def test_an_estimate_takes_formats_of_numbers():
    one = estimate(1.2345, 0.0412, 100, unit="um")
    assert f"{one:.2f}" == "1.23 ± 0.04 um"
    assert f"{one:.1e}" == "1.2e+00 ± 4.1e-02 um"
    assert f"{one}" == str(one) == "1.234 ± 0.041 um"
    assert repr(one) == "Estimate(1.234 ± 0.041 um, n = 100)"
    assert f"{estimate(1.0, 0.5, 9, bound='lower'):.1f}" == "≥ 1.0 ± 0.5"
    with pytest.raises(InvalidInput, match=r"\{e:\.2f\}"):
        f"{one:q}"


def test_several_values_are_listed_and_fold_out():
    many = estimate(np.arange(8.0), 0.5, 10, times=np.arange(8.0), floor=0.25)
    assert f"{many:.0f}" == "[0 ± 0, 1 ± 0, 2 ± 0, …, 5 ± 0, 6 ± 0, 7 ± 0]"
    assert "8 values, 0..7" in repr(many)
    page = Tags(many._repr_html_())
    assert page.tags.count("tr") == 9
    assert page.texts.count("0.25") == 8
