"""Statistics that metrics, observables and methods share."""

from noneq.statistics.assignment import (
    assignment as assignment,
    line_transport as line_transport,
    potentials as potentials,
    subsample as subsample,
)
from noneq.statistics.entropic import drawn_pairs as drawn_pairs, entropic_plan as entropic_plan
from noneq.statistics.gaussian_bridge import GaussianBridge as GaussianBridge
from noneq.statistics.libraries import (
    AbstractLibrary as AbstractLibrary,
    Functions as Functions,
    Polynomial as Polynomial,
    Radial as Radial,
)
from noneq.statistics.linear_reference import (
    LinearBridge as LinearBridge,
    LinearReference as LinearReference,
)
from noneq.statistics.regression import Regression as Regression, regress as regress
