"""Committors of any motion from where short paths end, and a check of committors by such paths."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key, Numbers, Scalar
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.rare.arrivals import arrivals
from noneq.inference.rare.committor.grid import box_of, sets_of
from noneq.inference.rare.committor.network import (
    NetworkCommittor,
    outside,
    states_in,
    untrained,
)
from noneq.inference.rare.sets import SetOf
from noneq.learning.loop import train
from noneq.learning.objectives import AbstractLoss
from noneq.learning.training import Training
from noneq.needs import observable
from noneq.nets import MLP, AbstractNet
from noneq.systems.base import AbstractDiffusion


_TRAINING = Training(steps=3000, batch=2048, rate=3e-3)


class Outcomes(AbstractLoss):
    """Mean of −ln P(outcome), the logistic loss."""

    def loss(self, model: Any, batch: Any, *, key: Key) -> Scalar:
        """Rows are (state, share of its paths that reached the target)."""
        odds = jax.vmap(model.log_odds)(batch[0])
        return jnp.mean(jax.nn.softplus(odds) - batch[1] * odds)


@observable("model", more=("start", "target"), takes=("key",), number=False)
def shooting_committor(
    system: AbstractDiffusion,
    start: SetOf,
    target: SetOf,
    *,
    states: Numbers | None = None,
    bounds: Sequence[Any] | None = None,
    paths: int = 1,
    step: float | None = None,
    net: AbstractNet = MLP(width=48, depth=3),
    training: Training = _TRAINING,
    n: int = 20_000,
    progress: Any = None,
    key: Key,
) -> NetworkCommittor:
    """The committor of any diffusion, learnt from the set that paths from many states reach first.

    **Equation**: min over q of −E[y ln q(x) + (1 − y) ln(1 − q(x))], y = 1 if the path from x reaches
    ``target`` before ``start``.

    Args:
        system: any diffusion that does not follow time, in or out of equilibrium.
        start, target: sets as inequalities, ``"x < -0.9"``, or functions of one state that are
            positive inside.
        states: ``(n, *event_shape)`` from which paths start, such as the frames of trajectories; those
            in the sets are left out. None takes n evenly spread states of ``bounds``.
        bounds: ``((low, high), …)``, in up to three dimensions.
        paths: from each state.
        step: of the paths; None takes the system's own.
        net, training: the network, and the gradient loop.
        n: states in ``bounds``.
        progress: as in `fit`.
        key: typed random key.

    Raises:
        InvalidInput: sets given by truth values or that overlap, or too few states between them.
        SolveFailed: paths that reach no set.
        FitDiverged: a loss that is not finite.

    Source: Ma and Dinner 2005; Jung et al. 2023.
    """
    a, b = sets_of(system, start, target)
    if states is None:
        states = states_in(box_of(system, bounds), n)
    values = np.asarray(states, np.float32)
    values = values[outside(values, a, b)]
    path_key, init_key, train_key = jax.random.split(key, 3)
    share = outcome_shares(system, values, (a, b), paths, step, path_key)
    model = untrained(net, values, a, b, init_key)
    rows = (values, share.astype(np.float32))
    return train(model, Outcomes(), rows, training, key=train_key, progress=progress)[0]


def outcome_shares(
    system: AbstractDiffusion,
    states: np.ndarray,
    sets: Any,
    paths: int,
    step: float | None,
    key: Key,
) -> np.ndarray:
    """Share of the paths from each state that reach the second set before the first one."""
    if paths < 1:
        raise InvalidInput(f"paths = {paths}; expected at least one from each state.")
    found = arrivals(system, states, sets, n=paths * len(states), step=step, key=key)
    return (found.goal == 1).reshape(paths, len(states)).mean(0)


@dataclass(frozen=True, eq=False)
class CommittorCheck:
    """Outcomes of paths beside a committor, in bins of it.

    Attributes:
        edges: of the bins.
        predicted: mean committor of the states in each bin.
        outcome: share of their paths that reached the target, with its binomial error.
        rms: square root of the mean squared error of the committor over the states, the noise of
            the outcomes taken off.
        chi2, p_value: Σ z² over the bins, and the chance of more if the committor is right.
    """

    edges: np.ndarray
    predicted: np.ndarray
    outcome: Estimate
    rms: Estimate
    chi2: float
    p_value: float


@observable("values", more=("system", "states"), takes=("key",), number=False)
def committor_check(
    committor: Callable[..., Any],
    system: AbstractDiffusion,
    states: Numbers,
    *,
    paths: int = 20,
    bins: int = 10,
    step: float | None = None,
    key: Key,
) -> CommittorCheck:
    """Whether paths from states of committor q reach the target with probability q.

    **Equation**: in each bin Σ y against Σ q, with the variance Σ q(1 − q)/paths; the squared error
    over all states is mean[(ȳ − q)² − ȳ(1 − ȳ)/(paths − 1)].

    Args:
        committor: what `grid_committor`, `variational_committor` or `shooting_committor` gave.
        system: whose paths decide.
        states: ``(n, *event_shape)``; those in the sets are left out.
        paths: from each state, at least 2.
        bins: of equal width.
        step: of the paths; None takes the system's own.

    Raises:
        InvalidInput: fewer than two paths, or too few states between the sets.
    """
    from scipy.stats import chi2

    if paths < 2 or bins < 1:
        raise InvalidInput(f"committor_check: paths = {paths}, bins = {bins}; at least 2 and 1.")
    a, b = vars(committor).get("start"), vars(committor).get("target")
    if a is None or b is None:
        raise InvalidInput(
            "committor_check: the committor knows no sets; give what grid_committor or "
            "shooting_committor returned."
        )
    values = np.asarray(states, np.float32)
    values = values[outside(values, a, b)]
    q = np.asarray(jax.vmap(committor)(jnp.asarray(values)), np.float64)
    share = outcome_shares(system, values, (a, b), paths, step, key)
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(q, edges) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    seen = np.flatnonzero(count)
    mean = lambda part: np.bincount(place, part, minlength=bins)[seen] / count[seen]
    error = np.sqrt(mean(np.maximum(q * (1 - q), 1e-6)) / (paths * count[seen]))
    z = (mean(share) - mean(q)) / error
    square = (share - q) ** 2 - share * (1 - share) / (paths - 1)
    middle, scatter = square.mean(), square.std(ddof=1) / np.sqrt(len(square))
    rms = np.sqrt(max(middle, 0.0))
    return CommittorCheck(
        edges,
        mean(q),
        Estimate(mean(share), error, count[seen] * paths),
        # From the error of the square; where that is zero within its error, its own root.
        Estimate(
            np.asarray(rms),
            np.asarray(min(scatter / (2 * rms) if rms else np.inf, np.sqrt(scatter))),
            np.asarray(len(square)),
        ),
        float((z**2).sum()),
        float(chi2.sf((z**2).sum(), len(seen))),
    )
