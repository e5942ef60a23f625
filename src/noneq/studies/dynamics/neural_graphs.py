"""Cells on graphs read off a neural drift, on the paths that the libraries meet."""

import numpy as np

from noneq._typing import Key
from noneq.inference import score_matrix
from noneq.inference.causal.graph import CausalGraph
from noneq.inference.causal.node_libraries import smooth
from noneq.learning.training import Training
from noneq.methods import NeuralDrift
from noneq.nets import MLP
from noneq.runs.rows import Row
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.dynamics.networks import MEASURED, network


SYSTEMS = ("lorenz96", "repressilator")
"""Coordinates without a period: `NeuralDrift` takes no angles, so that the karate club is left out."""


class NeuralGraphCell(AbstractCell):
    """``auroc`` of √E(∂f_i/∂x_j)² std_j/std_i, f the mean drift of an ensemble of networks.

    Args:
        system, window, noise, hidden: as in `GraphCell`, whose data these are.
        steps: of the training.
    """

    system: str
    window: int = 1
    noise: float = 0.0
    hidden: int = 0
    steps: int = 1500
    replicate: int = 0

    @property
    def case(self) -> str:
        """That of the libraries."""
        noisy = f",noise={self.noise:g}" if self.noise else ""
        return f"graph:{self.system}{noisy}" + (f",hidden={self.hidden}" if self.hidden else "")

    @property
    def method_name(self) -> str:
        """With the window."""
        return "NeuralDrift" + (f" (window {self.window})" if self.window > 1 else "")

    def __call__(self, key: Key) -> Outcome:
        """One graph."""
        data, truth = network(self.system, self.noise, self.hidden, key)
        paths = smooth(data, self.window)
        method = NeuralDrift(
            members=2, net=MLP(width=48, depth=2),
            training=Training(steps=self.steps, batch=512, rate=3e-3, ema=0.99),
        )  # fmt: skip
        model = method.fit(paths, key=key, progress=False).model
        states = paths.values.reshape(-1, paths.event_shape[0])
        spread = states.std(0)
        strength = score_matrix(model, states) * spread / spread[:, None]
        none = np.zeros_like(truth, dtype=bool)
        found = CausalGraph(paths.names, strength, none, 1.0 * none, self.method_name)
        row = Row(self.case, self.method_name, "auroc", found.auroc(truth), 0.0)
        return Outcome((row,), {"strength": strength, "truth": truth})


def neural_graph_cells(seeds: int, *, steps: int = 1500) -> list[AbstractCell]:
    """Clean, noisy and with hidden nodes, as the libraries are measured."""
    found: list[AbstractCell] = []
    for system in SYSTEMS:
        spec = MEASURED[system]
        for noise, hidden in ((0.0, 0), (0.2, 0), (0.0, spec.hidden)):
            found += [
                NeuralGraphCell(
                    system=system, window=spec.window if noise else 1, noise=noise, hidden=hidden,
                    steps=steps, replicate=i,
                )
                for i in range(seeds)
            ]  # fmt: skip
    return found
