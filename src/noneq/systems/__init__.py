"""Ground truth: systems to simulate or to draw from."""

from noneq.systems.base import (
    AbstractDiffusion as AbstractDiffusion,
)
from noneq.systems.base import (
    AbstractGradient as AbstractGradient,
)
from noneq.systems.base import (
    AbstractLangevin as AbstractLangevin,
)
from noneq.systems.base import (
    AbstractSystem as AbstractSystem,
)
from noneq.systems.base import (
    HasEntropyProduction as HasEntropyProduction,
)
from noneq.systems.base import (
    HasStationaryDensity as HasStationaryDensity,
)
from noneq.systems.linear import Linear as Linear
from noneq.systems.prinz import Prinz as Prinz
from noneq.systems.rings import DrivenRing as DrivenRing
from noneq.systems.shapes import (
    AbstractShape as AbstractShape,
)
from noneq.systems.shapes import (
    Checkerboard as Checkerboard,
)
from noneq.systems.shapes import (
    Circles as Circles,
)
from noneq.systems.shapes import (
    EightGaussians as EightGaussians,
)
from noneq.systems.shapes import (
    Moons as Moons,
)
from noneq.systems.shapes import (
    Pinwheel as Pinwheel,
)
from noneq.systems.shapes import (
    Rings as Rings,
)
from noneq.systems.shapes import (
    SwissRoll as SwissRoll,
)
from noneq.systems.shapes import (
    TwoSpirals as TwoSpirals,
)
from noneq.systems.wells import DoubleWell as DoubleWell
from noneq.systems.wells import Swirl as Swirl
