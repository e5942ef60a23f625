"""Pictures and the page of the study genphys, from rows that are made up."""

import sys
from pathlib import Path

import numpy as np
import pytest

from noneq.pde import zoo
from noneq.studies.genphys.curves import excess, excess_picture, styles_of, sweep_picture
from noneq.studies.genphys.pictures import charges_picture, figures
from noneq.studies.genphys.table import condition, formulas, sign, table_picture, verdicts
from noneq.studies.running import Kept
from noneq.studies.sheets import samples_sheet


DOCS = Path(__file__).parents[2] / "docs"
PROCESSES = ("EDM", "Heat", "PFGMpp(D=2)", "Yukawa(m=1)", "Yukawa(m=4)")


def row(case, method, metric, value, stderr=0.0, floor=None, seeds=3):
    names = ("case", "method", "metric", "value", "stderr", "floor", "seeds")
    return dict(zip(names, (case, method, metric, value, stderr, floor, seeds), strict=True))


def judged(name, c1, c2, both):
    values = {"c1": c1, "c2": c2, "s_generative": both, "seconds": 0.2}
    return [row(f"verdict:{name}", "GenPhys", m, float(v), seeds=1) for m, v in values.items()]


@pytest.fixture(scope="module")
def rows():
    made = [*judged("wave", 0, 0, 0), *judged("helmholtz", 0.5, 0.5, 0.5)]
    made += [*judged("poisson", 1, 1, 1), *judged("yukawa", 1, 1, 1)]
    for handling, value in (("source_free", 0.2), ("weights", 0.19), ("ignored", 0.01)):
        for case in ("two_charges:m=1,z=3", "two_charges:m=0.3,z=1"):
            made.append(row(case, handling, "weight_small", value, 0.004, seeds=1))
            made.append(row(case, handling, "effective_fraction", 0.61, seeds=1))
    for case, error in (("8gaussians", 0.002), ("digits", 0.5)):
        for i, name in enumerate(PROCESSES):
            for metric in ("sliced_w2", "mmd", "w2"):
                made.append(row(case, name, metric, 0.05 + 0.01 * i, error, 0.03))
            for sweep in ("steps=4", "steps=8", "error=0.02", "error=0.2"):
                made.append(row(f"{case}:{sweep}", name, "sliced_w2", 0.5 / (1 + i), 0.3, 0.05))
    return made


def kept(rng):
    return [
        Kept(case, name, replicate, {"samples": rng.random((30, *event))} if not replicate else {})
        for case, event in (("8gaussians", (2,)), ("digits", (1, 8, 8)), ("mine", (2,)))
        for name in PROCESSES
        for replicate in (0, 1)
    ]


@pytest.mark.slow
def test_all_pictures_are_there_and_deterministic(rows, rng):
    cells = kept(rng)
    made = figures(rows, cells)
    assert [figure.title for figure in made] == [
        "Which equations generate.",
        "Two charges, the source handled in several ways.",
        "Two blobs over time.",
        "Field lines.",
        "8gaussians: samples.",
        "digits: samples.",
        "mine: samples.",
        "Excess over the floor, against EDM's.",
        "Fewer steps.",
        "A network with errors.",
    ]
    for i, draw in ((0, table_picture), (1, charges_picture), (7, excess_picture)):
        again = draw(rows)
        assert again is not None
        assert again.data == made[i].data
    assert all(figure.alt and figure.caption for figure in made)


def test_a_run_that_failed_half_way_gives_what_it_has(rows, rng):
    assert figures([], []) == []
    assert len(figures([], kept(rng)[:1])) == 1
    verdict_of_wave = rows[:4]
    assert [f.title for f in figures(verdict_of_wave, [])] == [
        "Which equations generate.",
        "Two blobs over time.",
    ]
    assert figures(verdict_of_wave[:2], []) == []
    without_edm = [r for r in rows if r["method"] != "EDM"]
    assert excess(without_edm, "8gaussians", "mmd") is None
    assert sweep_picture(without_edm, "steps") is not None
    assert charges_picture(rows[:16]) is None


def test_verdicts_come_from_the_rows_and_formulas_from_the_equation(rows):
    found = verdicts(rows)
    assert list(found) == ["poisson", "yukawa", "helmholtz", "wave"], "in the order of the zoo"
    assert found["helmholtz"] == {"c1": 0.5, "c2": 0.5, "s_generative": 0.5}
    assert [sign(v) for v in (1.0, 0.5, 0.0)] == ["✓", "½", "✗"]
    equation, omega, density, flux, source = formulas("yukawa")
    assert equation == "u_tt + ∇²u − m² u = 0"
    assert omega == "−i √(k² + m²)"
    assert (density, flux, source) == ("−φ_t", "−∇φ", "−m² φ")
    assert formulas("fractional")[0] == "u_t = −(−∇²)^(a/2) u"
    assert condition("helmholtz") == "2 π/box > 1.51 k0"
    assert condition("poisson") == ""
    picture = table_picture(rows)
    assert picture is not None
    assert "wave ✗, ✗, ✗" in picture.alt


def test_every_equation_of_the_zoo_fits_the_table():
    everything = [r for name in zoo() for r in judged(name, 1, 0.5, 0)]
    picture = table_picture(everything)
    assert picture is not None
    assert picture.alt.count("✓, ½, ✗") == len(zoo())


def test_a_ratio_only_where_the_excess_of_edm_is_no_noise(rows):
    sure = excess(rows, "8gaussians", "sliced_w2")
    assert sure is not None
    assert sure.ratio
    assert sure.floor == 0
    assert sure.reference == pytest.approx((0.02, 0.002))
    value, error = sure.values["PFGMpp(D=2)"]
    assert value == pytest.approx(2.0)  # (0.07 - 0.03)/(0.05 - 0.03)
    assert error == pytest.approx(np.hypot(0.002, 2 * 0.002) / 0.02)
    assert "EDM" not in sure.values
    noise = excess(rows, "digits", "sliced_w2")
    assert noise is not None
    assert not noise.ratio
    assert noise.floor == pytest.approx(-0.02)
    assert noise.values["PFGMpp(D=2)"] == pytest.approx((0.02, np.hypot(0.5, 0.5)))


def test_the_error_of_a_ratio_is_the_spread_of_ratios(rng):
    """10⁵ draws of both excesses; the linearised error is within 5 %."""
    a, a_err, b, b_err = 0.09, 0.006, 0.06, 0.004
    pair = [
        row("moons", "EDM", "mmd", b + 0.01, b_err, 0.01),
        row("moons", "Heat", "mmd", a + 0.01, a_err, 0.01),
    ]
    made = excess(pair, "moons", "mmd")
    assert made is not None
    drawn = rng.normal(a, a_err, 100_000) / rng.normal(b, b_err, 100_000)
    assert made.values["Heat"][1] == pytest.approx(drawn.std(), rel=0.05)
    # A twin that forgets the error of EDM is caught.
    assert abs(a_err / b / drawn.std() - 1) > 0.2


def test_styles_are_distinct_and_belong_to_the_process():
    styles = styles_of(PROCESSES)
    assert len(set(styles.values())) == len(PROCESSES)
    assert styles_of(("EDM", "Yukawa(m=1)"))["EDM"] == styles["EDM"]
    assert len(styles_of([f"new{i}" for i in range(9)])) == 9


def test_sheets_say_whether_the_truth_is_among_them(rng):
    methods = {"EDM": {"samples": rng.random((9, 2))}}
    assert samples_sheet("x", methods).caption.startswith("The first samples of each")
    both = {"optimal": {"samples": rng.random((9, 2))}} | methods
    assert samples_sheet("x", both).caption.startswith("True samples, then")
    assert "truth, EDM" in samples_sheet("x", both).alt


@pytest.mark.slow
def test_the_page_of_the_documentation(tmp_path, rows, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import genphys_pages

    text = genphys_pages.page({"rows": rows}, tmp_path)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == [
        "genphys_blobs_0.png",
        "genphys_blobs_1.png",
        "genphys_charges.svg",
        "genphys_excess.svg",
        "genphys_sweep_0.svg",
        "genphys_sweep_1.svg",
    ]
    assert all(f"../images/{name}" in text for name in drawn)
    assert "| helmholtz | ½ | ½ | ½ | 2 π/box > 1.51 k0 |" in text
    assert "| m=1, z=3 | 0.2000 ± 0.0040 | 0.1900 ± 0.0040 (61%) | 0.0100 ± 0.0040 |" in text
    assert "| PFGMpp(D=2) | 2.00 ± 0.22 × |" in text
    assert "+0.02 ± 0.71" in text
    assert "| EDM | 0.0500 ± 0.0020 | 0.05 ± 0.50 |" in text
    assert "steps=4" not in text, "sweeps are pictures"
    assert genphys_pages.page({"rows": []}, tmp_path) == ""
    assert str(DOCS) in sys.path
