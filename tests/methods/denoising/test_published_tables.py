"""Tables 1 and 2 of the position paper: what the classes say it prints, and what is derived."""

import jax.numpy as jnp
import numpy as np
import pytest

from noneq.learning.forward import Dynamics, differences, dynamics, linear, terms
from noneq.methods import (
    DDPM,
    EDM,
    FFJORD,
    SMLD,
    VDM,
    AbstractMethod,
    BoltzmannField,
    DiffFlow,
    FlowMatching,
    FlowPP,
    OracleBoltzmann,
    ReflectedDiffusion,
    ScoreMatching,
    ScoreSDE,
    Transition,
)
from noneq.processes import VE, VP, Cosine, Gaussian, Straight, SubVP
from noneq.processes.schedules import AbstractSchedule
from noneq.spec import modules


# Drift and diffusion, as printed.
TABLE_1 = {
    "DDPM": (False, True),
    "SMLD": (False, True),
    "VDM": (False, True),
    "SDEs": (True, True),
    "RDM": (True, True),
    "Flow++": (True, False),
    "PFGM": (True, False),
    "DiffFlow": (True, True),
    "DSB": (True, True),
    "DSBM": (True, True),
    "LightSB-M": (True, True),
}
SOURCES = {
    "DDPM": "ho2020denoising",
    "SMLD": "song2019generative",
    "VDM": "kingma2021variational",
    "SDEs": "song2021score",
    "RDM": "lou2023reflected",
    "Flow++": "ho2019flow",
    "DiffFlow": "zhang2021diffusion",
}
DERIVED = {
    DDPM: ("−g² x/2", "g"),
    VDM: ("−g² x/2", "g"),
    ScoreSDE: ("−g² x/2", "g"),
    SMLD: ("0", "g"),
    EDM: ("0", "g"),
    ScoreMatching: ("0", "g"),
    Transition: ("0", "g"),
    ReflectedDiffusion: ("0", "g"),
    FlowMatching: ("a x", "g"),
    DiffFlow: ("f(x, tau)", "g"),
    FFJORD: ("f(x, tau)", "0"),
    FlowPP: ("f(x, tau)", "0"),
}
LISTED = [cls for cls in modules("methods", AbstractMethod).values() if cls.published]


@pytest.mark.parametrize("cls", LISTED, ids=lambda cls: cls.__name__)
def test_published_terms_are_those_of_the_paper(cls):
    row = cls.published
    assert (row.drift, row.diffusion) == TABLE_1[row.name]
    assert cls.source == SOURCES.get(row.name, cls.source)


def test_each_row_is_one_method():
    names = [cls.published.name for cls in LISTED]
    assert len(names) == len(set(names))
    assert set(SOURCES) <= set(names)
    group = SMLD.published.equations
    assert group == ("DGM", ("0", "g"), ("−g² s/2", "g"))
    members = {cls for cls in LISTED if cls.published.equations == group}
    assert members == {DDPM, SMLD, VDM}


@pytest.mark.parametrize("cls", DERIVED, ids=lambda cls: cls.__name__)
def test_derived_terms(cls):
    assert dynamics(cls()) == DERIVED[cls]


@pytest.mark.parametrize("cls", [BoltzmannField, OracleBoltzmann], ids=lambda cls: cls.__name__)
def test_an_equilibrium_method_has_no_process(cls):
    assert dynamics(cls()) is None
    assert cls.published is None


@pytest.mark.parametrize(
    ("schedule", "drift"),
    [(VE(0.01, 10.0), "0"), (VP(), "−g² x/2"), (Cosine(), "−g² x/2"), (SubVP(), "a x"),
     (Straight(), "a x")],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_terms_follow_the_schedule_and_not_the_name(schedule, drift):
    target = FlowMatching().target  # regular at alpha = 0
    assert dynamics(ScoreMatching(process=Gaussian(schedule), target=target)) == (drift, "g")


class Shrinking(AbstractSchedule):
    """alpha and sigma in a fixed ratio: the noise of tau = 0 shrinks with the data."""

    def __call__(self, tau):
        alpha = jnp.exp(-jnp.asarray(tau, float))
        return alpha, 0.1 * alpha

    def tau(self, ratio):
        raise NotImplementedError

    @property
    def start(self):
        return 0.0


def test_no_noise_no_diffusion():
    found = terms(lambda x, tau: linear(Shrinking(), x, tau))
    assert found == ("a x", "0")
    assert found.equation == "dx = a x dtau"
    assert found.backward == (("a x", "0"),)
    assert Dynamics("0", "0").equation == "dx = 0"


@pytest.mark.parametrize(
    ("forward", "drift"),
    [
        (lambda x, tau: (0 * x, 0 * x), "0"),
        (lambda x, tau: (-tau * x, 0 * x), "a x"),
        (lambda x, tau: (jnp.array([-1.0, -2.0]) * x, 0 * x), "f(x, tau)"),
        (lambda x, tau: (jnp.ones(2) * tau, 0 * x), "f(x, tau)"),
        (lambda x, tau: (-x * jnp.abs(x), 0 * x), "f(x, tau)"),
        (lambda x, tau: (x[::-1] - x, 0 * x), "f(x, tau)"),
    ],
)
def test_drifts_are_told_apart_by_their_values(forward, drift):
    assert terms(forward) == (drift, "0")


def test_footnotes_where_the_paper_differs():
    # Transports between snapshots have no noising process to compare.
    terms = {cls: dynamics(cls()) for cls in LISTED}
    notes = {c: differences(c.published, found) for c, found in terms.items() if found is not None}
    assert {cls for cls, note in notes.items() if note} >= {DDPM, VDM, ReflectedDiffusion}
    for cls in (SMLD, ScoreSDE, FlowPP, DiffFlow):
        assert notes[cls] == ""
    assert notes[DDPM] == notes[VDM]
    assert notes[DDPM].startswith("published without drift, but dx = −g² x/2 dtau + g dW has one")
    assert "variance preserving" in notes[DDPM]
    assert notes[ReflectedDiffusion] == "published with drift, but dx = g dW has none"
    assert "without diffusion" in differences(FlowPP.published, Dynamics("a x", "g"))


def variance_at_data(schedule, share, noise):
    """Of unit Gaussian data, run back by dx = −share g² s dtau + noise g dW̄ with their own score.

    With s = −x/v the variance obeys dv/dtau = (2 share − noise²) g².
    """
    tau = np.linspace(0, 1, 4001)
    g2 = np.array([float(schedule.diffusion_squared(at)) for at in tau[::40]])
    rate = (2 * share - noise**2) * np.interp(tau, tau[::40], g2)
    last = 1 + float(schedule(1.0)[1]) ** 2
    return last - np.trapezoid(rate, tau)


def test_only_the_derived_pairs_lead_back():
    exact = {("−g² s", "g"): (1.0, 1.0), ("−g² s/2", "0"): (0.5, 0.0)}
    assert dynamics(SMLD()).backward == tuple(exact)
    schedule = VE(0.5, 3.0)
    for share, noise in exact.values():
        assert abs(variance_at_data(schedule, share, noise) - 1.25) < 0.01
    published = SMLD.published.equations.backward
    assert published == ("−g² s/2", "g")
    assert published not in exact
    assert abs(variance_at_data(schedule, 0.5, 1.0) - 10) < 0.01, "the published pair never narrows"
