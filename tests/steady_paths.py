"""Paths of steady states by NumPy alone, and what pairs of their frames tell exactly."""

import numpy as np
from scipy.linalg import expm, solve_continuous_lyapunov, solve_discrete_lyapunov

from noneq.data.ensembles import Trajectories


def step_law(A, D, dt, *, exact):
    """(E, Q, S): x' = E x + N(0, Q) with stationary covariance S, exact or one step of Euler."""
    A, D = np.atleast_2d(A).astype(float), np.atleast_2d(D).astype(float)
    if exact:
        E, S = expm(-A * dt), solve_continuous_lyapunov(A, 2 * D)
        return E, S - E @ S @ E.T, S
    E, Q = np.eye(len(A)) - A * dt, 2 * D * dt
    return E, Q, solve_discrete_lyapunov(E, Q)


def linear_paths(A, D, *, n, frames, dt, rng, exact=True, noise=0.0, event=None):
    """Stationary paths ``(n, frames, *event)`` of dX = −A X dt + √(2D) dW, with noise of the camera."""
    E, Q, S = step_law(A, D, dt, exact=exact)
    x = rng.standard_normal((n, len(E))) @ np.linalg.cholesky(S).T
    root = np.linalg.cholesky(Q).T
    found = np.empty((n, frames, len(E)))
    for t in range(frames):
        found[:, t] = x
        x = x @ E.T + rng.standard_normal(x.shape) @ root
    found += noise * rng.standard_normal(found.shape)
    shape = (n, frames, *(event or (len(E),)))
    return Trajectories(found.reshape(shape), np.arange(frames) * dt)


def midpoint_law(A, D, dt, *, exact):
    """(⟨m mᵀ⟩, ⟨Δ mᵀ⟩, ⟨Δ Δᵀ⟩) of the middle m of two frames and their difference Δ."""
    E, _, S = step_law(A, D, dt, exact=exact)
    middle = S / 2 + (E @ S + S @ E.T) / 4
    return middle, (E @ S - S @ E.T) / 2, 2 * S - E @ S - S @ E.T


def pair_divergence_rate(A, D, dt, *, exact):
    """KL[p(x, x') ‖ p(x', x)]/dt of two frames, by the formula for Gaussians."""
    E, _, S = step_law(A, D, dt, exact=exact)
    forward = np.block([[S, S @ E.T], [E @ S, S]])
    backward = np.block([[S, E @ S], [S @ E.T, S]])
    return (np.trace(np.linalg.solve(backward, forward)) - 2 * len(S)) / 2 / dt


def langevin_paths(
    drift, diffusivity, start, *, frames, dt, substeps, rng, settle=0.0, domain=None
):
    """Paths ``(n, frames, dim)`` by Heun's scheme for constant noise, ``settle`` cut off before."""
    step = dt / substeps
    x, found = np.asarray(start, float), []
    before = round(settle / step)
    for t in range(-before, (frames - 1) * substeps + 1):
        if t >= 0 and t % substeps == 0:
            found.append(x)
        noise = np.sqrt(2 * diffusivity * step) * rng.standard_normal(x.shape)
        first = drift(x)
        x = x + (first + drift(x + first * step + noise)) * step / 2 + noise
    values = np.stack(found, 1)
    if domain is not None:
        values = values % domain.period
        return Trajectories(values, np.arange(frames) * dt, domain=domain)
    return Trajectories(values, np.arange(frames) * dt)
