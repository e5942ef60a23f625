"""Linear drift, quadratic costs: the optimal control in closed form (Riccati)."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Numbers
from noneq.control.problem import ControlProblem
from noneq.errors import InvalidInput
from noneq.kinds import checked


_SLACK = 1e-3
"""Relative deviation from a linear drift and quadratic costs that rounding explains."""


@dataclass(frozen=True)
class LinearQuadratic:
    """The optimal control of a linear system with quadratic costs.

    **Equation**: V(t_k, x) = ½ xᵀP_k x + p_kᵀx + s_k is the cost from t_k on, u = −K_k x − k_k.

    Attributes:
        times: of the steps, ``(steps + 1,)``.
        P, p, s: ``(steps + 1, dim, dim)``, ``(steps + 1, dim)``, ``(steps + 1,)``.
        gains, offsets: K ``(steps, m, dim)`` and k ``(steps, m)``.
    """

    times: np.ndarray
    P: np.ndarray
    p: np.ndarray
    s: np.ndarray
    gains: np.ndarray
    offsets: np.ndarray

    def cost(self, mean: Numbers, covariance: Numbers | None = None) -> float:
        """The least mean cost of paths that start with this mean ``(dim,)`` and covariance."""
        m = np.asarray(mean, float).reshape(-1)
        spread = 0.0 if covariance is None else np.trace(self.P[0] @ np.asarray(covariance))
        return float(m @ self.P[0] @ m / 2 + self.p[0] @ m + self.s[0] + spread / 2)

    def control(self, t: Any, x: Float[Array, "*event"]) -> Float[Array, "*noise"]:
        """u(t, x), constant from one step to the next."""
        x = jnp.asarray(x)
        first, last = self.times[0], self.times[-1]
        place = (t - first) / (last - first) * len(self.gains)
        k = jnp.clip(jnp.floor(place + 1e-3).astype(int), 0, len(self.gains) - 1)
        gain, offset = jnp.asarray(self.gains, x.dtype)[k], jnp.asarray(self.offsets, x.dtype)[k]
        return -(gain @ x.reshape(-1)) - offset


@checked
def lqg(problem: ControlProblem, *, steps: int | None = None) -> LinearQuadratic:
    """The exact solution of a linear-quadratic problem, in double precision.

    **Equation**: with X_{k+1} = (1 + hA)X_k + h(c + B u) + √h B ξ, H = h + h² BᵀP_{k+1}B,
    u_k = −H⁻¹ h Bᵀ[P_{k+1}((1 + hA)x + hc) + p_{k+1}], and V_k = h(q + ½|u|²) + E V_{k+1}: for h → 0 the
    Riccati equation −Ṗ = AᵀP + PA − P B Bᵀ P + Q.

    Args:
        problem: a linear drift, noise that does not depend on the state, and costs that are quadratic;
            all may depend on time.
        steps: None is the chain of the problem, of which the result is exactly the optimum; a large
            number approaches continuous time.

    Raises:
        InvalidInput: a system or a cost of another kind, or fewer than one step.

    Source: Bertsekas 2017, Dynamic Programming and Optimal Control, section 3.1.
    """
    count = problem.steps if steps is None else steps
    if count < 1:
        raise InvalidInput(f"lqg: steps = {steps}; expected 1 or more.")
    if not problem.smooth:
        raise InvalidInput("lqg: an end region is no quadratic cost; use AdjointMatching.")
    h = problem.horizon / count
    times = problem.start + h * np.arange(count + 1)
    _check(problem, times)
    each, last = _parts(problem, times[:-1])
    A, c, B, Q, q, q0 = (np.asarray(part, np.float64) for part in each)
    dim, m = B.shape[1:]
    used = np.asarray(problem.channels or (True,) * m, float)
    P, p, s = ([np.asarray(part, np.float64)] for part in last)
    gains, offsets = [], []
    for k in reversed(range(count)):
        F, push = np.eye(dim) + h * A[k], h * B[k] * used
        H = h * np.eye(m) + push.T @ P[0] @ push
        gain = np.linalg.solve(H, push.T @ P[0] @ F)
        offset = np.linalg.solve(H, push.T @ (P[0] @ (h * c[k]) + p[0]))
        closed, moved = F - push @ gain, h * c[k] - push @ offset
        before = h * Q[k] + h * gain.T @ gain + closed.T @ P[0] @ closed
        slope = h * q[k] + h * gain.T @ offset + closed.T @ (P[0] @ moved + p[0])
        level = h * q0[k] + h * offset @ offset / 2 + moved @ P[0] @ moved / 2 + p[0] @ moved
        level += s[0] + h / 2 * np.trace(B[k].T @ P[0] @ B[k])
        P.insert(0, (before + before.T) / 2)
        p.insert(0, slope)
        s.insert(0, level)
        gains.insert(0, gain)
        offsets.insert(0, offset)
    return LinearQuadratic(
        times, np.stack(P), np.stack(p), np.asarray(s), np.stack(gains), np.stack(offsets)
    )


def _parts(problem: ControlProblem, times: np.ndarray) -> tuple[tuple[Array, ...], ...]:
    """A, c, B, Q, q and the constant of the running cost at every time; P, p and s of the final one."""
    system, event = problem.system, problem.system.event_shape
    dim = int(np.prod(event))
    zero = jnp.zeros(dim)

    def at(t: Array) -> tuple[Array, ...]:
        f = lambda x: system.drift(t, x.reshape(event)).reshape(-1)
        cost = lambda x: problem.running_cost(t, x.reshape(event))
        b = jnp.asarray(system.diffusion(t, zero.reshape(event)))
        matrix = b if b.ndim == 2 and len(event) == 1 else jnp.diag(
            jnp.broadcast_to(b, event).reshape(-1)
        )  # fmt: skip
        return (
            jax.jacfwd(f)(zero), f(zero), matrix,
            jax.hessian(cost)(zero), jax.grad(cost)(zero), cost(zero),
        )  # fmt: skip

    final = lambda x: problem.final_cost(x.reshape(event))
    ends = lambda: (jax.hessian(final)(zero), jax.grad(final)(zero), final(zero))
    both = jax.jit(lambda ts: (jax.lax.map(at, ts), ends()))
    return both(jnp.asarray(times, zero.dtype))


def _check(problem: ControlProblem, times: np.ndarray) -> None:
    """Refuse what is not linear and quadratic, judged at states around the start."""
    system, event = problem.system, problem.system.event_shape
    key = jax.random.key(0)
    x, y = jax.random.normal(key, (2, *event)) * 3
    middle = times[len(times) // 2]
    parts = {
        "the drift": (lambda x: jax.jacfwd(lambda z: system.drift(middle, z))(x), "is not linear"),
        "the noise": (lambda x: system.diffusion(middle, x), "depends on the state"),
        "the running cost": (
            lambda x: jax.hessian(lambda z: problem.running_cost(middle, z))(x), "is not quadratic",
        ),
        "the final cost": (lambda x: jax.hessian(problem.final_cost)(x), "is not quadratic"),
    }  # fmt: skip
    pairs = jax.jit(lambda: [(part(x), part(y)) for part, _ in parts.values()])()
    for (name, (_, fault)), pair in zip(parts.items(), pairs, strict=True):
        one, two = (np.asarray(side) for side in pair)
        if np.abs(one - two).max() > _SLACK * max(1.0, np.abs(one).max()):
            raise InvalidInput(
                f"lqg: {name} of {type(system).__name__} {fault}; use AdjointMatching or "
                "PathIntegralControl."
            )
