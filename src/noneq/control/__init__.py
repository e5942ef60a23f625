"""Steering systems: least-cost controls through their noise, and protocols of least work."""

from noneq._face import exported as _exported
from noneq.control.adjoint_matching import AdjointMatching as AdjointMatching
from noneq.control.certificate import Certificate as Certificate, certificate as certificate
from noneq.control.end_region import EndRegion as EndRegion
from noneq.control.lqg import LinearQuadratic as LinearQuadratic, lqg as lqg
from noneq.control.model import ControlledModel as ControlledModel
from noneq.control.path_integral import PathIntegralControl as PathIntegralControl
from noneq.control.problem import ControlProblem as ControlProblem
from noneq.control.protocols.curve import Curve as Curve
from noneq.control.protocols.driven_paths import (
    DrivenPaths as DrivenPaths,
    driven_paths as driven_paths,
)
from noneq.control.protocols.gradient import (
    FoundProtocol as FoundProtocol,
    descend as descend,
    gradient_protocol as gradient_protocol,
)
from noneq.control.protocols.score_function import evolve as evolve
from noneq.systems.controlled import Controlled as Controlled


__all__ = list(_exported(__file__))
