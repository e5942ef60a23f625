"""Drag on a sphere, far from a wall and near it."""

import numpy as np

from noneq.errors import InvalidInput


def stokes_drag(
    radius: float,
    viscosity: float = 8.9e-4,
    height: float | None = None,
    *,
    perpendicular: bool = False,
) -> float:
    """Drag coefficient of a sphere in pN s/nm.

    **Equation**: 6π η a, divided by 1 − 9r/16 + r³/8 − 45 r⁴/256 − r⁵/16 along a wall (Faxén), or by
    1 − 9r/8 + r³/2 − 57 r⁴/100 + r⁵/5 + 7 r¹¹/200 − r¹²/25 towards it, r = a/height.

    Args:
        radius: a in nm.
        viscosity: η in Pa s; 8.9e-4 is water at 25 °C.
        height: of the sphere's **centre** above the wall in nm; None is far away.
        perpendicular: whether the motion is towards the wall.

    Raises:
        InvalidInput: numbers not positive, or a sphere that touches the wall.

    Source: Faxén 1923; Schäffer, Nørrelykke and Howard 2007, eq. 4 (within 0.1 % of Brenner's series).
    """
    for name, value in (("radius", radius), ("viscosity", viscosity)):
        if not 0 < value < float("inf"):
            raise InvalidInput(f"stokes_drag: {name} = {value}; it must be > 0 (nm and Pa s).")
    # 1 Pa s = 1e-6 pN s/nm².
    free = 6 * np.pi * viscosity * 1e-6 * radius
    if height is None:
        return float(free)
    if not radius < height < float("inf"):
        raise InvalidInput(
            f"stokes_drag: height = {height:g} nm for a radius of {radius:g} nm; give the height of "
            "the centre, above one radius."
        )
    r = radius / height
    if perpendicular:
        slower = 1 - 9 * r / 8 + r**3 / 2 - 0.57 * r**4 + r**5 / 5 + 7 * r**11 / 200 - r**12 / 25
    else:
        slower = 1 - 9 * r / 16 + r**3 / 8 - 45 * r**4 / 256 - r**5 / 16
    return float(free / slower)
