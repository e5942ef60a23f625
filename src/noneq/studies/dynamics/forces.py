"""Cells on drifts beside Stochastic Force Inference, on the same paths."""

import dataclasses
import time as clock
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.methods import DriftRegression, Polynomials, SparseDrift
from noneq.runs.rows import Row
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.dynamics.laws import TRUTHS, Truth


PEER = "StochasticForceInference (peer)"
Field = Callable[[np.ndarray], Float[np.ndarray, "N dim"]]


@dataclasses.dataclass(frozen=True)
class Record:
    """How a system is recorded.

    Attributes:
        truth: the system.
        noise: of the positions, in rms steps.
        order: 2 where velocities are not recorded.
    """

    truth: Truth
    noise: float = 0.0
    order: int = 1


_COARSE = dataclasses.replace(TRUTHS["limit_cycle"], times=(250.0, 0.25))
RECORDS = {
    "ou": Record(TRUTHS["ou"]),
    "limit_cycle": Record(TRUTHS["limit_cycle"]),
    # dt times the rate of relaxation, 2, is 0.5.
    "noisy": Record(_COARSE, noise=1.0),
    "underdamped": Record(TRUTHS["oscillator"], order=2),
    "underdamped,noisy": Record(TRUTHS["oscillator"], noise=0.3, order=2),
}
"""One path each."""


class ForceCell(AbstractCell):
    """Drift error of one path.

    **Equation**: ``drift_error`` ⟨δfᵀ D^{-1} δf⟩/⟨fᵀ D^{-1} f⟩ over the true states, of accelerations
    for order 2; ``support_right``, whether the terms of all equations are found, and no other.
    ``seconds`` are those of a second fit in the same process, in the first replicate.

    Args:
        record: of `RECORDS`.
        peer: whether the package `SFI` is at work, which has to be installed.
        select: also by its selection of terms (ours: that of `SparseDrift`).
    """

    record: str = "ou"
    peer: bool = False
    select: bool = False
    replicate: int = 0

    @property
    def case(self) -> str:
        """``sfi:`` and the record."""
        return f"sfi:{self.record}"

    @property
    def method_name(self) -> str:
        """Who is at work."""
        return PEER if self.peer else "noneq"

    def __call__(self, key: Key) -> Outcome:
        """One data set."""
        record = RECORDS[self.record]
        truth, path_key = record.truth, jax.random.split(key)[0]
        clean = truth.paths_of(1, path_key)
        seen = observed(clean, record, self.replicate)
        fit = peer_drift if self.peer else own_drift
        rows = []
        if not self.replicate:
            fit(seen, record, False)  # compiles
        began = clock.perf_counter()
        drift = fit(seen, record, False)
        if not self.replicate:
            rows.append(self._row("seconds", clock.perf_counter() - began))
        rows.append(self._row("drift_error", drift_error(drift, clean, record)))
        if self.select:
            right = supports(fit(seen, record, True), clean, truth)
            rows.append(self._row("support_right", float(right)))
        return Outcome(tuple(rows))

    def _row(self, metric: str, value: float) -> Row:
        return Row(self.case, self.method_name, metric, value, 0.0)


def observed(clean: Trajectories, record: Record, seed: int) -> Trajectories:
    """Positions with their errors."""
    values = clean.values.astype(np.float64)
    names = ("x", "y")[: values.shape[2] // record.order]
    if record.order == 2:
        values = values[..., : len(names)]
    if record.noise:
        size = record.noise * np.sqrt((np.diff(values, axis=1) ** 2).mean())
        values = values + size * np.random.default_rng([seed, 5]).normal(size=values.shape)
    return Trajectories(values, clean.times, names=names)


def drift_error(drift: Field, clean: Trajectories, record: Record) -> float:
    """Of the accelerations for order 2; D is the same for all coordinates."""
    states = clean.values.reshape(-1, record.truth.dim).astype(np.float64)
    right = np.asarray(jax.vmap(record.truth.drift)(jnp.asarray(states)), np.float64)
    if record.order == 2:
        right = right[:, right.shape[1] // 2 :]
    return float(((drift(states) - right) ** 2).sum() / (right**2).sum())


def own_drift(data: Trajectories, record: Record, select: bool) -> Field:
    """Drift by `DriftRegression` or `SparseDrift`."""
    method = (SparseDrift if select else DriftRegression)(
        library=Polynomials(record.truth.degree),
        order=record.order,
        localisation=record.noise > 0,
    )
    model: Any = method.fit(data, key=jax.random.key(0), progress=False).model
    theta = np.asarray(model.coefficients, np.float64)
    return lambda states: model.basis.values(np.asarray(states, np.float64)) @ theta


def peer_drift(data: Trajectories, record: Record, select: bool) -> Field:
    """Drift by the peer: its linear regression of clean positions, else its fit that knows of noise."""
    try:
        import SFI  # pyright: ignore[reportMissingImports]
        from SFI.bases import monomials_up_to  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InvalidInput(
            "the peer is not installed: pip install --no-deps StochasticForceInference; or leave "
            "peer=false."
        ) from error
    dt, dim = float(np.diff(data.times).mean()), data.values.shape[2]
    paths = SFI.TrajectoryCollection.from_arrays(X=np.asarray(data.values[0], np.float64), dt=dt)
    second = record.order == 2
    kind = SFI.UnderdampedLangevinInference if second else SFI.OverdampedLangevinInference
    inference = kind(paths)
    library = monomials_up_to(record.truth.degree, dim=dim, include_v=second, rank="vector")
    if record.noise or second:
        inference.infer_force(library)
    else:
        inference.compute_diffusion_constant()
        inference.infer_force_linear(library)
    if select:
        inference.sparsify_force(criterion="PASTIS")
    found = inference.force_inferred

    def field(states: np.ndarray) -> np.ndarray:
        x = jnp.asarray(states)
        made = found(x[:, :dim], v=x[:, dim:]) if second else found(x)
        return np.asarray(made, np.float64)

    return field


def supports(drift: Field, clean: Trajectories, truth: Truth) -> bool:
    """Whether a polynomial drift has the right terms, read off its values."""
    rng = np.random.default_rng(0)
    states = rng.normal(size=(400, truth.dim)) * clean.values.std((0, 1))
    basis = Polynomials(truth.degree).basis(summarise(clean))
    size, codes = basis.values(states), basis.codes(("x", "y")[: truth.dim])
    theta = np.linalg.lstsq(size, drift(states))[0]
    # Peers work in single precision.
    there = np.abs(theta) > 1e-4 * np.abs(theta).max()
    lines = truth.terms[-theta.shape[1] :]
    found = [{codes[k] for k in np.flatnonzero(there[:, j])} for j in range(len(lines))]
    return all(one == set(line) for one, line in zip(found, lines, strict=True))


def force_cells(*, seeds: int, peer: bool) -> list[AbstractCell]:
    """Every record by us and, if asked for, by the peer."""
    return [
        ForceCell(record=name, peer=by, select=name == "limit_cycle", replicate=replicate)
        for name in RECORDS
        for by in ((False, True) if peer else (False,))
        for replicate in range(seeds)
    ]
