"""The peer: the same denoiser, loss, sampler and likelihood in idiomatic PyTorch.

Same network (SiLU layers; x and 9 noise features in), EDM's preconditioning and loss, levels
sigma^(1/rho) linear in tau, float32.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


SIGMA_MIN, SIGMA_MAX, RHO = 0.002, 80.0, 7.0
_LOW, _HIGH = SIGMA_MIN ** (1 / RHO), SIGMA_MAX ** (1 / RHO)


def sigma_of(tau: Tensor) -> tuple[Tensor, Tensor]:
    """(sigma, d sigma/d tau) of EDM's levels."""
    root = _LOW + tau * (_HIGH - _LOW)
    return root**RHO, RHO * (_HIGH - _LOW) * root ** (RHO - 1)


class Denoiser(nn.Module):
    """E[y | x] at a noise level; data has unit variance."""

    def __init__(self, width: int, depth: int, dim: int = 2):
        super().__init__()
        self.register_buffer("octaves", 2.0 ** torch.arange(4))
        sizes = [dim + 9, *[width] * depth]
        layers = []
        for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Linear(inputs, outputs), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(width, dim))
        self.dim = dim

    def features(self, sigma: Tensor) -> Tensor:
        level = sigma.log()[:, None] / 4
        octaves = level * self.octaves
        return torch.cat([level, octaves.cos(), octaves.sin()], dim=1)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x (n, dim), sigma (n,)."""
        inside = (1 + sigma**2).rsqrt()[:, None]
        out = self.layers(torch.cat([inside * x, self.features(sigma)], dim=1))
        return inside**2 * x + sigma[:, None] * inside * out

    def shared(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The same for one level shared by all rows: its part of layer 1 is one row."""
        inside = (1 + sigma**2).rsqrt()
        first, rest = self.layers[0], self.layers[1:]
        offset = nn.functional.linear(
            self.features(sigma[None]), first.weight[:, self.dim :], first.bias
        )
        h = torch.addmm(offset, inside * x, first.weight[:, : self.dim].T)
        return inside**2 * x + sigma * inside * rest(h)


def loss(model: Callable[..., Tensor], y: Tensor) -> Tensor:
    """EDM's loss, Karras et al. 2022, eq. 2 and 8."""
    quantiles = (torch.arange(len(y)) + torch.rand(len(y))) / len(y)
    log_sigma = -1.2 + 1.2 * torch.special.ndtri(quantiles.clamp(1e-6, 1 - 1e-6))
    sigma = (2 * log_sigma.exp()).clamp(SIGMA_MIN, SIGMA_MAX)
    x = y + sigma[:, None] * torch.randn_like(y)
    weight = (sigma**2 + 1) / sigma**2
    return (weight * (model(x, sigma) - y).square().mean(dim=1)).mean()


def trainer(
    model: Denoiser, values: Tensor, *, batch: int, steps: int, compiled: bool
) -> Callable[[], float]:
    """A run of ``steps`` Adam steps on rows of ``values``, all in memory."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    # Compiling the network alone is faster on CPUs than compiling the loss with its random numbers.
    network = torch.compile(model, dynamic=False) if compiled else model

    def train() -> float:
        for _ in range(steps):
            rows = torch.randint(len(values), (batch,))
            optimiser.zero_grad(set_to_none=True)
            value = loss(network, values[rows])
            value.backward()
            optimiser.step()
        return value.item()

    return train


def velocity(model: Denoiser, x: Tensor, tau: Tensor) -> Tensor:
    """dx/dtau of the probability flow, sigma' (x − D)/sigma."""
    sigma, rate = sigma_of(tau)
    return (x - model.shared(x, sigma)) * (rate / sigma)


def sampler(model: Denoiser, *, n: int, steps: int, compiled: bool) -> Callable[[], Tensor]:
    """Heun steps of the probability flow from tau = 1 to 0."""
    field = torch.compile(velocity, dynamic=False) if compiled else velocity
    taus = torch.linspace(1.0, 0.0, steps + 1)

    @torch.inference_mode()
    def sample() -> Tensor:
        x = SIGMA_MAX * torch.randn(n, model.dim)
        for tau, after in zip(taus[:-1], taus[1:], strict=True):
            h = after - tau
            k1 = field(model, x, tau)
            k2 = field(model, x + h * k1, after)
            x = x + 0.5 * h * (k1 + k2)
        return x

    return sample


def edm_sampler(model: Denoiser, *, n: int, levels: int) -> Callable[[], Tensor]:
    """Karras et al. 2022, algorithm 1: Heun in sigma, Euler on the last step to 0."""
    ramp = torch.linspace(0.0, 1.0, levels)
    sigmas = torch.cat([(_HIGH + ramp * (_LOW - _HIGH)) ** RHO, torch.zeros(1)])

    @torch.inference_mode()
    def sample() -> Tensor:
        x = SIGMA_MAX * torch.randn(n, model.dim)
        for sigma, after in zip(sigmas[:-1], sigmas[1:], strict=True):
            slope = (x - model.shared(x, sigma)) / sigma
            ahead = x + (after - sigma) * slope
            if after > 0:
                slope = 0.5 * (slope + (ahead - model.shared(ahead, after)) / after)
                ahead = x + (after - sigma) * slope
            x = ahead
        return x

    return sample


def _divergence_forward(model: Denoiser, x: Tensor, tau: Tensor):
    """Exact divergence with one forward-mode product per coordinate (torch.func)."""
    field = lambda z: velocity(model, z, tau)
    total = torch.zeros(len(x))
    for i in range(x.shape[1]):
        basis = torch.zeros_like(x)
        basis[:, i] = 1
        u, tangent = torch.func.jvp(field, (x,), (basis,))
        total = total + tangent[:, i]
    return u, total


def _divergence_reverse(model: Denoiser, x: Tensor, tau: Tensor):
    """Exact divergence with one backward pass per coordinate."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        u = velocity(model, x, tau)
        total = torch.zeros(len(x))
        for i in range(x.shape[1]):
            (row,) = torch.autograd.grad(u[:, i].sum(), x, retain_graph=i + 1 < x.shape[1])
            total = total + row[:, i]
    return u.detach(), total


def _divergence_vmap(model: Denoiser, x: Tensor, tau: Tensor):
    """Exact divergence by vmap of jacfwd over the points."""
    field = lambda z: velocity(model, z[None], tau)[0]
    jacobian = torch.func.vmap(torch.func.jacfwd(lambda z: (field(z), field(z)), has_aux=True))
    rows, u = jacobian(x)
    return u, rows.diagonal(dim1=1, dim2=2).sum(1)


DIVERGENCES = {
    "forward": _divergence_forward,
    "reverse": _divergence_reverse,
    "vmap": _divergence_vmap,
}


def log_prob(model: Denoiser, x: Tensor, *, steps: int, divergence: str) -> Callable[[], Tensor]:
    """log p(x) by Runge–Kutta steps of the probability flow from tau = 0 to 1, exact divergence."""
    both = DIVERGENCES[divergence]
    taus = torch.linspace(0.0, 1.0, 2 * steps + 1)
    scale = math.sqrt(SIGMA_MAX**2 + 1)

    @torch.no_grad()
    def run() -> Tensor:
        state, gain = x, torch.zeros(len(x))
        for tau, middle, after in zip(taus[:-2:2], taus[1:-1:2], taus[2::2], strict=True):
            h = after - tau
            u1, d1 = both(model, state, tau)
            u2, d2 = both(model, state + 0.5 * h * u1, middle)
            u3, d3 = both(model, state + 0.5 * h * u2, middle)
            u4, d4 = both(model, state + h * u3, after)
            state = state + h / 6 * (u1 + 2 * u2 + 2 * u3 + u4)
            gain = gain + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
        return torch.distributions.Normal(0.0, scale).log_prob(state).sum(1) + gain

    return run
