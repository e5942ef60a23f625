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
from noneq.systems.prinz import Prinz as Prinz
