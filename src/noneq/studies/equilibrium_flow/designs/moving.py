"""How a design moves: its law, the skew flow of that law, paths from starts; designs of points."""

from abc import abstractmethod
from dataclasses import dataclass

import equinox as eqx
import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.domains import Torus
from noneq.inference import Tracks
from noneq.kinds import AbstractChecked
from noneq.methods import ConstantSkew, SkewFlow
from noneq.methods.invariant_flows.base import AbstractInvariantFlow, Stirred
from noneq.methods.invariant_flows.measures import noisy_step
from noneq.simulation import RungeKutta4, StochasticHeun, simulate
from noneq.studies.base import Arrays
from noneq.systems import PlacedPoints
from noneq.systems.pattern_laws.points import PlacedPointsLaw


_TURN = 0.25
"""Radians that the fastest mode turns in one step, at most."""


class DesignRun(AbstractChecked):
    """How much is computed.

    Args:
        runs: of the rule, and as many of the control.
        snapshots: that a score is learnt from.
        steps: of its training; 0 leaves out the designs whose score is learnt.
        length: of the runs, as a fraction of the full ones.
        shown: frames kept for the films.
    """

    runs: int = 16
    snapshots: int = 2048
    steps: int = 800
    length: float = 1.0
    shown: int = 60


@dataclass(frozen=True, eq=False)
class Moved:
    """What came of a rule.

    Attributes:
        paths: particles, or blobs of fields.
        film: frames of the first run, as small as a film needs them.
        facts: further numbers.
    """

    paths: Trajectories | Tracks
    film: Arrays
    facts: dict[str, float]


class AbstractDesign(AbstractChecked):
    """A drawing, a rule, and what is expected of it.

    Attributes:
        name: in the rows.
        behaviour: flocking, attraction or repulsion.
        measure: one of `MEASURES`, named before the run.
        sign: 1 if it should be above that of the control, −1 if below.
        noise: of the law that the rule keeps.
        rule: skew matrix between the coordinates of one particle, or the channels at one site.
        stirring: eta of dx = (v + eta ∇ log p) dt + √(2 eta) dW.
        span: time of a full run.
        frames: that are measured.
        radius: of neighbours.
        late: fraction of the frames that is not measured, at the beginning.
    """

    name: eqx.AbstractVar[str]
    behaviour: eqx.AbstractVar[str]
    measure: eqx.AbstractVar[str]
    sign: eqx.AbstractVar[int]
    noise: eqx.AbstractVar[float]
    rule: eqx.AbstractVar[tuple[tuple[float, ...], ...]]
    stirring: eqx.AbstractVar[float]
    span: eqx.AbstractVar[float]
    frames: eqx.AbstractVar[int]
    radius: eqx.AbstractVar[float]
    late: eqx.AbstractVar[float]

    @abstractmethod
    def moved(self, run: DesignRun, key: Key, *, control: bool) -> Moved:
        """Runs of the rule, or of the control."""

    def times(self, run: DesignRun) -> np.ndarray:
        """Of the frames."""
        frames = max(9, round(run.length * (self.frames - 1)) + 1)
        return np.linspace(0, self.span, self.frames)[:frames]

    def paths(
        self, flow: AbstractInvariantFlow, noise: float, start: np.ndarray, run: DesignRun, key: Key
    ) -> Trajectories:
        """Runs from the starts; ``noise`` in the units of the states says how stiff the law is."""
        # The rule turns the fastest mode at 1/noise², where the stirring eta forgets at eta/noise².
        turned = min(_TURN, float(noisy_step(1.0, self.stirring))) if self.stirring else _TURN
        moving = Stirred(model=flow, noise=self.stirring, step=turned * noise**2, moving=False)
        solver = StochasticHeun() if self.stirring else RungeKutta4()
        return simulate(moving, self.times(run), n=len(start), key=key, solver=solver, start=start)


class PointDesign(AbstractDesign):
    """A set of points, or of arrows; the exact law.

    Args:
        pattern: what is drawn.
        single: what is left of it when every particle is taken from another snapshot.
        scattered: start particles independently and uniformly instead of in the law.
    """

    name: str
    behaviour: str
    measure: str
    sign: int
    pattern: PlacedPoints
    single: PlacedPoints
    noise: float
    rule: tuple[tuple[float, ...], ...]
    stirring: float
    span: float
    frames: int
    radius: float
    scattered: bool = False
    late: float = 0.25

    def moved(self, run: DesignRun, key: Key, *, control: bool) -> Moved:
        law_key, start_key, fit_key, path_key = jax.random.split(key, 4)
        law = PlacedPointsLaw(self.single if control else self.pattern, self.noise)
        data = law.snapshots(max(run.runs, 256), times=[0.0], key=law_key)
        particles, _ = law.event_shape
        matrix = np.kron(np.eye(particles), np.asarray(self.rule))
        entries = tuple(matrix[np.triu_indices(len(matrix), 1)].tolist())
        flow = SkewFlow(operator=ConstantSkew(entries)).fit(data, score=law, key=fit_key).model
        start = data.values[: run.runs]
        if self.scattered:
            start = np.asarray(jax.random.uniform(start_key, start.shape, maxval=law.box))
        paths = self.paths(flow, self.noise, start, run, path_key)
        # Of a body the place is that of its first point.
        places = Trajectories(paths.values[..., :2], paths.times, domain=Torus(law.box))
        film = {
            "points": paths.values[0].astype(np.float32),
            "box": np.asarray(law.box, np.float32),
        }
        return Moved(places, film, {})
