"""Control: protocols and forces that reach an end at least cost."""

from noneq._face import exported as _exported
from noneq.control.protocols.closed_forms import (
    best_breathing as best_breathing,
    best_dragging as best_dragging,
    best_equilibration as best_equilibration,
)
from noneq.control.protocols.convex_map import ConvexMap as ConvexMap
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
from noneq.control.protocols.least_work import LeastWork as LeastWork, least_work as least_work
from noneq.control.protocols.many_dimensions import (
    ConvexWork as ConvexWork,
    least_work_by_map as least_work_by_map,
)
from noneq.control.protocols.swift import (
    swift_breathing as swift_breathing,
    swift_dragging as swift_dragging,
)


__all__ = list(_exported(__file__))
