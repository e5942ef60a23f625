"""Steering systems: least-cost controls through their noise, and protocols of least work."""

from noneq._face import exported as _exported
from noneq.control.adjoint_matching import AdjointMatching as AdjointMatching
from noneq.control.certificate import Certificate as Certificate, certificate as certificate
from noneq.control.end_region import EndRegion as EndRegion
from noneq.control.lqg import LinearQuadratic as LinearQuadratic, lqg as lqg
from noneq.control.model import ControlledModel as ControlledModel
from noneq.control.path_integral import PathIntegralControl as PathIntegralControl
from noneq.control.problem import ControlProblem as ControlProblem
from noneq.control.protocols.closed_forms import (
    best_breathing as best_breathing,
    best_dragging as best_dragging,
    best_equilibration as best_equilibration,
)
from noneq.control.protocols.convex_map import ConvexMap as ConvexMap
from noneq.control.protocols.curve import Curve as Curve
from noneq.control.protocols.driven_paths import (
    DrivenPaths as DrivenPaths,
    driven_paths as driven_paths,
)
from noneq.control.protocols.driving import TransportDriving as TransportDriving
from noneq.control.protocols.erasure import Erasure as Erasure, bit_erasure as bit_erasure
from noneq.control.protocols.friction import (
    friction_tensor as friction_tensor,
    line_friction as line_friction,
)
from noneq.control.protocols.geodesics import (
    geodesic as geodesic,
    slow_protocol as slow_protocol,
    thermodynamic_length as thermodynamic_length,
)
from noneq.control.protocols.gradient import (
    FoundProtocol as FoundProtocol,
    descend as descend,
    gradient_protocol as gradient_protocol,
)
from noneq.control.protocols.least_work import LeastWork as LeastWork, least_work as least_work
from noneq.control.protocols.many_dimensions import (
    ConvexWork as ConvexWork,
    least_work_by_map as least_work_by_map,
)
from noneq.control.protocols.score_function import evolve as evolve
from noneq.control.protocols.swift import (
    swift_breathing as swift_breathing,
    swift_dragging as swift_dragging,
)
from noneq.systems.controlled import Controlled as Controlled


__all__ = list(_exported(__file__))
