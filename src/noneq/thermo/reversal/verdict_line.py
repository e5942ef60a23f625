"""What a test of equilibrium found, as one sentence."""

from dataclasses import dataclass

import numpy as np

from noneq.display import Card


@dataclass(frozen=True)
class CurrentTest:
    """One set of currents that vanish in equilibrium.

    Attributes:
        name: ``linear`` or ``rich``.
        statistic: χ² with ``dof`` degrees of freedom in equilibrium (of short records Hotelling's T²).
        dof: independent currents.
        p_value: of this test alone.
        inflation: what the variance of the currents was raised by for memory that pairs do not show.
    """

    name: str
    statistic: float
    dof: int
    p_value: float
    inflation: float


@dataclass(frozen=True, repr=False)
class Verdict:
    """Outcome of `verdict`: false alarms at most ``level``, all corrections made.

    Attributes:
        p_value: of the currents, corrected for the number of tests.
        level: false alarms allowed.
        equilibrium: whether the data are consistent with equilibrium.
        bound: lower confidence bound of the entropy production rate, nats per unit time; 0 if the
            data are consistent with equilibrium or their law changes.
        stationary: whether the law stays the same over the record.
        time_unit: of the data, or empty.
        tests: what was tested.
        n: pairs of records.
        notes: what was assumed or left out, a sentence each.
    """

    p_value: float
    level: float
    equilibrium: bool
    bound: float
    stationary: bool
    time_unit: str
    tests: tuple[CurrentTest, ...]
    n: int
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        per = self.time_unit or "unit time"
        if not self.stationary:
            return (
                f"not in a steady state (level {self.level:g}): the law changes over the record; cut "
                "the transient off and ask again"
            )
        if self.equilibrium:
            return f"consistent with equilibrium at level {self.level:g}"
        return f"out of equilibrium (level {self.level:g}), at least {self.bound:.3g} k_B per {per}"

    def __str__(self) -> str:
        """`sentence`."""
        return self.sentence

    def __repr__(self) -> str:
        """The sentence, and what was tested."""
        return self.card().text()

    def _repr_html_(self) -> str:
        """The same, for notebooks."""
        return self.card().html()

    def card(self) -> Card:
        """What prompts and notebooks show."""
        facts = [("p", f"{self.p_value:.3g}, corrected for {len(self.tests)} tests")]
        for test in self.tests:
            text = f"χ² = {test.statistic:.4g}, {test.dof} currents, p = {test.p_value:.3g}"
            facts.append((test.name, text))
        facts += [("note", note) for note in self.notes]
        return Card(self.sentence, facts)


@dataclass(frozen=True)
class BalanceTest:
    """Outcome of `detailed_balance_test`.

    Attributes:
        statistic: 0 for counts that are the same both ways.
        dof: degrees of freedom, the number of independent loops among the transitions seen.
        p_value: probability of so large a statistic if detailed balance holds.
        n: transitions between different states that were counted; of continuous states all pairs.
        steps: all transitions, those from a state to itself included.
    """

    statistic: float
    dof: int
    p_value: float
    n: int
    steps: int = 0


def chain_verdict(
    test: BalanceTest, level: float, step: float = 1.0, time_unit: str = ""
) -> Verdict:
    """The test of detailed balance of discrete sequences as a verdict.

    Args:
        test: of all transitions.
        level: false alarms allowed.
        step: duration of a step.
        time_unit: of ``step``.
    """
    outcome = CurrentTest("loops", test.statistic, test.dof, test.p_value, 1.0)
    least = noncentrality(test.statistic, test.dof, level)
    equilibrium = test.p_value >= level
    bound = 0.0 if equilibrium else 2 * least / (test.steps * step)
    note = "states must be Markov, or the test be given blocks"
    if not test.dof:
        note = "the transitions that were seen close no loop, so that none can tell a direction"
    return Verdict(
        test.p_value, level, equilibrium, bound, True, time_unit, (outcome,), test.steps, (note,)
    )


def noncentrality(statistic: float, count: int, level: float) -> float:
    """Lower confidence limit λ: the χ² of noncentrality λ exceeds the statistic with p = level."""
    from scipy.optimize import brentq
    from scipy.stats import chi2, ncx2

    if not count or chi2.sf(statistic, count) >= level:
        return 0.0
    exceeds = lambda excess: ncx2.sf(statistic, count, excess) - level
    return float(np.asarray(brentq(exceeds, 1e-9, statistic)))
