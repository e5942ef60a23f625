"""The PDEs of the duality table, as text."""

from noneq.kinds import checked
from noneq.pde.equation import PDE


@checked
def zoo(dim: int = 2) -> dict[str, PDE]:
    """The eleven PDEs of the duality table, all parameters 1 (fractional: a = 1.5).

    Args:
        dim: number of space dimensions.

    Source: `genphys`.
    """
    return {
        "diffusion": PDE("u_t = D*lap(u)", dim=dim, D=1.0),
        "poisson": PDE("u_tt + lap(u) = 0", dim=dim),
        "yukawa": PDE("u_tt + lap(u) - m**2*u = 0", dim=dim, m=1.0),
        "helmholtz": PDE("u_tt + lap(u) + k0**2*u = 0", dim=dim, k0=1.0),
        "wave": PDE("u_tt = lap(u)", dim=dim),
        "dissipative_wave": PDE("u_tt + 2*eps*u_t = lap(u)", dim=dim, eps=1.0),
        "schrodinger": PDE("I*u_t = -lap(u)", dim=dim),
        "damped_schrodinger": PDE("I*u_t = -(1 - I*g)*lap(u)", dim=dim, g=1.0),
        "klein_gordon": PDE("u_tt = lap(u) - m**2*u", dim=dim, m=1.0),
        "biharmonic": PDE("u_t = -lap(lap(u))", dim=dim),
        "fractional": PDE("u_t = -flap(u, a)", dim=dim, a=1.5),
    }
