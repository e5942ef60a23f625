"""What a file or a run says of its thermodynamics: one sentence, and the numbers behind it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.kinds import checked
from noneq.runs.discrete_states import as_states
from noneq.runs.rows import Row, row_of
from noneq.store import load
from noneq.systems.base import AbstractSystem


_LONGEST = 12
"""States of a loop that the sentence names."""
_RATE = "entropy_production"
_OF_STATES = (None, "plug_in", "cycles", "hidden_path", "neep")


@dataclass(frozen=True)
class Findings:
    """What `thermodynamics` found.

    Attributes:
        subject: ``trajectories``, ``chain``, ``model`` or ``work``.
        sentence: the verdict.
        estimates: a quantity and its estimate each.
        notes: what to be wary of, and what could not be measured, a sentence each.
        detail: the object behind it: an agreement, a matrix, an audit, or works.
        assumptions: what each method took for granted.
        data: the paths, as they were understood.
        names: of the states of a chain; empty if they have numbers alone.
    """

    subject: str
    sentence: str
    estimates: tuple[tuple[str, Estimate], ...]
    notes: tuple[str, ...]
    detail: Any
    assumptions: tuple[str, ...] = ()
    data: Trajectories | None = None
    names: tuple[str, ...] = ()

    def rows(self, case: str) -> list[Row]:
        """The numbers as rows of results."""
        return [
            row_of(case, estimate.method or self.subject, name, estimate)
            for name, estimate in self.estimates
            if estimate.value.ndim == 0
        ]


@checked
def thermodynamics(
    data: Trajectories | Snapshots,
    *,
    system: AbstractSystem | None = None,
    method: str | None = None,
    level: float = 0.01,
    seed: int = 0,
) -> Findings:
    """Entropy production of recorded paths, and whether they are in equilibrium.

    Args:
        data: trajectories. Columns of whole numbers on few levels are taken for discrete states, unless
            the method is one of continuous paths.
        system: that they follow, if it is known; its work is taken into account.
        method: one estimator of `noneq.thermo.entropy_production`; None takes all that apply.
        level: false alarms of the verdict.
        seed: of the random key.

    Raises:
        InvalidInput: snapshots, which do not say how states move.
    """
    from noneq.thermo import entropy_production
    from noneq.thermo.agreement import own_words

    if not isinstance(data, Trajectories):
        raise InvalidInput(
            "thermodynamics: the file holds snapshots, which do not say how states move. Give paths, "
            "or fit a transport (noneq fit SF2M FILE -o RUN) and ask for the run (noneq thermo RUN); "
            "rows of a table that are successive states are read by --read states=COLUMN."
        )
    data, told = as_states(data) if method in _OF_STATES else (data, ())
    given = {} if system is None else {"system": system}
    key = jax.random.key(seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found: Any = entropy_production(data, method=method, level=level, key=key, **given)
    warned = tuple(own_words(caught))
    per = f"k_B/{data.time_unit or 'unit time'}"
    rate = lambda one: ("entropy_production_rate", replace(one, unit=per))
    if isinstance(found, Estimate):
        row = rate(found)
        sentence = f"entropy production rate {row[1]} by {found.method}"
        return Findings(
            "trajectories", sentence, (row,), (*told, *warned), found, found.notes, data
        )
    rows = tuple(rate(row) for row in found.rows)
    notes = [*warned, *found.not_applicable]
    assumed = tuple(f"{row.method}: {note}" for row in found.rows for note in row.notes)
    if found.verdict is None:
        if not rows:
            raise InvalidInput(f"thermodynamics: {'; '.join(found.not_applicable)}")
        sentence = f"entropy production rate {rows[0][1]} by {found.rows[0].method}"
    else:
        sentence, notes = found.verdict.sentence, [*found.verdict.notes, *notes]
        if rows and not found.verdict.stationary:
            notes.insert(0, "The rates are those of a record taken for steady, which it is not.")
    notes = tuple(dict.fromkeys([*told, *notes]))
    return Findings("trajectories", sentence, rows, notes, found, assumed, data)


def chain_thermodynamics(matrix: Any, names: Sequence[str] = ()) -> Findings:
    """Entropy production, main loop and its affinity of a transition or rate matrix.

    Args:
        matrix: ``(H, H)``.
        names: of the states.

    Raises:
        InvalidInput: no chain, or a reducible one; names for another number of states.
    """
    from noneq.thermo import affinity, dominant_cycle
    from noneq.thermo.chains import chain_currents, chain_entropy_production

    chain = np.asarray(matrix, np.float64)
    if names and len(names) != len(chain):
        raise InvalidInput(f"{len(names)} names for {len(chain)} states; give one each, or none.")
    names = tuple(names)
    rate, cycle = chain_entropy_production(chain), dominant_cycle(chain)
    largest = float(chain_currents(chain).max())
    per = "step" if np.allclose(chain.sum(1), 1) else "unit time"
    zero, count = np.zeros(()), np.asarray(len(chain))
    exact = lambda value, unit="": Estimate(
        np.asarray(value), zero, count, unit=unit, method="exact"
    )
    # Rounding of the matrix leaves currents that no loop carries.
    if cycle is None or rate < 1e-12:
        sentence = f"in equilibrium: the chain of {len(chain)} states has detailed balance"
        row = ("entropy_production_rate", exact(rate, f"k_B/{per}"))
        return Findings("chain", sentence, (row,), (), chain, names=names)
    shown = [names[s] if names else str(s) for s in (*cycle.states, cycle.states[0])]
    way = " → ".join(shown if len(shown) <= _LONGEST else [*shown[:_LONGEST], "…"])
    if not np.isfinite(rate):
        sentence = (
            f"out of equilibrium: some transitions of the {len(chain)} states have no reverse, so "
            f"that no finite entropy production accounts for them; the main loop is {way}"
        )
        row = ("largest_current", exact(largest, f"1/{per}"))
        return Findings("chain", sentence, (row,), (), chain, names=names)
    sentence = (
        f"out of equilibrium: {rate:.6g} k_B per {per} over {len(chain)} states; the main loop is "
        f"{way}"
    )
    numbers = (
        ("entropy_production_rate", exact(rate, f"k_B/{per}")),
        ("affinity", exact(affinity(chain, cycle), "k_B")),
        ("largest_current", exact(largest, f"1/{per}")),
    )
    return Findings("chain", sentence, numbers, (), chain, names=names)


@checked
def run_thermodynamics(
    folder: str | Path,
    data: Trajectories | Snapshots | None = None,
    *,
    seed: int = 0,
    trust: bool = False,
) -> Findings:
    """Audit of a fitted model: what it dissipates, and how well it obeys its own equations.

    Args:
        folder: of a run.
        data: that the model was fitted to, or new ones; some quantities need them.
        seed: of the random key.
        trust: allow a run whose method is code outside noneq.

    Raises:
        MissingTrait: a model that has nothing to measure.
    """
    from noneq.thermo import audit

    fit = load(Path(folder), trust=trust)
    times = fit.summary.times if data is None and len(fit.summary.times) > 1 else None
    found = audit(fit.model, data, times=times, key=jax.random.key(seed))
    notes = [f"No {name.replace('_', ' ')}: {why.rstrip('.')}." for name, why in found.missing]
    notes += [note for _, row in found.rows for note in row.notes]
    # Methods of models tell rates in nats; those that are per unit of the data's time say so here.
    per = f"k_B/{fit.summary.time_unit or 'unit time'}"
    rows = tuple(
        (name, replace(one, unit=per) if name == _RATE and one.unit in ("", "nat/time") else one)
        for name, one in found.rows
    )
    parts = [f"{name.replace('_', ' ')} {_one(value)}" for name, value in rows[:1]]
    sentence = f"{found.model}: {'; '.join(parts) or 'nothing could be measured'}"
    return Findings(
        "model", sentence, (*rows, *_choices(found.schedule)), tuple(dict.fromkeys(notes)), found
    )


def _one(estimate: Estimate) -> str:
    """The value, or the mean of those of several times."""
    if estimate.value.size == 1:
        return str(estimate)
    return f"{estimate.mean()} on average over {estimate.value.size} times"


def _choices(costs: Any) -> list[tuple[str, Estimate]]:
    """What the noise levels of a denoising model cost: its own, and those that were suggested."""
    if costs is None:
        return []
    return [
        (f"{quantity} of {name} noise levels", replace(estimate[i], method="schedule"))
        for name, i in (("its own", 0), ("suggested", costs.suggested))
        for quantity, estimate in (
            ("entropy_production", costs.entropy_production),
            ("w2", costs.w2),
        )
    ]
