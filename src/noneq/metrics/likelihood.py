"""Likelihoods, and the numbers that say how far to trust them."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.calculus import MOST_EXACT
from noneq.data.ensembles import Snapshots, Trajectories, as_snapshots
from noneq.data.lattice import lattice_step
from noneq.domains import Discrete
from noneq.errors import InvalidInput, SolveFailed
from noneq.estimate import Estimate
from noneq.frames.origins import centred
from noneq.metrics.comparison import generator, whole
from noneq.needs import metric
from noneq.traced import jit
from noneq.traits import (
    AbstractModel,
    HasLogMassEstimate,
    HasLogProb,
    HasLogProbEstimate,
    HasPriorMismatch,
    HasSampleLogProb,
    require,
)


_OPPOSITE: dict[str, Any] = {"lower": "upper", "upper": "lower"}


@metric("model", traits=(HasLogProb, HasLogProbEstimate), takes=("dequantise", "key"))
def nll(
    model: Any,
    reference: Any,
    *,
    dequantise: float | None = None,
    batch: int = 1024,
    key: Key | None = None,
) -> Estimate:
    """Mean negative log-likelihood of the reference under a model, in nats, per time.

    **Equation**: −(1/n) Σ log p(x_i | t, c_i), standard error std/√n. For discrete data with
    spacing w: −(1/n) Σ [log p(x_i + w u_i) + dim log w], u uniform on [−½, ½), which bounds the
    negative log of the probability of the cell from above. Models on a `Discrete` domain give
    probabilities themselves: no noise, no bound.

    Args:
        model: one with the trait `HasLogProb`, or `HasLogProbEstimate` (taken above 64 dimensions).
        reference: held-out `Snapshots`, `Trajectories`, or an array ``(n, *event_shape)`` for a
            model without time. Conditions of the samples are passed on.
        dequantise: spacing of discrete data; 0 takes them as they are, None refuses them.
        batch: states evaluated at once.
        key: of the dequantisation noise and of estimates; None takes a fixed one.

    Returns:
        One entry per time (a scalar for an array), without floor.

    Raises:
        MissingTrait: the model has no log density.
        InvalidInput: discrete data without ``dequantise``, other event shape, or fewer than two
            states at a time.
        SolveFailed: the log density is NaN.

    Source: Theis et al. 2016, section 3.1 (dequantisation).
    """
    exact = _exact(model)
    batch = whole(batch, "batch", 1)
    timeless = not isinstance(reference, Snapshots | Trajectories)
    model, data = centred(model, _check(model, reference))
    counted = isinstance(model, AbstractModel) and isinstance(model.domain, Discrete)
    width = 0.0 if counted else _width(data, dequantise)
    rows: list[np.ndarray] = []
    bound: Any = "upper" if width else "none"
    for i, time in enumerate(data.times):
        here = data.time_index == i
        rng = generator(key, i)
        noise = width * (rng.random(data.values[here].shape) - 0.5)
        x = (data.values[here] + noise).astype(data.values.dtype)
        condition = None if data.condition is None else data.condition[here]
        clock = None if timeless else jnp.asarray(time, jnp.result_type(float))
        chunks = _chunks(x, condition, batch)
        if exact:
            found = [np.asarray(_chunk(model, *part, clock), np.float64) for part in chunks]
        else:
            found, of_log_prob = _estimated(model, chunks, clock, rng)
            bound = _OPPOSITE.get(of_log_prob, bound)
        rows.append(np.concatenate(found)[: len(x)])
        _check_row(rows[-1], float(time))
    volume = np.prod(data.event_shape) * np.log(width) if width else 0.0
    value = np.asarray([-row.mean() - volume for row in rows])
    # A state of zero density makes the mean infinite, and its error too.
    spread = lambda row: row.std(ddof=1) if np.isfinite(row).all() else np.inf
    stderr = np.asarray([spread(row) / np.sqrt(len(row)) for row in rows])
    full = Estimate(value, stderr, data.counts, times=data.times, unit="nat", bound=bound)
    return full[0] if timeless else full


@metric(
    "model",
    traits=(HasLogProb, HasLogProbEstimate, HasLogMassEstimate),
    takes=("dequantise", "key"),
)
def bits_per_dim(
    model: Any,
    reference: Any,
    *,
    dequantise: float | None = None,
    batch: int = 1024,
    key: Key | None = None,
) -> Estimate:
    """`nll` in bits per number of a state, nll/(dim ln 2): what images are compared by.

    Args and errors as in `nll`.
    """
    nats = nll(model, reference, dequantise=dequantise, batch=batch, key=key)
    unit = 1 / (np.prod(model.event_shape) * np.log(2))
    value, stderr = (np.asarray(number * unit) for number in (nats.value, nats.stderr))
    return Estimate(value, stderr, nats.n, nats.times, bound=nats.bound, unit="bit")


@metric("model", traits=(HasSampleLogProb,), takes=("key",))
def likelihood_consistency(
    model: Any, reference: Any, *, n: int = 256, key: Key | None = None
) -> Estimate:
    """Disagreement of the log density on the way out and on the way back, in nats, per time.

    **Equation**: mean over samples of |log p gathered while sampling − log p evaluated at the
    sample|: zero but for the errors of the solver.

    Args:
        model: one with the traits `HasSampleLogProb` and `HasLogProb`.
        reference: says at which times (and with which conditions) to ask.
        n: samples at each time.

    Raises:
        MissingTrait: the model lacks one of the traits.
    """
    require(model, HasSampleLogProb, "likelihood_consistency")
    require(model, HasLogProb, "likelihood_consistency")
    n = whole(n, "n", 2)
    timeless = not isinstance(reference, Snapshots | Trajectories)
    model, data = centred(model, _check(model, reference))
    rows = []
    for i, time in enumerate(data.times):
        clock = None if timeless else jnp.asarray(time, jnp.result_type(float))
        rng = generator(key, i)
        given = None
        if data.condition is not None:
            given = rng.choice(data.condition[data.time_index == i], n)
        x, out = model.sample_with_log_prob(
            n, time=clock, condition=given, key=jax.random.key(rng.integers(2**31))
        )
        back = _chunk(model, x, None if given is None else jnp.asarray(given), clock)
        rows.append(np.abs(np.asarray(out, np.float64) - np.asarray(back, np.float64)))
    return _means(rows, data.times)


@metric("model", traits=(HasPriorMismatch,), takes=("key",))
def prior_mismatch(
    model: Any, reference: Any, *, n: int = 1024, key: Key | None = None
) -> Estimate:
    """Bound on KL(law at tau = 1 ‖ prior) in nats, per time.

    **Equation**: E log[k_1(z | x)/prior(z)] with x from the reference and z ~ k_1(. | x) the end
    of the noising; the KL of the mixture over x is at most that.

    Args:
        model: one with the trait `HasPriorMismatch`.
        reference: data of the law that was learnt.
        n: states at each time, at most.

    Raises:
        MissingTrait: the model has no noising process.

    Source: Kingma et al. 2021, eq. 11.
    """
    require(model, HasPriorMismatch, "prior_mismatch")
    timeless = not isinstance(reference, Snapshots | Trajectories)
    model, data = centred(model, _check(model, reference))
    rows = []
    for i, time in enumerate(data.times):
        clock = None if timeless else jnp.asarray(time, jnp.result_type(float))
        rng = generator(key, i)
        place = rng.choice(np.flatnonzero(data.time_index == i), whole(n, "n", 2))
        given = None if data.condition is None else jnp.asarray(data.condition[place])
        keys = jax.random.split(jax.random.key(rng.integers(2**31)), len(place))
        rows.append(np.asarray(_gaps(model, jnp.asarray(data.values[place]), clock, given, keys)))
    mean = _means(rows, data.times)
    return Estimate(mean.value, mean.stderr, mean.n, mean.times, bound="upper", unit="nat")


def _exact(model: Any) -> bool:
    """Whether to ask for the exact log density; one of the two traits is needed."""
    estimates = isinstance(model, HasLogProbEstimate)
    if not estimates:
        require(model, HasLogProb, "nll")
        return True
    small = math.prod(model.event_shape) <= MOST_EXACT  # pyright: ignore[reportAttributeAccessIssue]
    return isinstance(model, HasLogProb) and small


def _check(model: Any, reference: Any) -> Snapshots:
    """The reference as snapshots of the model's event shape."""
    data = as_snapshots(reference)
    if data.event_shape != tuple(model.event_shape):
        raise InvalidInput(
            f"reference has states of shape {data.event_shape}, the model {model.event_shape}; "
            "give the coordinates that the model was fitted to."
        )
    return data


def _width(data: Snapshots, dequantise: float | None) -> float:
    """Width of the dequantisation noise."""
    step = lattice_step(data) if dequantise is None else None
    if step is not None:
        raise InvalidInput(
            f"the reference is discrete (multiples of {step:g}): it has no density. Say "
            f"dequantise={step:g} to fill the gaps with noise (command line: fit the method with "
            f"--set dequantise={step:g})."
        )
    if dequantise is not None and not 0 <= dequantise < np.inf:
        raise InvalidInput(f"dequantise = {dequantise}; expected a width ≥ 0.")
    return dequantise or 0.0


def _means(rows: list[np.ndarray], times: np.ndarray) -> Estimate:
    """Mean and standard error of every row, in nats."""
    value = np.asarray([row.mean() for row in rows])
    stderr = np.asarray([row.std(ddof=1) / np.sqrt(len(row)) for row in rows])
    return Estimate(value, stderr, np.asarray([len(row) for row in rows]), times=times, unit="nat")


def _check_row(row: np.ndarray, time: float) -> None:
    if len(row) < 2:
        raise InvalidInput(f"one state at time {time:g}; a mean with an error needs at least 2.")
    if np.isnan(row).any():
        raise SolveFailed(
            f"log_prob is NaN for {np.isnan(row).sum()} of {len(row)} states at time {time:g}; "
            "check the scale of the reference against the training data."
        )


def _chunks(
    x: np.ndarray, condition: np.ndarray | None, batch: int
) -> list[tuple[Array, Array | None]]:
    """States and conditions in chunks of one fixed shape (one compile for all times)."""
    starts = range(0, len(x), batch)
    places = [np.minimum(np.arange(start, start + batch), len(x) - 1) for start in starts]
    given = lambda rows: None if condition is None else jnp.asarray(condition[rows])
    return [(jnp.asarray(x[rows]), given(rows)) for rows in places]


def _estimated(
    model: Any, chunks: list, time: Any, rng: np.random.Generator
) -> tuple[list[np.ndarray], str]:
    """Estimated log densities of every chunk, and what they bound."""
    keys = jax.random.split(jax.random.key(rng.integers(2**31)), len(chunks))
    found = [
        model.log_prob_estimate(x, time=time, condition=condition, key=k)
        for (x, condition), k in zip(chunks, keys, strict=True)
    ]
    return [estimate.value for estimate in found], found[0].bound


@jit
def _chunk(model: Any, x: Array, condition: Array | None, time: Array | None) -> Array:
    each = lambda x, c: model.log_prob(x, time=time, condition=c)
    return jax.vmap(each, in_axes=(0, None if condition is None else 0))(x, condition)


@jit
def _gaps(model: Any, x: Array, time: Any, condition: Array | None, keys: Array) -> Array:
    each = lambda x, c, k: model.prior_mismatch(x, time=time, condition=c, key=k)
    return jax.vmap(each, in_axes=(0, None if condition is None else 0, 0))(x, condition, keys)
