"""How the mean squared displacement grows: t^alpha, with localisation noise told apart."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from noneq.data.ensembles import Trajectories
from noneq.display import Card
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.memory.displacement_law import Runs, errors, fitted
from noneq.inference.memory.even_paths import even_step, moves
from noneq.needs import observable


_LENGTH = 256
"""Displacements of a run; longer paths are cut."""
_SHORTEST, _LEAST = 8, 100
_Z = 1.959964


@dataclass(frozen=True, repr=False)
class AnomalousExponent:
    """Outcome of `anomalous_exponent`.

    Attributes:
        alpha: exponent.
        diffusivity: K of MSD = 2 dim K t^alpha, length² per time^alpha.
        localisation: standard deviation of the error of one coordinate; 0 where none was fitted.
        dim: coordinates.
        step: between frames.
        notes: what to be wary of, a sentence each.
    """

    alpha: Estimate
    diffusivity: Estimate
    localisation: Estimate
    dim: int
    step: float
    notes: tuple[str, ...] = ()

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of alpha."""
        half = _Z * float(self.alpha.stderr)
        return max(float(self.alpha.value) - half, 0.0), min(float(self.alpha.value) + half, 2.0)

    @property
    def kind(self) -> str:
        """``subdiffusion``, ``superdiffusion``, or ``diffusion`` if the interval holds 1."""
        low, high = self.interval
        return "subdiffusion" if high < 1 else "superdiffusion" if low > 1 else "diffusion"

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        low, high = self.interval
        said = "consistent with ordinary diffusion" if self.kind == "diffusion" else self.kind
        return (
            f"{said}: alpha = {float(self.alpha.value):.3f}, 95 % interval {low:.3f} to {high:.3f}"
        )

    def mean_squared_displacement(self, times: Float[np.ndarray, " T"]) -> np.ndarray:
        """2 dim (K t^alpha + localisation²) of the fit, as frames show it, at times (T,) > 0."""
        spread = float(self.diffusivity.value) * np.asarray(times, float) ** float(self.alpha.value)
        return 2 * self.dim * (spread + float(self.localisation.value) ** 2)

    def __str__(self) -> str:
        """`sentence`."""
        return self.sentence

    def __repr__(self) -> str:
        """The sentence, and the other parameters."""
        return self.card().text()

    def _repr_html_(self) -> str:
        """The same, for notebooks."""
        return self.card().html()

    def card(self) -> Card:
        """What prompts and notebooks show."""
        facts = [
            ("diffusivity", f"{self.diffusivity}"),
            ("localisation error", f"{self.localisation}"),
            ("data", f"{int(self.alpha.n)} displacements, {self.step:.4g} apart"),
        ]
        return Card(self.sentence, facts + [("note", note) for note in self.notes])


@observable("trajectories", number=False)
def anomalous_exponent(
    trajectories: Trajectories, *, localisation: bool = True
) -> AnomalousExponent:
    """The exponent of ⟨|x(t + τ) − x(t)|²⟩ = 2 dim (K τ^alpha + localisation²), with its error.

    **Equation**: the likelihood of all displacements as Gaussian numbers of the covariance that this
    law gives, s(γ(k) + r(2δ_{k0} − δ_{|k|1})) with γ of fractional noise of H = alpha/2,
    s = 2 K h^alpha and r s = localisation². It weighs all lags as their errors and correlations ask
    for, which a line through the logarithms of a mean squared displacement does not; without
    ``localisation`` errors of the positions look like subdiffusion. Each standard error is the larger
    one of the likelihood's and of a sandwich over runs of the record, which does not assume Gaussian
    displacements.

    Args:
        trajectories: at even steps, of free or periodic coordinates, which count alike; gaps cut a
            path into runs, and so does every 256th frame.
        localisation: whether the positions have independent errors.

    Returns:
        `AnomalousExponent`. A confined particle, a constant velocity or a ballistic start have no
        single exponent: fit shorter records or take their law from `noneq infer`.

    Raises:
        InvalidInput: uneven steps, fewer than 100 displacements in runs of 8 or more, or no motion.

    Source: Michalet and Berglund, Phys. Rev. E 85, 061916 (2012), for the errors of positions; White,
    Econometrica 50, 1 (1982), for the sandwich.
    """
    name = "anomalous_exponent"
    step = even_step(trajectories, name)
    runs = _runs(*moves(trajectories))
    if runs.count < _LEAST:
        raise InvalidInput(
            f"{name}: {runs.count} displacements in runs of {_SHORTEST} or more; expected at least "
            f"{_LEAST}. Give longer paths or more of them."
        )
    if not runs.values.any():
        raise InvalidInput(f"{name}: nothing moves.")
    alpha, log_s, r = fitted(runs, localisation)
    spread, by_runs = errors(runs, alpha, log_s, r, localisation)
    dim, n = runs.values.shape[2], np.asarray(runs.count)
    log_k = log_s - alpha * np.log(step) - np.log(2)
    slope = np.array([-np.log(step), 1.0, 0.0])
    error_k = np.sqrt(slope @ spread @ slope)
    square = r * np.exp(log_s)
    # Of the square, then of its root; at 0 the root has no slope and its error is that of the square.
    along = np.exp(log_s) * np.array([0.0, r, 1.0])
    error = np.sqrt(along @ spread @ along)
    sigma = np.sqrt(square)
    error_sigma = min(error / (2 * sigma), np.sqrt(error)) if sigma > 0 else np.sqrt(error)
    notes = () if by_runs else ("few runs: errors assume Gaussian displacements",)
    if alpha > 1.95:
        notes += ("alpha is at its largest: is there a constant velocity, or inertia?",)
    number = lambda value, error: Estimate(np.asarray(value), np.asarray(error), n)
    return AnomalousExponent(
        number(alpha, np.sqrt(spread[0, 0])),
        number(np.exp(log_k), np.exp(log_k) * error_k),
        number(sigma, error_sigma if localisation else 0.0),
        dim,
        step,
        notes,
    )


def _runs(move: np.ndarray, seen: np.ndarray) -> Runs:
    """Stretches of displacements without a gap, of at most so many, those too short left out."""
    found: list[tuple[int, int, int]] = []
    for path, row in enumerate(seen):
        edges = np.flatnonzero(np.diff(np.r_[False, row, False].astype(int)))
        for begin, end in edges.reshape(-1, 2):
            parts = -(-(end - begin) // _LENGTH)
            cuts = np.linspace(begin, end, parts + 1).round().astype(int)
            found += [(path, a, b) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
    found = [run for run in found if run[2] - run[1] >= _SHORTEST]
    longest = max((b - a for _, a, b in found), default=0)
    values = np.zeros((len(found), longest, move.shape[2]))
    for i, (path, a, b) in enumerate(found):
        values[i, : b - a] = move[path, a:b]
    return Runs(
        values, np.array([b - a for _, a, b in found], int), np.array([p for p, *_ in found])
    )
