"""The designs of `equilibrium_flow`: measures, their test, and a tiny run of each kind."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data.ensembles import Trajectories
from noneq.domains import Torus
from noneq.learning.loop import Training
from noneq.methods import ConstantSkew, SkewFlow
from noneq.methods.invariant_flows.base import Stirred
from noneq.nets.grids.unet import UNet
from noneq.simulation import RungeKutta4, simulate
from noneq.studies.equilibrium_flow.designs.design import (
    QUICK,
    DesignCell,
    design_cells,
    designs,
    score_method,
)
from noneq.studies.equilibrium_flow.designs.fields import LearntDesign
from noneq.studies.equilibrium_flow.designs.measures import MEASURES, compared, measured
from noneq.studies.equilibrium_flow.designs.moving import DesignRun
from noneq.systems import Disc, Group, PlacedIcons
from noneq.systems.pattern_laws.points import PlacedPointsLaw


TINY = DesignRun(runs=3, snapshots=40, steps=4, length=0.1, shown=4)


def flights(headings, box=10.0, times=9):
    """Straight paths (runs, times, particles, 2) of these headings (runs, particles)."""
    rng = np.random.default_rng(0)
    start = box * rng.random((*headings.shape, 2))
    step = 0.3 * np.stack([np.cos(headings), np.sin(headings)], -1)
    paths = start[:, None] + np.arange(times)[:, None, None] * step[:, None]
    return Trajectories(np.mod(paths, box), np.arange(times, dtype=float), domain=Torus(box))


def test_alignment_does_not_depend_on_how_many():
    rng = np.random.default_rng(1)
    for count in (3, 12):
        free = measured(flights(rng.uniform(0, 2 * np.pi, (100, count))), 1.0, 0.0)["alignment"]
        assert abs(free.mean()) < 4.5 * free.std() / np.sqrt(100)
    one = measured(flights(np.zeros((4, 5))), 1.0, 0.25)
    np.testing.assert_allclose(one["alignment"], 1, atol=1e-3)
    np.testing.assert_allclose(one["mean_squared_displacement"], 0.09, rtol=1e-3)
    assert set(one) == set(MEASURES)


def test_verdicts():
    rng = np.random.default_rng(2)
    low, high = rng.normal(size=20), 1.5 + rng.normal(size=20)
    up, down = compared(high, low, 1, 5), compared(high, low, -1, 5)
    assert up.p < 1e-2 < down.p
    assert up.z == pytest.approx(-down.z)
    assert compared(low, high, -1, 5).p == pytest.approx(up.p)
    assert compared(high, low, 1, 10).p == pytest.approx(2 * up.p)
    few = compared(np.asarray([1.0, np.nan, 2.0]), low, 1, 5)
    assert (few.z, few.p) == (0.0, 1.0)
    # False alarms: of 2000 null comparisons about 1 % are below .05/5.
    alarms = sum(compared(*rng.normal(size=(2, 16)), 1, 5).p < 0.05 for _ in range(2000))
    assert 5 <= alarms <= 42


def test_five_designs_with_their_expectations():
    made = designs(DesignRun())
    assert len(made) == len(design_cells(DesignRun())) == 5
    assert {d.behaviour for d in made} == {"flocking", "attraction", "repulsion"}
    assert all(d.measure in MEASURES and d.sign in (-1, 1) for d in made)
    assert all(np.allclose(np.asarray(d.rule), -np.asarray(d.rule).T) for d in made)
    assert len(design_cells(QUICK)) == 3
    assert len({hash(cell) for cell in design_cells(DesignRun())}) == 5


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, pytest.param(1, marks=pytest.mark.slow), 2])
def test_tiny_runs_with_exact_laws(which, key):
    cell = design_cells(TINY)[which]
    outcome = cell(key)
    found = {(row.method, row.metric) for row in outcome.rows}
    assert {("SkewFlow", n) for n in ("z", "p_corrected", "expected_sign")} <= found
    assert ("SkewFlow", cell.design.measure) in found
    assert all(row.case == cell.case for row in outcome.rows)
    film = outcome.arrays.get("SkewFlow_fields", outcome.arrays.get("SkewFlow_points"))
    assert film is not None
    assert len(film) >= 4
    assert all(array.dtype.kind != "O" for array in outcome.arrays.values())


@pytest.mark.slow
def test_a_tiny_learnt_run(key):
    fish = Group(
        (Disc(1.0, (1.0, 0.0)), Disc(1.0, (0.0, 1.0))), ((0.0, 1.0, 0.0), (0.0, -1.0, 0.0))
    )
    method = dataclasses.replace(
        score_method(4),
        net=UNet(channels=8, levels=1),
        training=Training(steps=4, batch=4),
    )
    design = LearntDesign(
        name="tiny", behaviour="flocking", measure="alignment", sign=1,
        pattern=PlacedIcons(fish, size=16, count=2), method=method, noise=1.0,
        rule=((0.0, -1.0), (1.0, 0.0)), stirring=0.05, span=1.0, frames=9, radius=4.0,
    )  # fmt: skip
    outcome = DesignCell(design=design, run=TINY, tests=5)(key)
    assert outcome.arrays["control_fields"].shape == (4, 2, 16, 16)
    assert {"blobs", "p_corrected"} <= {row.metric for row in outcome.rows}


@pytest.mark.slow
def test_the_exact_flow_keeps_its_law(key):
    """Log densities of runs after the flow are those of their starts: v is along the level lines."""
    design = designs(QUICK)[0]
    law = PlacedPointsLaw(design.pattern, design.noise)
    data = law.snapshots(256, times=[0.0], key=key)
    matrix = np.kron(np.eye(7), np.asarray(design.rule))
    entries = tuple(matrix[np.triu_indices(28, 1)].tolist())
    flow = SkewFlow(operator=ConstantSkew(entries)).fit(data, score=law, key=key).model
    x = jnp.asarray(data.values[:32])
    np.testing.assert_allclose(
        flow.velocity(x[0]),
        np.asarray(law.score(x[0])) @ np.asarray(design.rule).T,
        rtol=1e-3,
        atol=1e-2,
    )
    moving = Stirred(model=flow, noise=0.0, step=0.25 * design.noise**2, moving=False)
    after = simulate(moving, [0.0, 0.5], n=32, key=key, solver=RungeKutta4(), start=x).values[:, 1]
    log = jax.vmap(law.log_prob)
    np.testing.assert_allclose(log(after), log(x), atol=0.3)
    assert np.abs(np.asarray(law.domain.difference(jnp.asarray(after), x))).max() > 0.3
