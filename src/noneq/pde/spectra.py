"""The density of a PDE after time t: spectrum of its point-source kernel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noneq._typing import Numbers
from noneq.errors import InvalidInput
from noneq.kinds import checked, refuse_nonfinite
from noneq.pde.density_flow import is_quadratic
from noneq.pde.dispersion import branches, roots
from noneq.pde.equation import PDE


Complex = NDArray[np.complex128]


@checked
def spectrum(pde: PDE, k: Numbers, t: Numbers, q: Numbers | None = None) -> np.ndarray:
    """p_hat(k, t) / p_hat(k, 0), the Fourier transform of the kernel of a point source.

    One admissible root: exp(lam t), its real part where lam oscillates. Two (hyperbolic): the
    density starts at rest, p_t = 0, and
    p_hat = e^{-bt/2} [cosh(s t) + b sinh(s t) / 2s], s = sqrt(b^2/4 - c), a = 1.

    Args:
        pde: a PDE with real coefficients.
        k: wavenumbers.
        t: time, broadcast against k.
        q: component of k along the advection axis, as in `PDE.coefficients`; where advection
            acts the result is complex.

    Raises:
        InvalidInput: complex coefficients (p = \\|phi\\|^2 is not linear), or t < 0.
    """
    given = {"k": k, "t": t} | ({} if q is None else {"q": q})
    for name, value in given.items():
        refuse_nonfinite(value, f"spectrum: {name}")
    try:
        np.broadcast_shapes(*map(np.shape, given.values()))
    except ValueError as error:
        shapes = ", ".join(f"{np.shape(value)} of {name}" for name, value in given.items())
        raise InvalidInput(
            f"spectrum: shapes {shapes} do not fit together; give one shape, or single numbers."
        ) from error
    _refuse_quadratic(pde, t)
    slow, fast = parts_of_density(pde, k, t, q)
    total = np.asarray(slow + fast)
    odd = any(term.shape.grads for term in pde.terms)
    along = pde.dim == 1 if q is None else np.any(np.asarray(q) != 0)
    return total if odd and along else total.real


def parts_of_density(
    pde: PDE, k: Any, t: Any, q: Any = None, shift: float = 0.0
) -> tuple[Complex, Complex]:
    """The parts of p_hat(k, t) exp(-shift t) on the slow and on the fast root.

    A PDE of first order has no fast root; that part is 0.
    """
    rates = roots(pde, k, q)
    kept = [b.index for b in branches(pde) if b.admissible]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if len(kept) == 1:
            branch = branches(pde)[kept[0]]
            growth = branch.rate(0.0) - shift
            part = np.asarray(np.exp(growth * t + branch.excess(k, q) * t))
            none = np.zeros_like(part)
            return (part, none) if kept[0] == 0 else (none, part)
        slow, fast = _apart(*rates)
        gap = slow - fast
        decays = np.exp((slow - shift) * t), np.exp((fast - shift) * t)
        return np.asarray(-fast / gap * decays[0]), np.asarray(slow / gap * decays[1])


def _apart(slow: np.ndarray, fast: np.ndarray) -> tuple[Complex, Complex]:
    """The two roots, moved apart by 1e-5 of their size where they meet (error 1e-10)."""
    middle, half = (slow + fast) / 2, (slow - fast) / 2
    least = 1e-5 * abs(middle) + 1e-150
    half = np.where(abs(half) < least, least, half)
    return np.asarray(middle + half, complex), np.asarray(middle - half, complex)


def _refuse_quadratic(pde: PDE, t: Any) -> None:
    if np.any(np.asarray(t) < 0):
        raise InvalidInput(f"t is {np.min(t):g}; give a time from 0 on.")
    if is_quadratic(pde):
        raise InvalidInput(
            f"the density |phi|^2 of {pde.text!r} is not linear and has no kernel; use evolve."
        )
