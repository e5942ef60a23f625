"""The study `latent_cycle`: its cells give the rows that are promised, and its report draws them."""

import jax
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import RBM, LatentCycle, MixtureEM
from noneq.runs import Row, combine
from noneq.studies import Bars, ChainScoring, LatentCycleStudy, SpinRun
from noneq.studies.base import Outcome
from noneq.studies.latent_cycle.cells import CycleCell
from noneq.studies.latent_cycle.data import BinaryDigits, class_judge, class_kl
from noneq.studies.latent_cycle.pictures import figures
from noneq.studies.latent_cycle.spins import SpinCell
from noneq.studies.running import Kept


KEY = jax.random.key(3)
TINY = ChainScoring(n=200, chains=8, steps=100, burn=20, shown=6)


def bars_cell(label: str, method: object, seeds: int = 4) -> Outcome:
    cell = CycleCell(
        pictures=Bars(), size="H=10", label=label, method=method, seeds=seeds, scoring=TINY
    )
    assert (cell.case, cell.method_name) == ("bars:H=10", label)
    return cell(KEY)


@pytest.fixture(scope="module")
def cycle() -> Outcome:
    return bars_cell("LatentCycle", LatentCycle(hidden=10, training=Training(steps=300, batch=0)))


def test_full_and_quick_studies():
    full, quick = LatentCycleStudy(), LatentCycleStudy().reduced()
    cases = {cell.case for cell in full.all_cells()}
    assert {"bars:H=10", "bars:H=14", "frontier:bars:H=10", "ising:T=2.269"} <= cases
    assert len(quick.all_cells()) < len(full.all_cells()) / 2
    with pytest.raises(InvalidInput, match="case"):
        LatentCycleStudy(cases=("nothing",))


@pytest.mark.slow
def test_a_cycle_has_every_row(cycle):
    rows = {row["metric"]: row for row in combine([cycle.rows])}
    assert {"kl", "entropy_production", "self_transition", "autocorrelation_time"} <= set(rows)
    assert rows["kl"]["seeds"] == 4
    # One component has 3.2 nats above the data; the law itself 0.
    assert 0 <= rows["kl"]["value"] < 2.5
    assert rows["entropy_production"]["value"] > 0.01
    low, r, high = (
        rows[f"ep_likelihood_correlation{end}"]["value"] for end in ("_low", "", "_high")
    )
    assert -1 <= low <= r <= high <= 1


@pytest.mark.slow
def test_equilibrium_has_neither_entropy_production_nor_its_correlation():
    tied = LatentCycle(hidden=10, tied=True, training=Training(steps=100, batch=0))
    rows = bars_cell("TiedChain", tied).rows
    spent = [row.value for row in rows if row.metric == "entropy_production"]
    assert len(spent) == 4
    assert max(spent) < 1e-12
    assert not any(row.metric.startswith("ep_") for row in rows)


@pytest.mark.slow
def test_methods_without_a_chain_have_the_likelihood_alone():
    metrics = {row.metric for row in bars_cell("MixtureEM", MixtureEM(steps=20), seeds=1).rows}
    assert metrics == {"train_seconds", "kl"}
    machine = RBM(hidden=3, training=Training(steps=20, batch=0))
    metrics = {row.metric for row in bars_cell("RBM", machine, seeds=1).rows}
    assert metrics == {"train_seconds", "kl", "autocorrelation_time"}


@pytest.mark.slow
def test_pictures_of_rows_and_cells(cycle):
    rows = combine([cycle.rows])
    kept = [Kept("bars:H=10", "LatentCycle", 0, cycle.arrays)]
    drawn = figures(rows, kept)
    # Sizes; graph, film strip and spectrum of the chain; samples.
    assert len(drawn) == 5
    assert all(picture.data and picture.alt for picture in drawn)
    paid = [
        Row("frontier:bars:H=10", f"LatentCycle(dissipation={w:g})", m, v, 0.1)
        for w in (-1.0, 0.0)
        for m, v in (("kl", 0.8), ("entropy_production", 1.0 + w))
    ]
    assert "λ = -1" in figures(combine([tuple(paid)]), [])[0].alt


@pytest.mark.slow
def test_spins_are_near_the_exact_energy():
    run = SpinRun(side=8, replicas=64, burn=50, sweeps=100, every=10)
    outcome = SpinCell(temperature=3.0, dynamics="heat_bath", run=run)(KEY)
    energy = {row.method: row for row in outcome.rows}
    found, exact = energy["heat_bath"], energy["exact"]
    assert abs(found.value - exact.value) < 4.9 * found.stderr
    # The wrong dynamics' temperature would not pass.
    hot = SpinCell(temperature=3.4, dynamics="heat_bath", run=run)(KEY).rows[0]
    assert abs(hot.value - exact.value) > 4.9 * hot.stderr


def test_digits_are_split_and_judged():
    pytest.importorskip("sklearn")
    pictures = BinaryDigits().draw(KEY)
    assert len(pictures.train.values) + len(pictures.test.values) == 1797
    assert set(np.unique(pictures.train.values)) == {0.0, 1.0}
    judge = class_judge(pictures)
    assert judge.error < 0.1
    even = np.full(10, 100)
    assert class_kl(even, even) == 0
    assert class_kl(judge.counts(pictures.test.values), even) < 0.05
    assert class_kl(np.eye(10)[0] * 1000, even) > 1
