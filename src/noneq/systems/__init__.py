"""Ground truth: systems to simulate or to draw from."""

from noneq.systems.bars import BarsAndStripes as BarsAndStripes
from noneq.systems.base import (
    AbstractDiffusion as AbstractDiffusion,
    AbstractGradient as AbstractGradient,
    AbstractLangevin as AbstractLangevin,
    AbstractSystem as AbstractSystem,
    HasEntropyProduction as HasEntropyProduction,
    HasStationaryDensity as HasStationaryDensity,
)
from noneq.systems.linear import Linear as Linear
from noneq.systems.prinz import Prinz as Prinz
from noneq.systems.rings import DrivenRing as DrivenRing
from noneq.systems.shapes import (
    AbstractShape as AbstractShape,
    Checkerboard as Checkerboard,
    Circles as Circles,
    EightGaussians as EightGaussians,
    Moons as Moons,
    Pinwheel as Pinwheel,
    Rings as Rings,
    SwissRoll as SwissRoll,
    TwoSpirals as TwoSpirals,
)
from noneq.systems.wells import DoubleWell as DoubleWell, Swirl as Swirl
