"""Inverse design: patterns that a user draws, the skew flow that keeps their law, and what it does.

Five designs. For each the measure and the direction in which it should differ from the control were
written down here before any of them was run:

1. ``geese`` (particles, flocking): seven arrows, each of a tail and a head, in the formation of a
   V; the rule couples tail and head of an arrow. The centre of the formation is conjugate to the
   mean stretch of the arrows, which lasts, while the arrows' own stretches oscillate: the arrows
   should fly together. Measure: polarisation, expected higher (+).
2. ``gather`` (particles, attraction): ten points of a clump, started anywhere; the rule turns every
   point's score by 90° and stirs. Expected: a clump forms. Measure: clustering, higher (+). (v
   alone keeps log p along every path; what gathers is the stirring, which v only turns.)
3. ``skein`` (fields, flocking): three two-coloured birds in a V, one picture placed at random; the
   rule couples the two colours at every site. A picture moves as a whole. Measure: alignment of
   the tracked birds, higher (+).
4. ``school`` (fields, flocking): four two-coloured fish placed and turned independently, the score
   learnt; the same rule. That independent icons flock is the claim of the source; the law itself
   does not couple their momenta. Measure: alignment, expected higher (+).
5. ``keep_apart`` (fields, repulsion): four cells that are never drawn close to each other, the score
   learnt; the same rule. Expected: they move without coming close. Measure: clustering within the
   distance of the drawing, lower (−).

The control of all five is the same rule, with the same stirring, step and number of runs, under the
law of **shuffled snapshots**, from its own starts: fields keep their spectra but get random phases;
of particles every arrow (or point) is taken from another snapshot. Shuffled starts under the score
of the drawing would be no control, as that score brings the drawing back; shuffled law and own
starts ask what spectrum and single particles alone make of the rule.

One number for each run, Welch's t between runs, one-sided in the named direction, p times five
(Bonferroni). Seeds are fixed by the study.
"""

import jax
import numpy as np

from noneq._typing import Key
from noneq.learning.loop import Training
from noneq.methods import DDPM
from noneq.nets.grids.unet import UNet
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import DiscreteVP
from noneq.processes.targets import V
from noneq.processes.weights import UnitNoise
from noneq.runs.rows import Row
from noneq.samplers.ancestral import Ancestral
from noneq.studies.base import AbstractCell, Arrays, Outcome
from noneq.studies.equilibrium_flow.designs.fields import IconDesign, LearntDesign
from noneq.studies.equilibrium_flow.designs.measures import MEASURES, compared, measured
from noneq.studies.equilibrium_flow.designs.moving import AbstractDesign, DesignRun, PointDesign
from noneq.systems import Disc, Group, PlacedIcons, PlacedPoints, Ring


METHODS = ("SkewFlow", "control")

_ARROW = 1.0
_GEESE = tuple((-0.9 * abs(k), 0.9 * k, -0.9 * abs(k) + _ARROW, 0.9 * k) for k in range(-3, 4))
_CLUMP = (
    (0.0, 0.0), (0.9, 0.2), (-0.8, 0.5), (0.3, 1.0), (-0.3, -0.9),
    (0.7, -0.7), (-1.1, -0.4), (1.2, 1.1), (-0.6, 1.3), (1.6, -0.2),
)  # fmt: skip
_BIRD = Group(
    (Disc(1.5, (1.0, 0.0), 0.7), Disc(1.5, (0.0, 1.0), 0.7)), ((0.0, 2.0, 0.0), (0.0, -2.0, 0.0))
)
_SKEIN = Group((_BIRD,) * 3, ((0.0, 3.0, 0.0), (-5.0, -3.0, 0.0), (5.0, -3.0, 0.0)))
_FISH = Group(
    (Disc(2.0, (1.0, 0.0), 0.7), Disc(1.5, (0.0, 1.0), 0.7)), ((0.0, 1.5, 0.0), (0.0, -1.5, 0.0))
)
_CELL = Group((Ring(3.5, 1.5, (0.0, 1.0), 0.6), Disc(2.0, (1.0, 0.0), 0.6)), ((0.0, 0.0, 0.0),) * 2)
_QUARTER = ((0.0, -1.0), (1.0, 0.0))
_TAIL_HEAD = (
    (0.0, 0.0, 1.0, 0.0),
    (0.0, 0.0, 0.0, 1.0),
    (-1.0, 0.0, 0.0, 0.0),
    (0.0, -1.0, 0.0, 0.0),
)


def designs(run: DesignRun) -> tuple[AbstractDesign, ...]:
    """The five, in the order of the text above."""
    learnt = score_method(max(run.steps, 1))
    return (
        PointDesign(
            name="geese", behaviour="flocking", measure="polarisation", sign=1,
            pattern=PlacedPoints(_GEESE, box=20.0),
            single=PlacedPoints(((0.0, 0.0, _ARROW, 0.0),), box=20.0, copies=7),
            noise=0.15, rule=_TAIL_HEAD, stirring=0.0, span=12.0, frames=61, radius=1.5,
        ),
        PointDesign(
            name="gather", behaviour="attraction", measure="clustering", sign=1,
            pattern=PlacedPoints(_CLUMP, box=10.0),
            single=PlacedPoints(((0.0, 0.0),), box=10.0, copies=10),
            noise=0.3, rule=_QUARTER, stirring=0.1, span=12.0, frames=61, radius=1.5, scattered=True,
        ),
        IconDesign(
            name="skein", behaviour="flocking", measure="alignment", sign=1,
            pattern=PlacedIcons(_SKEIN, size=32), noise=0.5,
            rule=_QUARTER, stirring=0.0, span=40.0, frames=81, radius=6.0,
        ),
        LearntDesign(
            name="school", behaviour="flocking", measure="alignment", sign=1,
            pattern=PlacedIcons(_FISH, size=32, count=4), method=learnt, noise=3.0,
            rule=_QUARTER, stirring=0.03, span=3.0, frames=61, radius=6.0,
        ),
        LearntDesign(
            name="keep_apart", behaviour="repulsion", measure="clustering", sign=-1,
            pattern=PlacedIcons(_CELL, size=32, count=4, apart=11.0), method=learnt, noise=3.0,
            rule=_QUARTER, stirring=0.03, span=3.0, frames=61, radius=10.0,
        ),
    )  # fmt: skip


def score_method(steps: int) -> DDPM:
    """What learns the score of canvases with several copies: a small U-Net, 100 noise levels."""
    return DDPM(
        process=Gaussian(DiscreteVP(100, 1e-4, 0.1)),
        target=V(),
        weight=UnitNoise(levels=100),
        sampler=Ancestral(steps=100),
        net=UNet(channels=16, levels=2),
        training=Training(steps=steps, batch=16, rate=2e-3, ema=0.99),
    )


class DesignCell(AbstractCell):
    """One design: runs of the rule, runs of the control, measures and the test.

    Args:
        design: what is drawn and which rule is sought.
        run: how much is computed.
        tests: designs in the study, for which p is corrected.
    """

    design: AbstractDesign
    run: DesignRun
    tests: int
    replicate: int = 0

    @property
    def case(self) -> str:
        """``design:geese``."""
        return f"design:{self.design.name}"

    @property
    def method_name(self) -> str:
        """``SkewFlow``."""
        return METHODS[0]

    def __call__(self, key: Key) -> Outcome:
        """Run, measure, test."""
        design, rows, values = self.design, [], {}
        arrays: Arrays = {
            "behaviour": np.asarray(design.behaviour),
            "measure": np.asarray(design.measure),
        }
        for method, one_key in zip(METHODS, jax.random.split(key), strict=True):
            moved = design.moved(self.run, one_key, control=method == METHODS[1])
            values[method] = measured(moved.paths, design.radius, design.late)
            rows += [self._row(method, name, values[method][name]) for name in MEASURES]
            rows += [
                Row(self.case, method, name, value, 0.0) for name, value in moved.facts.items()
            ]
            arrays |= {f"{method}_{name}": array for name, array in moved.film.items()}
            arrays[f"{method}_measure"] = values[method][design.measure]
        rule, control = (values[method][design.measure] for method in METHODS)
        verdict = compared(rule, control, design.sign, self.tests)
        for name, value in (
            ("expected_sign", float(design.sign)),
            ("z", verdict.z),
            ("p_corrected", verdict.p),
        ):
            rows.append(Row(self.case, METHODS[0], name, value, 0.0))
        # NaN stands for measures of runs in which there was nothing to measure.
        return Outcome(tuple(row for row in rows if np.isfinite(row.value)), arrays)

    def _row(self, method: str, name: str, values: np.ndarray) -> Row:
        seen = values[np.isfinite(values)]
        if seen.size < 2:
            return Row(self.case, method, name, float("nan"), 0.0)
        error = seen.std(ddof=1) / np.sqrt(seen.size)
        return Row(self.case, method, name, float(seen.mean()), float(error))


def design_cells(run: DesignRun) -> list[AbstractCell]:
    """A cell for each of the five designs; without ``run.steps`` only those with exact laws."""
    every = designs(run)
    return [
        DesignCell(design=design, run=run, tests=len(every))
        for design in every
        if run.steps or not isinstance(design, LearntDesign)
    ]


QUICK = DesignRun(runs=6, steps=0, length=0.2, shown=20)
"""Of the quick study: the three designs whose laws are exact."""
