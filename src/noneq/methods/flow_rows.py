"""What an invariant flow learns from: states of its law, and the law's score there."""

import math
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.lattice import lattice_step
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.methods.learning import rows
from noneq.models.frozen_noise import FrozenNoise
from noneq.models.invariant_flow import AbstractInvariantFlow
from noneq.models.normaliser import Normaliser
from noneq.models.traits import AbstractModel, HasNoising, HasScore, require


_FEW = 100
_ROWS, _NUMBERS = 2**16, 2**24
"""States after noise: so many, unless they are so many numbers."""
_TOGETHER = 2**18


class FewSnapshots(UserWarning):
    """Fewer than 100 snapshots per dimension: the score is that of the sample."""


def kept_law(score: AbstractModel, noise: float) -> AbstractModel:
    """The law that a flow keeps: that of the score, with noise if it knows noise levels.

    Args:
        score: a model with the trait `HasScore`.
        noise: ratio of the noise's standard deviation to the data's.
    """
    if not isinstance(score, HasNoising):
        return score
    return FrozenNoise(score, noise)  # pyright: ignore[reportCallIssue]


def score_of(law: AbstractModel) -> AbstractModel:
    """The model of which `kept_law` makes this law."""
    return law.model if isinstance(law, FrozenNoise) else law


def check_score(score: Any, event_shape: tuple[int, ...], name: str) -> None:
    """Refuse a model that has no score, or one of other states.

    Raises:
        MissingTrait: no score.
        InvalidInput: another shape of states.
    """
    require(score, HasScore, name)
    if score.event_shape != event_shape:
        raise InvalidInput(
            f"{name}: score is of states of shape {score.event_shape}, the data of "
            f"{event_shape}; give a score that was fitted to such data."
        )


def check_states(data: Snapshots | Trajectories, name: str) -> str | None:
    """Refuse data without a density; the warning there is about their number, or None.

    Raises:
        InvalidInput: discrete data, or several times.

    Warns:
        FewSnapshots: fewer than 100 snapshots per dimension.
    """
    step = 1.0 if isinstance(data.domain, Discrete) else lattice_step(data)
    if step is not None:
        raise InvalidInput(
            f"{name}: the values are discrete (multiples of {step:g}), so that no flow moves them; "
            f"expected continuous states. Add uniform noise of width {step:g} if they were rounded."
        )
    snapshots = data.snapshots()
    if many_times(snapshots):
        raise InvalidInput(
            f"{name}: {len(snapshots.times)} times; expected one law that stays: give the states of "
            "one time, or those of all times as one array."
        )
    dim = math.prod(snapshots.event_shape)
    if snapshots.n >= _FEW * dim:
        return None
    text = (
        f"{name}: {snapshots.n} snapshots in {dim} dimension(s) are few; expected {_FEW * dim} or "
        f"more ({_FEW} per dimension): the flow keeps the law of these snapshots."
    )
    warnings.warn(text, FewSnapshots, stacklevel=3)
    return text


def law_rows(
    model: AbstractInvariantFlow, data: Snapshots | Trajectories, *, key: Key
) -> dict[str, Any]:
    """States of the law with their scores, found once before training.

    Data are noised several times each if the law is one of noised states, and stand as they are
    if not.

    Returns:
        ``y``, ``score`` ``(n, dim)`` and ``time_score`` ``(n,)`` in normalised coordinates,
        ``time`` ``(n,)`` and ``condition`` ``(n, columns)`` or None.
    """
    normaliser, law = model.frame.normaliser, model.law
    flat = data.snapshots()
    plain = rows(flat, normaliser)
    copies = 1
    if isinstance(law, FrozenNoise):
        copies = min(-(-_ROWS // flat.n), _NUMBERS // flat.values.size)
    copies = max(copies, 1)
    many = {k: None if a is None else np.repeat(a, copies, 0) for k, a in plain.items()}
    y, score = _scored(law, normaliser, many, many_times(flat), key)
    many |= {"y": y, "score": score}
    return many | {"time_score": time_scores(law, normaliser, many)}


def many_times(data: Snapshots) -> bool:
    """Whether the law depends on time."""
    return len(data.times) > 1


def time_scores(
    law: AbstractModel, normaliser: Normaliser, rows: dict[str, Any]
) -> Float[Array, " n"]:
    """∂_t log p at every row; zero for a law that stays."""
    return jnp.zeros(rows["y"].shape[0])


@eqx.filter_jit
def _scored(
    law: AbstractModel, normaliser: Normaliser, rows: dict[str, Any], moving: bool, key: Key
) -> tuple[Float[Array, "n dim"], Float[Array, "n dim"]]:
    """Noised states and their scores, both in normalised coordinates."""
    assert isinstance(law, HasScore)

    def one(args: tuple[dict[str, Any], Key]) -> tuple[Array, Array]:
        row, key = args
        x = normaliser.inverse(row["y"])
        if isinstance(law, FrozenNoise):
            x = law.noised(x, key=key)
        time = row["time"] if moving else None
        score = law.score(x, time=time, condition=row["condition"])
        return normaliser.forward(x), jnp.ravel(score) * normaliser.scale.value

    n, dim = rows["y"].shape
    together = max(1, min(n, _TOGETHER // dim))
    return jax.lax.map(one, (rows, jax.random.split(key, n)), batch_size=together)
