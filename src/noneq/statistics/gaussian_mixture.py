"""A mixture of Gaussians with full covariances by expectation maximisation, float64 on the host."""

import numpy as np


_ITERATIONS = 25
_RIDGE = 1e-4


def fitted_mixture(
    x: np.ndarray, components: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (K,), means (K, dim) and covariances (K, dim, dim) of samples (n, dim).

    Components start at random samples that lie far from each other, with the covariance of all; a
    ridge of 1e-4 of the mean variance is added, and as much mass of one prior sample per component.

    Source: Dempster et al. 1977; starts as of Arthur and Vassilvitskii 2007.
    """
    n, dim = x.shape
    whole = np.cov(x.T).reshape(dim, dim)
    floor = _RIDGE * np.trace(whole) / dim * np.eye(dim)
    places = [int(rng.integers(n))]
    nearest = np.full(n, np.inf)
    for _ in range(components - 1):
        nearest = np.minimum(nearest, ((x - x[places[-1]]) ** 2).sum(1))
        places.append(int(rng.choice(n, p=nearest / nearest.sum() if nearest.any() else None)))
    weights, means = np.full(components, 1 / components), x[places].copy()
    # A wide start would blur the components into one.
    covariances = np.repeat((whole / components + floor)[None], components, axis=0)
    for _ in range(_ITERATIONS):
        log = np.empty((n, components))
        for k in range(components):
            root = np.linalg.cholesky(covariances[k])
            away = np.linalg.solve(root, (x - means[k]).T)
            log[:, k] = np.log(weights[k]) - (away**2).sum(0) / 2 - np.log(np.diag(root)).sum()
        share = np.exp(log - log.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        mass = share.sum(0)
        weights = (mass + 1) / (n + components)
        means = (share.T @ x + means) / (mass + 1)[:, None]
        for k in range(components):
            away = x - means[k]
            spread = (away * share[:, k : k + 1]).T @ away + whole
            covariances[k] = spread / (mass[k] + 1) + floor
    return weights, means, covariances
