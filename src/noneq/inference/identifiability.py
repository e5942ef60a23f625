"""What an ensemble of fitted flows agrees on, and what the data leaves open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from noneq._typing import Key, Numbers, ScalarLike
from noneq.data.base import AbstractEnsemble
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.inference.fields import absolute, cosines
from noneq.inference.modes import (
    agreement,
    fewest,
    gram,
    mean_cosines,
    mode_fields,
    normalised,
    participation,
    principal_angles,
    rms,
    share_within,
    spectrum,
)
from noneq.inference.velocities import scale_of, states_of, values_on
from noneq.needs import observable


_MOST = 4096
_HELD = 0.95
"""Of the variance of the ensemble, by the modes that are taken for its span."""
_GROUPS = 16


@dataclass(frozen=True, eq=False)
class Likeness:
    """How a reference field stands to an ensemble.

    Args:
        to_models: |⟨cos⟩| to one field of the ensemble, mean and error over the fields.
        to_consensus: |⟨cos⟩| to the consensus, error over the states.
        within: part of ⟨|v|²⟩ inside the span of the ensemble's leading modes, 0 to 1.
    """

    to_models: Estimate
    to_consensus: Estimate
    within: float


@dataclass(frozen=True, eq=False)
class Identifiability:
    """What the fields of an ensemble share. Vectors are in units of the data's deviations.

    Args:
        names: of the fields, ``(m,)``.
        cosines: ``(m, m)``, |⟨cos⟩| between every two.
        cosine: mean over the pairs; error by jackknife over the fields.
        singular_values: of the stacked fields, each of unit ⟨|v|²⟩; their squares sum to m.
        effective_dimension: participation ratio (Σs²)²/Σs⁴, between 1 (one field) and m.
        shares: ``(m,)``, part of every field inside the first mode, the consensus.
        modes: number of modes that hold 95 % of the variance.
        half_angles: principal angles in degrees between the leading modes of two halves of the
            ensemble; empty for fewer than four fields.
        signs: ``(m,)``, ±1: whether a field runs along the consensus or against it.
        speeds: ``(m,)``, √⟨|v|²⟩ of every field.
        states: ``(n, *event_shape)``, where fields were compared.
        consensus: ``(n, *event_shape)``, the first mode there in the data's units, of unit speed.
        agreement: ``(n,)``, length of the mean unit vector at every state, signs aligned: 1 where
            all agree, about 1/√m where the data determines no direction.
        references: how reference fields stand to the ensemble, by name.
    """

    names: tuple[str, ...]
    cosines: np.ndarray
    cosine: Estimate
    singular_values: np.ndarray
    effective_dimension: Estimate
    shares: np.ndarray
    modes: int
    half_angles: np.ndarray
    signs: np.ndarray
    speeds: np.ndarray
    states: np.ndarray
    consensus: np.ndarray
    agreement: np.ndarray
    references: dict[str, Likeness]

    def table(self) -> str:
        """Fields and references, one a line."""
        wide = max(map(len, (*self.names, *self.references, "reference")))
        others = (self.cosines.sum(1) - 1) / (len(self.names) - 1)
        lines = [f"{'field':<{wide}}  |cos| to others  in consensus  sign  speed"]
        for name, cosine, share, sign, speed in zip(
            self.names, others, self.shares, self.signs, self.speeds, strict=True
        ):
            mark = "+" if sign > 0 else "−"
            lines.append(f"{name:<{wide}}  {cosine:<15.4f}  {share:<12.4f}  {mark:<4}  {speed:.4g}")
        if self.references:
            lines += ["", f"{'reference':<{wide}}  |cos| to fields   |cos| to consensus  in span"]
        for name, like in self.references.items():
            lines.append(
                f"{name:<{wide}}  {_short(like.to_models):<16}  {_short(like.to_consensus):<18}  "
                f"{like.within:.3f}"
            )
        return "\n".join(lines)

    def undetermined(self) -> tuple[str, ...]:
        """What the data does not determine, one sentence each."""
        count, against = len(self.names), int((self.signs < 0).sum())
        low, high = self.speeds.min(), self.speeds.max()
        first = self.singular_values[0] ** 2 / count
        unsure = float(np.mean(self.agreement < (1 + 1 / np.sqrt(count)) / 2))
        open_to = f"the fields fill {_short(self.effective_dimension)} of {count} directions"
        return (
            "Direction of time: v and −v keep the same law; "
            f"{against} of {count} fields run against the consensus.",
            "Speed: c v keeps the same law for every c; "
            f"here √⟨|v|²⟩ is {low:.3g} to {high:.3g}, set by the method.",
            f"Further components: {open_to}, the first holds {first:.1%}; at {unsure:.1%} of the "
            "states their directions are closer to unrelated than to equal.",
            "Fields that agree may still be wrong together: any w with div(p w) = 0 can be added, "
            "and what selects among them is the method. Only a reference or an observed transition "
            "can tell.",
        )

    def __str__(self) -> str:
        title = f"Identifiability of {len(self.names)} fields: mean |cos| {self.cosine}"
        open_ones = "\n".join(f"- {line}" for line in self.undetermined())
        return f"{title}\n\n{self.table()}\n\nNot determined by the data:\n{open_ones}"


@observable("values", more=("states",), number=False)
def identifiability(
    models: Sequence[Any] | Mapping[str, Any],
    states: AbstractEnsemble | Numbers,
    *,
    references: Mapping[str, Any] | None = None,
    scale: Numbers | None = None,
    time: ScalarLike | None = None,
    condition: Numbers | None = None,
    most: int = _MOST,
    key: Key | None = None,
) -> Identifiability:
    """Compare fields fitted to the same data with other seeds, architectures or methods.

    **Equation**: fields v_a in units of the data's standard deviations, divided by √⟨|v_a|²⟩;
    G_ab = ⟨v_a·v_b⟩ = Σ_i λ_i u_ai u_bi. The consensus is Σ_a u_a1 v_a/√λ_1, singular values are
    √λ_i, the effective dimension is (Σλ)²/Σλ². Signs of whole fields do not matter.

    Args:
        models: at least two models with the trait `HasVelocity` (or systems, or functions of one
            state), in a list or by name.
        states: `Snapshots`, `Trajectories` or an array ``(n, *event_shape)`` of the data.
        references: further fields by name, such as the true field, a random skew field, an untrained
            network, the score itself (``model.score``).
        scale: units of the coordinates, one number or one per coordinate; None measures the
            standard deviations of ``states``.
        time: physical time at which models are asked.
        condition: of conditional models, shared.
        most: states that are used, drawn without replacement; all values of all fields there are
            kept in memory.
        key: for this draw; None: ``jax.random.key(0)``.

    Returns:
        A report: ``str()`` says what the ensemble agrees on and what is left open.

    Raises:
        MissingTrait: no vector field.
        InvalidInput: fewer than two models, a field that is zero or not finite, or shapes that do
            not fit.
    """
    named = _named(models)
    x = states_of(states, most, key)
    units = scale_of(scale, states_of(states))
    ask = lambda field: values_on(field, x, time, condition) / units.reshape(-1)
    values = np.stack([ask(field) for field in named.values()])
    speeds = rms(values)
    if not (speeds > 0).all():
        still = list(named)[int(np.argmin(speeds))]
        raise InvalidInput(f"identifiability: {still} is zero at every state; leave it out.")
    unit = normalised(values)
    eigenvalues, vectors = spectrum(gram(unit))
    signs = np.where(vectors[:, 0] < 0, -1.0, 1.0)
    # The majority runs along the consensus; of two halves, the first field.
    flip = np.sign(signs.sum()) or signs[0]
    vectors, signs = vectors * flip, signs * flip
    count = fewest(eigenvalues, _HELD)
    modes = mode_fields(unit, eigenvalues, vectors, count)
    cosine = np.abs(mean_cosines(unit, unit))
    return Identifiability(
        names=tuple(named),
        cosines=cosine,
        cosine=_jackknife(_mean_over_pairs, unit),
        singular_values=np.sqrt(eigenvalues),
        effective_dimension=_jackknife(_dimension, unit),
        shares=eigenvalues[0] * vectors[:, 0] ** 2,
        modes=count,
        half_angles=_half_angles(unit, count),
        signs=signs,
        speeds=speeds,
        states=x,
        consensus=modes[0].reshape(x.shape) * units,
        agreement=agreement(unit, signs),
        references={
            name: _likeness(ask(field), unit, modes) for name, field in (references or {}).items()
        },
    )


def _named(models: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(models, Mapping):
        named = dict(models)
    else:
        named = {f"field {i + 1}": model for i, model in enumerate(models)}
    if len(named) < 2:
        raise InvalidInput(
            f"identifiability: {len(named)} model; give at least two, fitted with other seeds."
        )
    return named


def _likeness(
    values: Float[np.ndarray, "n dim"],
    unit: Float[np.ndarray, "fields n dim"],
    modes: Float[np.ndarray, "count n dim"],
) -> Likeness:
    reference = normalised(values[None])
    return Likeness(
        to_models=sample_mean(np.abs(mean_cosines(unit, reference))[:, 0]),
        to_consensus=absolute(sample_mean(cosines(modes[0], values))),
        within=float(share_within(reference, modes)[0]),
    )


def _mean_over_pairs(unit: Float[np.ndarray, "fields n dim"]) -> float:
    cosine = np.abs(mean_cosines(unit, unit))
    return float(cosine[np.triu_indices(len(unit), 1)].mean())


def _dimension(unit: Float[np.ndarray, "fields n dim"]) -> float:
    return participation(spectrum(gram(normalised(unit)))[0])


def _half_angles(
    unit: Float[np.ndarray, "fields n dim"], count: int
) -> Float[np.ndarray, " angles"]:
    """Angles between as many leading modes of every other field and of the rest."""
    if len(unit) < 4:
        return np.zeros(0)
    halves = [half[: len(unit) // 2] for half in (unit[::2], unit[1::2])]
    count = min(count, len(halves[0]))
    leading = [mode_fields(half, *spectrum(gram(half)), count) for half in halves]
    return principal_angles(*leading)


def _jackknife(
    statistic: Callable[[np.ndarray], float], unit: Float[np.ndarray, "fields n dim"]
) -> Estimate:
    """A statistic with its error over the fields; of two fields, over 16 groups of states."""
    if len(unit) > 2:
        without = [statistic(np.delete(unit, i, axis=0)) for i in range(len(unit))]
    else:
        groups = np.array_split(np.arange(unit.shape[1]), min(_GROUPS, unit.shape[1]))
        without = [statistic(np.delete(unit, group, axis=1)) for group in groups]
    count = len(without)
    error = np.sqrt((count - 1) * np.var(without))
    return Estimate(np.asarray(statistic(unit)), np.asarray(error), np.asarray(count))


def _short(estimate: Estimate) -> str:
    return f"{estimate.value.item():.3f} ± {estimate.stderr.item():.2g}"
