"""DDPM, SMLD, ScoreSDE and EDM against the formulas of their papers, written out again here."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.methods import DDPM, EDM, SMLD, ScoreSDE
from noneq.methods.denoising.objectives import DenoisingLoss
from noneq.nets import MLP
from noneq.processes import VE, Gaussian, Likelihood, SubVP


N = 64
DATA = nq.Snapshots(np.random.default_rng(0).normal(size=(N, 3)) * [1.0, 2.0, 3.0] + 4)


def ddpm(net, y, tau, xi, std):
    """Ho et al. 2020, eq. 14: |eps − eps_theta(sqrt(ab) x0 + sqrt(1 − ab) eps, i)|²."""
    i = np.rint(1000 * tau).astype(int)
    np.testing.assert_allclose(i / 1000, tau, rtol=1e-5)
    assert i.min() >= 1
    beta = np.linspace(1e-4, 0.02, 1000)
    ab = np.asarray([np.prod(1 - beta[:last]) for last in i])
    x = np.sqrt(ab)[:, None] * y + np.sqrt(1 - ab)[:, None] * xi
    inside = 1 / np.sqrt(ab * std**2 + 1 - ab)
    eps = net(inside[:, None] * x, np.log((1 - ab) / ab) / 8)
    return np.mean((xi - eps) ** 2, 1)


def smld(net, y, tau, xi, std):
    """Song and Ermon 2019, eq. 5–6 with lambda = sigma²; the score is f/sigma as in their 2020."""
    level = np.rint(9 * tau).astype(int)
    sigma = (0.01 * (10 / 0.01) ** (np.arange(10) / 9))[level][:, None]
    noisy = y + sigma * xi
    f = -net(noisy / np.sqrt(sigma**2 + std**2), np.log(sigma[:, 0]) / 4)
    score = f / sigma
    return np.mean(sigma**2 * (score + (noisy - y) / sigma**2) ** 2, 1)


def sde(kernel, g2, weight):
    """Song et al. 2021, eq. 7: lambda |s − grad log p(x_t | x_0)|², with the table of eq. 29."""

    def loss(net, y, tau, xi, std):
        alpha, sigma = (np.broadcast_to(value, tau.shape) for value in kernel(tau))
        x = alpha[:, None] * y + sigma[:, None] * xi
        inside = 1 / np.sqrt(alpha**2 * std**2 + sigma**2)
        score = -net(inside[:, None] * x, np.log(sigma / alpha) / 4) / sigma[:, None]
        truth = -(x - alpha[:, None] * y) / sigma[:, None] ** 2
        factor = sigma**2 if weight == "sigma" else g2(tau)
        return factor * np.mean((score - truth) ** 2, 1)

    return loss


def edm(net, y, tau, xi, std):
    """Karras et al. 2022, table 1 and eq. 8: lambda(sigma) |D(y + n; sigma) − y|²."""
    low, high = 0.002 ** (1 / 7), 80 ** (1 / 7)
    sigma = (low + tau * (high - low)) ** 7
    skip, out = std**2 / (sigma**2 + std**2), sigma * std / np.sqrt(sigma**2 + std**2)
    x = y + sigma[:, None] * xi
    raw = net(x / np.sqrt(sigma**2 + std**2)[:, None], np.log(sigma) / 4)
    clean = skip[:, None] * x + out[:, None] * raw
    return (sigma**2 + std**2) / (sigma * std) ** 2 * np.mean((clean - y) ** 2, 1)


beta = lambda t: 0.1 + 19.9 * t
total = lambda t: 0.1 * t + 19.9 * t**2 / 2
vp = lambda t: (np.exp(-total(t) / 2), np.sqrt(1 - np.exp(-total(t))))
sub_vp = lambda t: (np.exp(-total(t) / 2), 1 - np.exp(-total(t)))
ve = lambda t: (1.0, 0.01 * 5000**t)
likely = {"weight": Likelihood()}
CASES = {
    "DDPM": (DDPM, {}, ddpm),
    "SMLD": (SMLD, {}, smld),
    "EDM": (EDM, {}, edm),
    "VP": (ScoreSDE, {}, sde(vp, beta, "sigma")),
    "VP-likelihood": (ScoreSDE, likely, sde(vp, beta, "g")),
    "SubVP-likelihood": (
        ScoreSDE,
        {"process": Gaussian(SubVP()), **likely},
        sde(sub_vp, lambda t: beta(t) * (1 - np.exp(-2 * total(t))), "g"),
    ),
    "VE-likelihood": (
        ScoreSDE,
        {"process": Gaussian(VE(0.01, 50.0)), **likely},
        sde(ve, lambda t: 2 * ve(t)[1] ** 2 * np.log(5000), "g"),
    ),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """(loss of the library, loss of the paper for the same draws)."""
    cls, fields, paper = CASES[request.param]
    method = cls(net=MLP(16, 2), **fields)
    summary = summarise(DATA)
    denoiser = method.init(summary, key=jax.random.key(0)).denoiser
    y = np.asarray(DATA.values - np.asarray(summary.shift)) / np.asarray(summary.scale)
    y = jnp.asarray(y, jnp.float32)
    key = jax.random.key(5)
    tau_key, noise_key, *_ = jax.random.split(key, 5)
    schedule, std = method.process.schedule, denoiser.std.value
    tau = method.weight.draw(N, schedule, std, key=tau_key)
    xi = jax.vmap(lambda key: jax.random.normal(key, (3,)))(jax.random.split(noise_key, N))
    batch = {"y": y, "time": jnp.zeros(N), "condition": None}
    loss = DenoisingLoss(method.weight).loss(denoiser, batch, key=key)
    net = lambda x, level: np.asarray(
        jax.vmap(denoiser.net)(jnp.asarray(x, jnp.float32), jnp.asarray(level, jnp.float32)),
        np.float64,
    )
    double = [np.asarray(value, np.float64) for value in (y, tau, xi, std)]
    return float(loss), paper(net, *double).mean()


def test_the_loss_is_the_papers(case):
    loss, paper = case
    assert loss == pytest.approx(paper, rel=1e-4)


def test_levels_are_drawn_alike():
    for method, levels in ((DDPM(), 1000), (SMLD(), 10)):
        schedule = method.process.schedule
        std = jnp.ones(())
        tau = method.weight.draw(50_000, schedule, std, key=jax.random.key(0))
        index = np.rint((np.asarray(tau) - schedule.start) / (1 - schedule.start) * (levels - 1))
        counts = np.bincount(index.astype(int), minlength=levels)
        assert counts.size == levels
        # In strata: every level gets its share up to one draw at either side.
        assert np.abs(counts - 50_000 / levels).max() <= 2


def test_edm_measures_the_width_of_the_data():
    for width in (0.1, 30.0):
        data = nq.Snapshots(np.random.default_rng(0).normal(size=(500, 2)) * [width, 1.0])
        model = EDM(net=MLP(8, 1)).init(summarise(data), key=jax.random.key(0))
        assert float(model.denoiser.std.value) == pytest.approx(1, abs=1e-3)
        np.testing.assert_allclose(model.normaliser.scale.value, [width, 1.0], rtol=0.2)


def test_presets_are_their_papers_tables():
    sigma = jax.vmap(EDM().process.schedule)(jnp.linspace(1, 0, 18))[1]
    i, rho = np.arange(18), 7
    published = (80 ** (1 / rho) + i / 17 * (0.002 ** (1 / rho) - 80 ** (1 / rho))) ** rho
    np.testing.assert_allclose(sigma, published, rtol=1e-4)
    alpha, sigma = DDPM().process.schedule(1.0)
    assert float(alpha**2) == pytest.approx(4.036e-5, rel=1e-3)  # alpha_bar of the last step
    assert float(alpha**2 + sigma**2) == pytest.approx(1, abs=1e-6)
