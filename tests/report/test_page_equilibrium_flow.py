"""The page of `equilibrium_flow` shows the rows that exist, and needs none of them."""

import sys
from pathlib import Path

import pytest


DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def pages():
    """The module that writes the page, which lives beside the documentation."""
    sys.path.insert(0, str(DOCS))
    try:
        import equilibrium_flow_pages

        yield equilibrium_flow_pages
    finally:
        sys.path.remove(str(DOCS))


def row(case: str, method: str, metric: str, value: float, **rest) -> dict:
    fixed = {"case": case, "method": method, "metric": metric, "value": value}
    return fixed | {"stderr": 0.01, "floor": None, "seeds": 1} | rest


SHAPES = [
    row("ring", "EquilibriumFlow", "invariance_residual", 0.03, seeds=2),
    row("ring", "EquilibriumFlow", "mmd2_after_100", 3e-4, stderr=1e-5, floor=2e-4, seeds=2),
]
LORENZ = [
    row("lorenz", "EquilibriumFlow", "cosine_to_truth", 0.31),
    row("lorenz", "EquilibriumFlow(biased)", "cosine_to_truth", 0.25),
    row("lorenz", "EquilibriumFlow", "seeds_with_chaos", 9.0, stderr=0.0),
    row("lorenz", "random skew", "cosine_to_truth", 0.14),
]
PATTERNS = [
    row("gray_scott:life", "SkewFlow", "displacement_cosine", 0.3),
    row("gray_scott:maze", "random kernel", "displacement_cosine", 0.1),
    row("gray_scott:life", "data", "alive_percent", 61.2, stderr=0.0),
]
DRAWS = [
    row("lorenz", "EquilibriumFlow", "cosine_published_metric", 0.06, stderr=0.02),
    row("lorenz", "EquilibriumFlow, exact score", "even_share", 0.002, stderr=0.001),
]
PROTOCOL = [
    row("gray_scott:maze", "SkewFlow", "displacement_cosine_published_protocol", 0.2),
    row("gray_scott:maze", "SkewFlow", "displacement_cosine_best_state", 0.4, stderr=0.0),
    row("gray_scott:life", "SkewFlow", "displacement_cosine_odd", 0.05),
    row("gray_scott:life", "score alone", "displacement_cosine_even", 0.1),
]
DESIGN = [
    row("design:geese", "SkewFlow", "polarisation", 0.7),
    row("design:geese", "control", "polarisation", 0.3),
    row("design:geese", "SkewFlow", "expected_sign", 1.0, stderr=0.0),
    row("design:geese", "SkewFlow", "z", 7.2, stderr=0.0),
    row("design:geese", "SkewFlow", "p_corrected", 1e-9, stderr=0.0),
]
TITLES = {"in the plane": SHAPES, "Lorenz": LORENZ, "Gray–Scott": PATTERNS, "designs": DESIGN}


def test_all_parts_are_shown(pages, tmp_path):
    text = pages.page({"rows": SHAPES + LORENZ + PATTERNS + DESIGN}, tmp_path)
    lines = text.splitlines()
    one = "| ring | EquilibriumFlow | 0.030 ± 0.010 | 0.000300 ± 0.000010 | 0.0002 | 1.5 | 2 |"
    assert one in lines
    assert "| EquilibriumFlow(biased) | 0.250 ± 0.010 |  |" in lines
    assert "| EquilibriumFlow | 0.310 ± 0.010 | 9 |" in lines
    assert "| random skew | 0.140 ± 0.010 (0.129) |" in lines
    assert "|  | life | maze |" in lines
    assert "| SkewFlow | 0.300 ± 0.010 |  |" in lines
    assert "| *snapshots alive* | 61 % |  |" in lines
    assert "| geese | higher | 7.2 | < 1e-4 |" in lines
    assert sum(line.startswith("| geese | control | 0.300 ± 0.010 |") for line in lines) == 1


@pytest.mark.parametrize("title", TITLES)
def test_one_part_alone_has_one_section(pages, tmp_path, title):
    text = pages.page({"rows": TITLES[title]}, tmp_path)
    (heading,) = [line for line in text.splitlines() if line.startswith("## ")]
    assert title in heading


def test_draws_and_the_published_protocol_have_tables_of_their_own(pages, tmp_path):
    text = pages.page({"rows": LORENZ + DRAWS + PATTERNS + PROTOCOL}, tmp_path)
    lines = text.splitlines()
    assert "| EquilibriumFlow | 0.060 ± 0.020 |  |  |" in lines
    assert "| EquilibriumFlow, exact score |  |  | 0.0020 ± 0.0010 |" in lines
    assert "|  | maze | life |" in lines
    assert "| SkewFlow | 0.200 ± 0.010 |  |" in lines
    assert "| SkewFlow: best state | 0.4 |  |" in lines
    assert "| SkewFlow: odd |  | 0.050 ± 0.010 |" in lines
    assert "| score alone: even |  | 0.100 ± 0.010 |" in lines
    assert "is not explained" in text
    assert text.count("snapshots alive") == 2
    alone = pages.page({"rows": PROTOCOL}, tmp_path)
    assert "published protocol" in alone
    assert "Cosine between where" not in alone


def test_a_design_without_its_test_is_shown_without_it(pages, tmp_path):
    text = pages.page({"rows": DESIGN[:2]}, tmp_path)
    assert "| geese |  |  |  |" in text.splitlines()


def test_no_rows_make_no_page(pages, tmp_path):
    assert pages.page({"rows": []}, tmp_path) == ""
