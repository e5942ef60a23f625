"""Entropy production by the variational principle of NEEP: a learnt, time-antisymmetric function."""

from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from noneq._typing import Key, Numbers, Scalar
from noneq.data.ensembles import Trajectories
from noneq.domains import Discrete, periods_of
from noneq.estimate import Estimate
from noneq.learning.loop import train
from noneq.learning.objectives import AbstractLoss
from noneq.learning.training import Training
from noneq.needs import observable
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.vectors.fields import MLP
from noneq.statistics.libraries import Polynomial, on_domain
from noneq.thermo.estimators.indicators import indicators
from noneq.thermo.estimators.library_choice import check_span
from noneq.thermo.estimators.linear_force import (
    HARMONICS,
    Whitening,
    gains,
    linear_force,
    whitened,
    whitening,
)
from noneq.thermo.estimators.windows import Windows, windows
from noneq.thermo.path_checks import check_rough, check_steady_paths, roughness


_NAME = "variational_rate"
_POOL = 2**24
"""Numbers drawn for one stretch of training."""
_STRETCHES = 4
_STOPPING = 0.2
"""Share of the segments of a fold that tell when to stop."""
_WORTH = 2.0
"""Standard errors by which a network must gain on those to be kept."""


@observable("trajectories", takes=("key",))
def variational_rate(
    trajectories: Trajectories | Numbers,
    *,
    window: int = 2,
    lag: int = 1,
    net: AbstractNet | None = MLP(width=64, depth=2),
    training: Training = Training(steps=2000, batch=8192, rate=1e-3, ema=0.99, patience=4),
    key: Key,
) -> Estimate:
    """Entropy production rate of a stationary process by NEEP's variational principle.

    **Equation**: with w a window of n frames and w̃ the same frames backwards,
    max over ΔS of ⟨ΔS + 1 − e^{−ΔS}⟩ = ⟨ln p(w)/p(w̃)⟩ for ΔS(w̃) = −ΔS(w), divided by the time
    from the first to the last frame. Here ΔS = [W u(e) + F(u(e))]·o, where the even part
    e_i = (x_i + x_{n−1−i})/2 and the odd part o_i = x_{n−1−i} − x_i; of two frames these are
    middle and displacement, so that ΔS is the Stratonovich sum of a force. u(e) is 1, e itself, and
    sines and cosines of angles. W is found by whole passes over the data (no random steps; a
    linear process needs nothing else), then a network F by Adam with early stopping; F is kept only
    where it gains two standard errors on segments that it was not trained on. For windows of more than
    two frames, and for discrete states, F sees o too: F(u, o) + F(u, −o).

    The paths (of few paths 32 pieces) are cut into halves; each is judged by what was learnt from the
    other one. The maximum of W gains as much on its own half as it loses on the other, so that the
    mean of both is free of that bias (`Estimate.bias` is its size); gains of F count on the other
    half alone. What a function of this form cannot express is missing: expect a value from below.

    Args:
        trajectories: ``(n, T, *event_shape)``, with gaps, on a torus too; or integer states
            ``(n, T)`` of a chain, whose unit of time is one step.
        window: frames n. For a Markov process 2 is enough; where coordinates are hidden, longer
            windows come closer to the rate of the visible process, which bounds that of the whole.
        lag: frames between successive ones of a window.
        net: recipe of F; None leaves it out.
        training: steps, batch and patience of F, which draws fresh windows as it goes.

    Returns:
        Nats per unit time at the data's own interval, and a standard error over segments.

    Raises:
        InvalidInput: too few frames, a coordinate that never moves or moves without noise, a law that
            changes over the record, or a transition of discrete states whose reverse was never seen.

    Warns:
        UserWarning: frames further apart than the fastest relaxation; a force that is not linear
            where no network was asked for or none gained.

    Source: Kim, Bae, Lee and Jeong 2020 (NEEP, arXiv 2003.04166). Deviations: the form of ΔS (theirs is
    h(w) − h(w̃), h a network), its linear part, cross-fitting and the correction of bias.
    """
    if isinstance(trajectories, Trajectories) and not isinstance(trajectories.domain, Discrete):
        discrete, paths = False, trajectories
    else:
        discrete, paths = True, indicators(trajectories, _NAME, window, lag)
    data = windows(paths, window, lag, _NAME)
    if not discrete:
        check_steady_paths(paths, _NAME, fields=True, lag=lag)
        check_rough(roughness(paths, lag), paths, _NAME)
    everything = np.arange(len(data.path))
    fold_key, *net_keys = jax.random.split(key, 3)
    order = np.asarray(jax.random.permutation(fold_key, len(everything)))
    halves = np.sort(order[::2]), np.sort(order[1::2])
    durations = data.durations()
    own, gain, used = np.zeros((2, len(everything))), np.zeros(len(everything)), 0
    white, start = whitening(data, everything)
    both = window > 2 or discrete
    for i, here in enumerate(halves):
        there = halves[1 - i]
        matrix = jnp.asarray(linear_force(data, white, start, here))
        own[i] = _values(data, white, matrix, None, everything)
        if net is None:
            continue
        force = _network(data, white, matrix, net, training, here, own[i], both, net_keys[i])
        if force is not None:
            used += 1
            gain[there] = _values(data, white, matrix, force, there) - own[i][there]
    if used == 0 and not discrete and window == 2 and len(paths.event_shape) == 1:
        check_span(paths, _linear_library(paths), _NAME)
    values = own.mean(0) + gain
    total = durations.sum()
    rate = values.sum() / total
    kept = durations > 0
    spread = (values - rate * durations)[kept]
    stderr = np.sqrt(np.sum(spread**2) * len(spread) / (len(spread) - 1)) / total
    outside = sum(own[i][halves[1 - i]].sum() for i in (0, 1)) / total
    inside = sum(own[i][halves[i]].sum() for i in (0, 1)) / total
    return Estimate(
        np.asarray(rate),
        np.asarray(stderr),
        np.asarray(len(spread)),
        method="neep",
        bias=np.asarray((outside - inside) / 2),
        notes=_notes(window, lag, net, used, discrete),
    )


def _linear_library(paths: Trajectories) -> Polynomial:
    """What spans the forces without a network: linear ones, on circles three harmonics."""
    around = bool(periods_of(paths.domain, paths.event_shape).any())
    return cast(Polynomial, on_domain(Polynomial(HARMONICS if around else 1), paths))


def _notes(
    window: int, lag: int, net: AbstractNet | None, used: int, discrete: bool
) -> tuple[str, ...]:
    learnt = "no network was asked for"
    if net is not None:
        learnt = f"the network gained on {used} of 2 halves of the data and is left out else"
    known = "and its coordinates for even under time reversal"
    fitted = "A linear force was fitted"
    if discrete:
        known = "and, of windows of two frames, for a Markov chain"
        fitted = "A number was fitted to every move from state to state"
    return (
        f"The process is taken for stationary {known}.",
        f"Windows of {window} frames, {lag} apart.",
        f"{fitted}; {learnt}.",
        "What no function of this form tells apart is missing, so that the value errs from below.",
    )


class _Residual(eqx.Module):
    """F(u)·o beside the linear part; with ``both`` [F(u, o) + F(u, −o)]·o."""

    net: AbstractNetwork
    both: bool = eqx.field(static=True)

    def __call__(self, u: Array, odd: Array) -> Scalar:
        if not self.both:
            return self.net(u) @ odd
        see = lambda o: self.net(jnp.concatenate([u, o]))
        return (see(odd) + see(-odd)) @ odd


class _Loss(AbstractLoss):
    """⟨e^{−ΔS} − 1 − ΔS⟩ of a batch of windows."""

    def loss(self, model: _Residual, batch: dict[str, Array], *, key: Key) -> Scalar:
        s = batch["linear"] + jax.vmap(model)(batch["u"], batch["odd"])
        return jnp.mean(jnp.expm1(-s) - s)


@eqx.filter_jit
def _block_values(
    force: _Residual | None, matrix: Array, u: Array, odd: Array, weight: Array
) -> Array:
    if force is None:
        return gains(matrix, u, odd, weight)[0]
    s = jnp.einsum("ctk,km,ctm->ct", u, matrix, odd) + jax.vmap(jax.vmap(force))(u, odd)
    return jnp.sum(weight * (s - jnp.expm1(-s)), axis=1)


def _values(
    data: Windows,
    white: Whitening,
    matrix: Array,
    force: _Residual | None,
    which: Int[np.ndarray, " m"],
) -> np.ndarray:
    """Sum of ΔS + 1 − e^{−ΔS} over the windows of every segment, in the order of ``which``."""
    found = [
        np.asarray(_block_values(force, matrix, *arrays), np.float64)[: len(part)]
        for part, arrays in whitened(data, white, which)
    ]
    return np.concatenate(found)


def _network(
    data: Windows,
    white: Whitening,
    matrix: Array,
    net: AbstractNet,
    training: Training,
    here: Int[np.ndarray, " m"],
    linear: np.ndarray,
    both: bool,
    key: Key,
) -> _Residual | None:
    """The residual learnt from the segments ``here``; None if it gains nothing on some of them."""
    init_key, draw_key, *keys = jax.random.split(key, 2 + _STRETCHES)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(draw_key)))
    order = rng.permutation(here)
    cut = max(2, round(_STOPPING * len(order)))
    stop, learn = np.sort(order[:cut]), np.sort(order[cut:])
    outputs = matrix.shape[1]
    inputs = matrix.shape[0] + outputs * both
    network = net.init((inputs,), outputs, noise=False, clock=None, label=None, key=init_key)
    force = _Residual(network, both)
    force = eqx.tree_at(
        lambda f: (f.net.last, f.net.last_bias),
        force,
        replace_fn=jnp.zeros_like,
    )
    most = max(training.batch, 2, _POOL // (inputs + outputs))
    count = min(most, training.batch * training.steps)
    stretches = 1 if count >= len(learn) * data.length else _STRETCHES
    held = _rows(data, white, matrix, stop, min(most, 8 * max(training.batch, 1)), rng)
    part = eqx.tree_at(lambda t: t.steps, training, max(1, training.steps // stretches))
    rows: dict[str, Array] = {}
    for i in range(stretches):
        rows.clear()  # before others are drawn: they may be a tenth of the memory
        rows |= _rows(data, white, matrix, learn, count, rng)
        force, _ = train(force, _Loss(), rows, part, key=keys[i], held_out=held, progress=False)
    gain = _values(data, white, matrix, force, stop) - linear[stop]
    if not np.isfinite(gain).all():
        return None
    error = gain.std(ddof=1) * np.sqrt(len(gain))
    return force if gain.sum() > _WORTH * error else None


def _rows(
    data: Windows,
    white: Whitening,
    matrix: Array,
    which: Int[np.ndarray, " m"],
    count: int,
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Random windows with their whitened parts and the linear ΔS."""
    parts = [white.apply(block)[:2] for block in data.draw(which, count, rng)]
    u, odd = (jnp.concatenate(part, axis=1)[0] for part in zip(*parts, strict=True))
    return {"u": u, "odd": odd, "linear": jnp.sum((u @ matrix) * odd, axis=1)}
