"""What generation by a denoising model dissipates, and a choice of noise levels that lowers it."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers
from noneq.data.ensembles import Snapshots, Trajectories, as_snapshots
from noneq.display import Card, number
from noneq.errors import InvalidInput, MissingTrait, SolveFailed
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.assignment import subsample
from noneq.thermo.learnt.requests import condition_of, count_of
from noneq.thermo.learnt.transport_cost import squared_distance
from noneq.traced import jit
from noneq.traits import HasNoising, HasNoisyVelocity


_NAME = "schedule_costs"
_PILOT = 64
_WORSE = 2.0
"""Standard errors by which W₂ may be worse than with the model's own levels."""


@dataclass(frozen=True, repr=False)
class ScheduleCosts:
    """Choices of noise levels at equal numbers of steps; row 0 has the model's own clock.

    Attributes:
        blend: share of the clock of equal lengths in each choice, ``(choices,)``.
        levels: clock values tau of the nodes, ``(choices, steps + 1)``, the prior first.
        entropy_production: of one draw in the unit-variance coordinates, ``(choices,)``.
        w2: Wasserstein-2 distance of the draws from the data, in those coordinates.
        bound: W₂² of prior and data, which no choice can undercut.
        suggested: the choice of least dissipation whose W₂ is no worse than the own clock's by
            two standard errors.
    """

    blend: Float[np.ndarray, " choices"]
    levels: Float[np.ndarray, "choices nodes"]
    entropy_production: Estimate
    w2: Estimate
    bound: Estimate
    suggested: int

    def __repr__(self) -> str:
        """A row for each choice."""
        rows = [
            (
                f"blend {share:g}" + (" (suggested)" if i == self.suggested else ""),
                f"entropy production {self.entropy_production[i]}, W2 {self.w2[i]}",
            )
            for i, share in enumerate(self.blend)
        ]
        floor = f"; no choice is below W2² = {number(float(self.bound.value))}"
        steps = self.levels.shape[1] - 1
        return Card(f"ScheduleCosts of {steps} steps{floor}", rows).text()


@observable("model", traits=(HasNoising,), takes=("key",), more=("reference",), number=False)
def schedule_costs(
    model: Any,
    reference: Snapshots | Trajectories | Numbers,
    *,
    steps: int = 20,
    n: int = 1000,
    blend: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0),
    time: float | None = None,
    condition: Any = None,
    key: Key,
) -> ScheduleCosts:
    """Entropy production of the generative flow against its accuracy, for choices of noise levels.

    **Equation**: generation is the flow dx/dtau = v from noised data at tau = 1 down to the least
    noise, by Heun's steps at nodes tau_0 … tau_K, each of which takes 1/K of a unit of time. In
    coordinates z that have unit variance at every level (z = (x − mean)/std of the noised data),
    with temperature and mobility 1, it dissipates Σ = K Σ_k ⟨|z_{k+1} − z_k|²⟩ ≥ L² ≥ W₂², L = Σ_k
    ⟨|z_{k+1} − z_k|²⟩^{1/2} the length of the path and W₂ the distance of prior and data. Σ = L² where
    all steps are equally long. A choice of ``blend`` w puts its nodes at equal distances of
    (1 − w) (1 − tau)/(1 − start) + w (length so far)/L: w = 0 is the model's own clock.

    What is best for accuracy is not told by Σ alone (few steps need small ones where the flow
    bends), so the draws of every choice are compared with the data and the suggestion is made by what
    was measured.

    Args:
        model: with the traits `HasNoising` and `HasNoisyVelocity`.
        reference: data of one time: states that are noised, and that draws are compared with; two
            disjoint halves of it, at most n states each.
        steps: K, the same for all choices.
        n: draws.
        blend: shares w, the first one 0.
        time, condition: as in `sample`.

    Returns:
        The choices with their entropy production, W₂ (floor: of the two halves) and the suggestion.

    Raises:
        MissingTrait: a model without noising flow.
        InvalidInput: too few states or steps, or shares outside [0, 1].
        SolveFailed: draws that are not finite.

    Source: Ikeda, Uda, Okanohara and Ito 2025 (arXiv 2407.04495).
    Deviation: theirs is the noise schedule of training; ours the levels of a fitted model, in
    coordinates that make processes comparable.
    """
    if not isinstance(model, HasNoising) or not isinstance(model, HasNoisyVelocity):
        raise MissingTrait(
            f"{_NAME} needs a model with the traits HasNoising and HasNoisyVelocity, as of a denoising "
            f"method; {type(model).__name__} has not."
        )
    condition = condition_of(condition, _NAME)
    count_of(n, _NAME, 10)
    shares = np.asarray(blend, np.float64)
    if steps < 2 or shares.size < 1 or shares[0] != 0 or not ((shares >= 0) & (shares <= 1)).all():
        raise InvalidInput(
            f"{_NAME}: steps = {steps}, blend = {blend}; expected at least 2, and shares in [0, 1] of "
            "which the first is 0."
        )
    x, held = _halves(reference, time, n, _shape(model), key)
    noise_key, scale_key = jax.random.split(jax.random.fold_in(key, 1))
    clock = None if time is None else jnp.asarray(time, float)
    begin = float(model.noise_clock(1e-6))
    pilot = np.linspace(1.0, begin, _PILOT + 1)
    mean, std = _scales(model, x, jnp.asarray(pilot, float), scale_key)
    mean, std = (np.asarray(a, np.float64) for a in (mean, std))
    start = _noised(model, x, jnp.asarray(1.0), noise_key)

    def run(levels: np.ndarray) -> np.ndarray:
        path = _flow(model, start, jnp.asarray(levels, float), clock, condition)
        path = np.asarray(path, np.float64).reshape(len(levels), len(x), -1)
        if not np.isfinite(path).all():
            raise SolveFailed(f"{_NAME}: draws with {len(levels) - 1} steps are not finite.")
        at = lambda table: np.stack([
            np.interp(-levels, -pilot, column) for column in table.T
        ], axis=1)[:, None]  # fmt: skip
        return (path - at(mean)) / at(std)

    walk = run(pilot)
    stride = np.sqrt((np.diff(walk, axis=0) ** 2).sum(-1).mean(1))
    length = np.concatenate([[0.0], np.cumsum(stride)]) / max(float(stride.sum()), 1e-300)
    own = np.linspace(0.0, 1.0, _PILOT + 1)
    nodes = np.stack([
        np.interp(np.linspace(0, 1, steps + 1), (1 - w) * own + w * length, pilot) for w in shares
    ])  # fmt: skip
    target = (held.reshape(len(held), -1) - mean[-1]) / std[-1]
    data = (np.asarray(x, np.float64).reshape(len(x), -1) - mean[-1]) / std[-1]
    costs, accuracy = [], []
    for levels in nodes:
        z = run(levels)
        squares = steps * (np.diff(z, axis=0) ** 2).sum(-1).sum(0)
        costs.append((squares.mean(), squares.std(ddof=1) / np.sqrt(len(squares))))
        accuracy.append(_distance(z[-1], target))
    production, w2 = (np.asarray(a) for a in (costs, accuracy))
    floor = _distance(data, target)
    good = w2[:, 0] - w2[0, 0] <= _WORSE * np.hypot(w2[:, 1], w2[0, 1])
    least = np.where(good, production[:, 0], np.inf)
    bound, error = squared_distance(walk[0], data)
    count = float(len(x))
    return ScheduleCosts(
        shares,
        nodes,
        Estimate(production[:, 0], production[:, 1], np.asarray(count), method="flow"),
        Estimate(
            w2[:, 0],
            w2[:, 1],
            np.asarray(count),
            floor=np.asarray(floor[0]),
            floor_kind="halves",
            floor_stderr=np.asarray(floor[1]),
        ),  # fmt: skip
        Estimate(np.asarray(bound), np.asarray(error), np.asarray(count), bound="lower"),
        int(np.argmin(least)),
    )


def _shape(model: Any) -> tuple[int, ...]:
    return tuple(model.event_shape)


def _halves(
    reference: Any, time: float | None, n: int, shape: tuple[int, ...], key: Key
) -> tuple[Array, np.ndarray]:
    """Two disjoint halves of the states, of equal size, at most n.

    Raises:
        InvalidInput: several times and none chosen, another shape, or fewer than 20 states.
    """
    data = reference if isinstance(reference, Snapshots | Trajectories) else as_snapshots(reference)
    if time is None and data.times.size > 1:
        raise InvalidInput(f"{_NAME}: data of {data.times.size} times; choose one by time=.")
    states = data.at(float(data.times[0] if time is None else time))
    if states.shape[1:] != shape or len(states) < 20:
        raise InvalidInput(
            f"{_NAME}: states of shape {states.shape}; expected at least 20 of shape {shape}."
        )
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    size = min(n, len(states) // 2)
    both = subsample(states, 2 * size, rng)[rng.permutation(2 * size)]
    return jnp.asarray(both[:size], float), np.asarray(both[size:], np.float64)


def _distance(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """W₂ and its standard error."""
    square, error = squared_distance(x, y)
    root = np.sqrt(max(square, 0.0))
    return float(root), float(error / (2 * root)) if root > 0 else 0.0


@jit
def _noised(model: Any, x: Array, tau: Array, key: Key) -> Array:
    keys = jax.random.split(key, x.shape[0])
    return jax.vmap(lambda x, k: model.noised(x, tau, key=k))(x, keys)


@jit
def _scales(model: Any, x: Array, taus: Array, key: Key) -> tuple[Array, Array]:
    """Mean and standard deviation of the noised states at every level, ``(levels, dim)``."""

    def at(tau: Array) -> tuple[Array, Array]:
        y = _noised(model, x, tau, key).reshape(x.shape[0], -1)
        return jnp.mean(y, axis=0), jnp.maximum(jnp.std(y, axis=0), 1e-12)

    return jax.lax.map(at, taus)


@jit
def _flow(model: Any, x: Array, taus: Array, time: Any, condition: Any) -> Array:
    """States at every node of Heun's method, the start first, ``(nodes, n, *event)``."""
    one = lambda x, tau: model.noisy_velocity(x, tau, time=time, condition=condition)
    velocity = jax.vmap(one, (0, None))
    project = jax.vmap(model.domain.project)

    def step(x: Array, pair: tuple[Array, Array]) -> tuple[Array, Array]:
        tau, after = pair
        h = after - tau
        v = velocity(x, tau)
        x = project(x + h / 2 * (v + velocity(project(x + h * v), after)))
        return x, x

    path = jax.lax.scan(step, x, (taus[:-1], taus[1:]))[1]
    return jnp.concatenate([x[None], path])
