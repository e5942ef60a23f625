"""The verdict on a PDE: C1 (a density), C2 (smoothing), and whether it generates."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

from noneq.errors import InvalidInput, WrongType
from noneq.kinds import checked
from noneq.pde.boxes import box_threshold, lowest_in_box
from noneq.pde.density_flow import rewrite
from noneq.pde.dispersion import branches
from noneq.pde.equation import PDE
from noneq.pde.positivity import TOLERANCE, is_skewed, lowest_density, threshold
from noneq.pde.scaling import inverse_length
from noneq.pde.smoothing import judged, smoothing_of


class Judgement(NamedTuple):
    """One verdict.

    Attributes:
        value: 1 (holds), 0 (fails) or 0.5 (holds under the condition).
        reason: why, in one sentence.
        condition: formula of the condition; None if there is none.
        holds: whether it is met at the user's scale and box; None if there is none.
    """

    value: float
    reason: str
    condition: str | None = None
    holds: bool | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a PDE makes a generative model.

    Attributes:
        c1: it is a density flow whose density stays non-negative.
        c2: all waves decay relative to the mean, Im omega(k) < Im omega(0).
        s_generative: both.
        lowest: for 1, 2 and 3 dimensions, the most negative density relative to the maximum at
            its time, at the data's scale (where C2 asks for a box: in the user's box, or in half
            the longest that C2 admits).
    """

    c1: Judgement
    c2: Judgement
    s_generative: Judgement
    lowest: dict[int, float]

    @property
    def passes(self) -> bool:
        """Whether the PDE generates at the user's scale and box."""
        return self.s_generative.value == 1 or bool(self.s_generative.holds)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        named = {"c1": self.c1, "c2": self.c2, "s_generative": self.s_generative}
        plain: dict[str, Any] = {name: judgement._asdict() for name, judgement in named.items()}
        return plain | {"lowest": {str(dim): low for dim, low in self.lowest.items()}}


@checked
def judge(pde: PDE, *, scale: float = 1.0, box: float | None = None) -> Verdict:
    """C1, C2 and whether the PDE is s-generative, at a scale of data and in a box.

    Args:
        pde: the PDE.
        scale: std of the smallest structure in the data.
        box: side of the periodic box the data live in; None is infinite space.

    Raises:
        InvalidInput: every branch grows without bound, or scale or box is not positive.

    Source: `genphys`.
    """
    if not isinstance(pde, PDE):
        raise WrongType(f"judge got a {type(pde).__name__}; expected a PDE: judge(PDE(text)).")
    for name, length in (("scale", scale), ("box", box)):
        if length is not None and not isinstance(length, Real):
            raise WrongType(f"{name} is a {type(length).__name__}; expected a number.")
        if length is not None and not (length > 0 and math.isfinite(length)):
            raise InvalidInput(f"{name} is {length:g}; give a positive length.")
    c2 = _smooths(pde, box)
    try:
        quadratic = rewrite(pde).quadratic
    except InvalidInput as error:
        c1 = Judgement(0.0, f"No density: {error}")
        return Verdict(c1, c2, _both(c1, c2, quadratic=False), {})
    if quadratic:
        c1 = Judgement(1.0, "The density |phi|^2 is never negative.")
        return Verdict(c1, c2, _both(c1, c2, quadratic=True), dict.fromkeys((1, 2, 3), 0.0))
    if c2.value == 0.5:
        c1, lowest = _positive_in_box(pde, box)
    else:
        c1 = _positive(pde, scale)
        lowest = {dim: lowest_density(pde, scale, dim) for dim in (1, 2, 3)}
    return Verdict(c1, c2, _both(c1, c2, quadratic=False), lowest)


def _smooths(pde: PDE, box: float | None) -> Judgement:
    branch = judged(pde)
    smoothing = smoothing_of(branch)
    which = f"omega(k) = {branch.formula}"
    if smoothing.cutoff == 0:
        if len([b for b in branches(pde) if b.admissible]) > 1:
            which += ", the slow branch"
        return Judgement(1.0, f"All waves decay faster than the mean on {which}.")
    if math.isinf(smoothing.cutoff):
        return Judgement(
            0.0, f"Short waves do not decay faster than the mean on {which}: detail is kept."
        )
    formula = smoothing.formula or f"{smoothing.cutoff:.4g}"
    return Judgement(
        0.5,
        f"Waves with k <= {formula} do not decay on {which}; a box below "
        f"{2 * math.pi / smoothing.cutoff:.3g} has none of them.",
        f"2*pi/box > {formula}",
        box is not None and 2 * math.pi / box > smoothing.cutoff,
    )


def _positive(pde: PDE, scale: float) -> Judgement:
    most = 2 if is_skewed(pde) else 3
    where = f"{pde.dim}-D" if pde.dim <= most else f"{most}-D (not tested above)"
    found = threshold(pde, scale)
    if found.bernstein:
        return Judgement(1.0, "The kernel is a mixture of Gaussians, positive in every dimension.")
    if found.scale == 0:
        return Judgement(1.0, f"The density stays non-negative at all scales tested, in {where}.")
    if math.isinf(found.scale):
        return Judgement(0.0, f"The density turns negative at every scale tested, in {where}.")
    name = inverse_length(pde)
    value = pde.values[name].real if name else 1.0
    length = f"{name}*scale" if value > 0 else f"abs({name})*scale"
    condition = f"{length if name else 'scale'} > {found.scale * abs(value):.3g}"
    return Judgement(
        0.5,
        f"The density of data finer than {found.scale:.3g} turns negative in {where} (by more than "
        f"{TOLERANCE:g} of its maximum).",
        condition,
        # What it takes grows with the dimension: above 3 nothing is shown.
        scale > found.scale and pde.dim <= most,
    )


def _positive_in_box(pde: PDE, box: float | None) -> tuple[Judgement, dict[int, float]]:
    smoothing = smoothing_of(judged(pde))
    longest = 2 * math.pi / smoothing.cutoff
    side = longest / 2 if box is None else box
    if is_skewed(pde):
        reason = "Advection makes directions differ; positivity in a box is not shown."
        return Judgement(0.0, reason), dict.fromkeys((1, 2, 3), -1.0)
    lowest = {dim: lowest_in_box(pde, side, dim) for dim in (1, 2, 3)}
    ratio = box_threshold(pde)
    where = f"{pde.dim}-D" if pde.dim <= 3 else "3-D (not tested above)"
    if math.isinf(ratio):
        return Judgement(
            0.0, f"The density turns negative in every box tested, in {where}."
        ), lowest
    judgement = Judgement(
        0.5,
        f"With the mean held, the density stays non-negative in a box below {longest / ratio:.3g} "
        f"in {where}.",
        f"2*pi/box > {ratio:.3g}*{smoothing.formula or f'{smoothing.cutoff:.4g}'}",
        box is not None and 2 * math.pi / box > ratio * smoothing.cutoff,
    )
    return judgement, lowest


def _both(c1: Judgement, c2: Judgement, *, quadratic: bool) -> Judgement:
    named = (("C1", c1), ("C2", c2))
    failed = [f"{name} fails. {part.reason}" for name, part in named if part.value == 0]
    if failed:
        return Judgement(0.0, " ".join(failed))
    parts = [part for part in (c1, c2) if part.condition]
    if c1.value == c2.value == 0.5:
        parts = [c1]  # its box lies below that of C2
    if quadratic:
        parts.append(
            Judgement(0.5, "|phi|^2 is not additive over data points.", "one data point", False)
        )
    if not parts:
        return Judgement(1.0, "C1 and C2 hold.")
    return Judgement(
        0.5,
        " ".join(part.reason for part in parts),
        " and ".join(part.condition or "" for part in parts),
        all(part.holds for part in parts),
    )
