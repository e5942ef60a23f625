"""Interventions predicted from undisturbed paths, and the graphs behind them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.inference import causal_graph
from noneq.inference.causal.graph import Selection
from noneq.runs.rows import Row
from noneq.simulation import simulate
from noneq.statistics.libraries import AbstractLibrary, Polynomial
from noneq.statistics.regression import regress
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.dynamics.networks import MEASURED, network
from noneq.systems import AbstractDiffusion, Diffusion, Linear, Repressilator


CHAIN = ((1.0, 0.0, 0.0), (-1.5, 1.0, 0.0), (0.0, -1.2, 1.0))
"""A of the chain x → y → z, D = ½."""
HELD = (1.5, 1.8, 0.5, 0.3, 0.86)
"""Means of y and z, var y, cov yz and var z under do(x = 1), exact."""


def held_moments(system: AbstractDiffusion) -> np.ndarray:
    """The five numbers of a linear system whose first coordinate is clamped."""
    from scipy.linalg import solve_continuous_lyapunov

    start = jnp.asarray([1.0, 0.0, 0.0])
    slope = np.asarray(jax.jacfwd(system.drift, argnums=1)(0.0, start), np.float64)[1:, 1:]
    force = np.asarray(system.drift(0.0, start), np.float64)[1:]
    noise = np.asarray(system.diffusion(0.0, start), np.float64)
    noise = (noise if noise.ndim == 2 else np.diag(noise))[1:]
    spread = solve_continuous_lyapunov(slope, -noise @ noise.T)
    return np.concatenate([-np.linalg.solve(slope, force), spread[np.triu_indices(2)]])


def given_moments(states: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The same five numbers given x = 1, of a Gaussian law of the states ``(n, T, 3)``."""
    flat, w = states.reshape(-1, 3), np.repeat(weights, states.shape[1])
    mean, cov = np.average(flat, axis=0, weights=w), np.cov(flat.T, aweights=w)
    gain = cov[1:, 0] / cov[0, 0]
    rest = cov[1:, 1:] - np.outer(gain, cov[0, 1:])
    return np.concatenate([mean[1:] + gain * (1 - mean[0]), rest[np.triu_indices(2)]])


def fitted_chain(paths: Trajectories, weights: np.ndarray | None = None) -> AbstractDiffusion:
    """dX = (c + a X) dt + √(2D) dW by regression of the increments."""
    found = regress(paths, Polynomial(1), convention="stratonovich", weights=weights)
    theta, root = found.coefficients, np.linalg.cholesky(2 * found.diffusivity)
    return Diffusion(lambda x: theta[0] + x @ theta[1:], root, shape=3, time_step=0.01)


class ChainCell(AbstractCell):
    """do(x = 1) on a linear chain, from undisturbed paths, beside conditioning on x = 1.

    ``z`` is the largest of |value − exact|/error over two means, two variances and a covariance;
    errors by bootstrap over whole paths, the fit included.

    Args:
        paths, frames, interval: of the record.
        bootstrap: refits.
    """

    replicate: int = 0
    paths: int = 200
    frames: int = 200
    interval: float = 0.05
    bootstrap: int = 100

    @property
    def case(self) -> str:
        """``intervention:chain``."""
        return "intervention:chain"

    @property
    def method_name(self) -> str:
        """``intervene``."""
        return "intervene"

    def __call__(self, key: Key) -> Outcome:
        """Both readings of the same record."""
        system = Linear(A=CHAIN, D=np.eye(3) / 2)
        times = self.interval * np.arange(self.frames)
        data = simulate(system, times, n=self.paths, key=key)
        data = Trajectories(data.values.astype(np.float64), times, names=data.names)
        rng = np.random.default_rng(self.replicate)
        even = np.full(self.paths, 1 / self.paths)
        counts = rng.multinomial(self.paths, even, self.bootstrap).astype(float)

        def both(weights: np.ndarray) -> np.ndarray:
            held = fitted_chain(data, weights).intervene(clamp={0: 1.0})
            return np.stack([held_moments(held), given_moments(data.values, weights)])

        values, spread = both(np.ones(self.paths)), np.std([both(w) for w in counts], 0, ddof=1)
        worst = (np.abs(values - np.asarray(HELD)) / spread).max(1)
        rows = [
            Row(self.case, method, "z", float(z), 0.0)
            for method, z in zip(("intervene", "conditioning"), worst, strict=True)
        ]
        return Outcome(tuple(rows), {"values": values, "errors": spread, "exact": np.asarray(HELD)})


class KnockOutCell(AbstractCell):
    """A repressilator without one gene, predicted by a drift fitted to undisturbed paths.

    The parent of each gene comes from the graph of the paths, its Hill curve and decay from least
    squares. ``energy_distance`` is its V-statistic (positive, diagonals kept) at the last time, its
    floor that of two true samples.

    Args:
        paths, frames, interval: of the undisturbed record.
        n: paths after the knock-out.
    """

    replicate: int = 0
    paths: int = 400
    frames: int = 1001
    interval: float = 0.02
    n: int = 200

    @property
    def case(self) -> str:
        """``intervention:repressilator``."""
        return "intervention:repressilator"

    @property
    def method_name(self) -> str:
        """``intervene``."""
        return "intervene"

    def __call__(self, key: Key) -> Outcome:
        """Distances of the predicted and of a second true sample from the truth."""
        first, *rest = jax.random.split(key, 4)
        system = Repressilator(sigma=0.1)
        times = self.interval * np.arange(self.frames)
        # Fine steps: the error of coarse ones is larger than that of the fit.
        data = simulate(system, times, n=self.paths, key=first, substeps=10)
        learnt = _fitted_genes(data)
        times = np.linspace(0.0, 6.0, 25)
        after = [
            simulate(one.intervene(clamp={0: 0.0}), times, n=self.n, key=k).values
            for one, k in zip((system, system, learnt), rest, strict=True)
        ]
        truth, again, ours = (states[:, -1].astype(np.float64) for states in after)
        undisturbed = data.values[:, -1].astype(np.float64)
        floor = energy(truth, again)
        rows = [
            Row(self.case, name, "energy_distance", energy(truth, states), 0.0, floor)
            for name, states in (("intervene", ours), ("undisturbed", undisturbed))
        ]
        arrays = {"times": times, "truth": after[0].mean(0), "predicted": after[2].mean(0)}
        return Outcome(tuple(rows), arrays)


class GraphCell(AbstractCell):
    """The graph of a network from its paths, also noisy and with hidden nodes; ``auroc`` over pairs.

    Args:
        system: of `noneq.studies.dynamics.networks.MEASURED`.
        library, selection, window: as in `causal_graph`.
        noise: of the observations, in standard deviations of each coordinate.
        hidden: nodes that are not recorded, the last ones.
    """

    system: str
    library: str
    selection: Selection
    window: int = 1
    noise: float = 0.0
    hidden: int = 0
    replicate: int = 0

    @property
    def case(self) -> str:
        """With the noise and the number of hidden nodes."""
        noisy = f",noise={self.noise:g}" if self.noise else ""
        return f"graph:{self.system}{noisy}" + (f",hidden={self.hidden}" if self.hidden else "")

    @property
    def method_name(self) -> str:
        """Selection, library and window."""
        smooth = f", window {self.window}" if self.window > 1 else ""
        return f"{self.selection} ({self.library}{smooth})"

    def __call__(self, key: Key) -> Outcome:
        """One graph."""
        data, truth = network(self.system, self.noise, self.hidden, key)
        library: str | AbstractLibrary = Polynomial(1) if self.library == "linear" else self.library
        found = causal_graph(
            data, library=library, selection=self.selection, window=self.window, bootstrap=0
        )
        row = Row(self.case, self.method_name, "auroc", found.auroc(truth), 0.0)
        return Outcome((row,), {"strength": found.strength, "truth": truth})


def graph_cells(seeds: int = 1) -> list[AbstractCell]:
    """Every network, clean, noisy and with hidden nodes, by the baselines and by what suits it."""
    found: list[AbstractCell] = []
    for system, spec in MEASURED.items():
        for noise, hidden in ((0.0, 0), (0.2, 0), (0.0, spec.hidden)):
            window = spec.window if noise else 1
            for library, selection in spec.methods:
                cell = GraphCell(
                    system=system,
                    library=library,
                    selection=selection,
                    window=window,
                    noise=noise,
                    hidden=hidden,
                )
                found += [dataclasses.replace(cell, replicate=i) for i in range(seeds)]
    return found


def energy(x: np.ndarray, y: np.ndarray) -> float:
    """2 E|x − y| − E|x − x'| − E|y − y'| of two samples, diagonals kept."""
    mean = lambda a, b: np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)).mean()
    return float(2 * mean(x, y) - mean(x, x) - mean(y, y))


def _fitted_genes(data: Trajectories) -> AbstractDiffusion:
    """f_i = b_i/(1 + (x_p/k_i)^n_i) − a_i x_i, p the parent that the graph of the paths names."""
    from scipy.optimize import minimize

    graph = causal_graph(data, window=1, bootstrap=0)
    parents = np.argmax(graph.strength * ~np.eye(3, dtype=bool), axis=1)
    values = data.values.astype(np.float64)
    middle = ((values[:, 1:] + values[:, :-1]) / 2).reshape(-1, 3)
    rates = (np.diff(values, axis=1) / np.diff(data.times)[:, None]).reshape(-1, 3)
    noise_of = _diffusivities(values, data.times[1])
    found, noise = [], []
    for i, parent in enumerate(parents):

        def solved(shape: np.ndarray, i: int = i, parent: int = parent) -> tuple[float, np.ndarray]:
            k, n = np.exp(shape)
            hill = 1 / (1 + (middle[:, parent].clip(0) / k) ** n)
            columns = np.stack([hill, -middle[:, i]], 1)
            # In the middle of an increment x_i knows its noise: −x dx holds −D dt.
            cross = columns.T @ rates[:, i] + [0.0, noise_of[i] * len(columns)]
            theta = np.linalg.solve(columns.T @ columns, cross)
            return float(np.mean((rates[:, i] - columns @ theta) ** 2)), theta

        start = np.log([np.median(middle[:, parent]), 2.0])
        best = minimize(lambda shape: np.log(solved(shape)[0]), start, method="Nelder-Mead")
        rest, theta = solved(best.x)
        found.append((*theta, *np.exp(best.x)))
        noise.append(np.sqrt(rest * data.times[1]))
    b, a, k, n = (jnp.asarray(part, jnp.float32) for part in np.transpose(found))

    def drift(x: Array) -> Array:
        return b / (1 + (jnp.maximum(x[parents], 0) / k) ** n) - a * x

    system = Repressilator()
    return Diffusion(drift, noise, initial=system.initial, time_step=system.time_step)


def _diffusivities(values: np.ndarray, dt: float) -> np.ndarray:
    """D of every coordinate from second differences, in which a smooth drift cancels."""
    return (np.diff(values, 2, axis=1) ** 2).mean((0, 1)) / (4 * dt)
