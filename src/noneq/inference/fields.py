"""How alike two vector fields are over the data."""

from typing import Any

import numpy as np
from jaxtyping import Float

from noneq._typing import Key, Numbers, ScalarLike
from noneq.data.base import AbstractEnsemble
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.inference.velocities import scale_of, states_of, values_on
from noneq.needs import observable


_MOST = 4096


@observable("model", more=("b", "states"))
def field_cosine(
    a: Any,
    b: Any,
    states: AbstractEnsemble | Numbers,
    *,
    signed: bool = False,
    pointwise: bool = False,
    flattened: bool = False,
    scale: Numbers | None = None,
    time: ScalarLike | None = None,
    condition: Numbers | None = None,
    most: int = _MOST,
    key: Key | None = None,
) -> Estimate:
    """Mean cosine of the angle between two vector fields over the data, whatever their speeds.

    **Equation**: |⟨cos⟩|, cos(x) = a·b/(|a||b|), vectors in units of the data's standard deviation
    in every coordinate. The sign of a field that keeps a law is free as a whole, hence one absolute
    value outside the mean. The cosine is 0 where a field vanishes.

    Args:
        a, b: models with the trait `HasVelocity`, systems (their drift), or functions of one state.
        states: `Snapshots`, `Trajectories` or an array ``(n, *event_shape)``.
        signed: ⟨cos⟩, for fields whose direction of time is known.
        pointwise: ⟨|cos|⟩, which forgives another sign at every state: 1/2 for unrelated directions
            in three dimensions, 2/π in two, about √(2/(π dim)) in many.
        flattened: |⟨a·b⟩|/√(⟨|a|²⟩⟨|b|²⟩), the cosine of the two fields over all states as two long
            vectors, in which fast states count most. Zhang and Levin 2025 take this one.
        scale: units of the coordinates, one number or one per coordinate; None measures the
            standard deviations of ``states``.
        time: physical time at which models are asked; a system's is 0 by default.
        condition: of conditional models, shared.
        most: states that are used, drawn without replacement.
        key: for this draw; None: ``jax.random.key(0)``.

    Returns:
        The cosine with its error over the states, taken as independent. An absolute value below
        its error is no evidence of likeness.

    Raises:
        MissingTrait: no vector field.
        InvalidInput: ``pointwise`` with ``signed`` or ``flattened``, shapes that do not fit, or values
            that are not finite.
    """
    if pointwise and (signed or flattened):
        other = "signed" if signed else "flattened"
        raise InvalidInput(f"field_cosine: give {other} or pointwise, not both.")
    x = states_of(states, most, key)
    units = scale_of(scale, states_of(states)).reshape(-1)
    first, second = (values_on(field, x, time, condition) / units for field in (a, b))
    cosine = cosines(first, second)
    if pointwise:
        return sample_mean(np.abs(cosine))
    mean = _flattened(first, second) if flattened else sample_mean(cosine)
    return mean if signed else absolute(mean)


def _flattened(a: Float[np.ndarray, "n dim"], b: Float[np.ndarray, "n dim"]) -> Estimate:
    """⟨a·b⟩/√(⟨|a|²⟩⟨|b|²⟩), error by the delta method; 0 ± 0 if one field vanishes."""
    along, first, second = (np.sum(x * y, axis=1) for x, y in ((a, b), (a, a), (b, b)))
    sizes = first.mean() * second.mean()
    if sizes == 0:
        return Estimate(np.zeros(()), np.zeros(()), np.asarray(len(a)))
    cosine = along.mean() / np.sqrt(sizes)
    parts = along / np.sqrt(sizes) - cosine * (
        first / first.mean() + second / second.mean()
    ) / 2  # fmt: skip
    error = np.std(parts, ddof=1) / np.sqrt(len(parts))
    return Estimate(np.asarray(cosine), np.asarray(error), np.asarray(len(a)))


def cosines(
    a: Float[np.ndarray, "n dim"], b: Float[np.ndarray, "n dim"]
) -> Float[np.ndarray, " n"]:
    """Cosine between the rows, 0 where one vanishes."""
    return np.sum(directions(a) * directions(b), axis=-1)


def directions(values: Float[np.ndarray, "*batch dim"]) -> Float[np.ndarray, "*batch dim"]:
    """Unit vectors, 0 where there is none."""
    size = np.linalg.norm(values, axis=-1, keepdims=True)
    return values / np.where(size > 0, size, 1.0)


def absolute(estimate: Estimate) -> Estimate:
    """Absolute values with the same errors."""
    return Estimate(np.asarray(np.abs(estimate.value)), estimate.stderr, estimate.n)
