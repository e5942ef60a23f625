"""Nonlinear systems whose stationary law and current are both known."""

import math

from noneq.systems.ginzburg_landau import GinzburgLandau
from noneq.systems.hopf import Hopf
from noneq.systems.prinz import Prinz
from noneq.systems.rings import DrivenRing
from noneq.systems.wells import Swirl


def swirl(q: float, temperature: float) -> float:
    """Double well with a swirl, see `noneq.systems.Swirl`: q² ⟨ΔU⟩."""
    return Swirl(q=q, beta=1 / temperature).entropy_production_rate()


def driven_ring(force: float, amplitude: float, temperature: float = 1.0) -> float:
    """Particle driven around a ring, see `noneq.systems.DrivenRing`: F L J/D."""
    return DrivenRing(force, amplitude, 1 / temperature).entropy_production_rate()


def driven_ring_current(force: float, amplitude: float, temperature: float = 1.0) -> float:
    """Turns per unit time of the same particle: J."""
    return DrivenRing(force, amplitude, 1 / temperature).current()


def hopf(mu: float, w: float, diffusivity: float) -> float:
    """Noisy Hopf oscillator, see `noneq.systems.Hopf`.

    **Equation**: w² ⟨r²⟩/D, ⟨r²⟩ = μ + s φ(μ/s)/Φ(μ/s), s = √(2D).
    """
    return Hopf(mu, w, 1 / diffusivity).entropy_production_rate()


def rotating_wells(drive: float = 1.0, radius: float = 0.5, beta: float = 10.0) -> float:
    """The rotating five wells far from walls, see `noneq.systems.Prinz`: power over kT."""
    return beta * rotating_wells_power(drive, radius, beta)


def rotating_wells_power(drive: float = 1.0, radius: float = 0.5, beta: float = 10.0) -> float:
    """Energy per unit time that keeps the same wells turning, ⟨∂_t V⟩."""
    # So far away that the mass does not reach the walls of the box.
    far = max(1.0, radius + 1.5 / math.sqrt(beta))
    wells = Prinz(drive=drive, radius=radius, beta=beta, half_width=far)
    return wells.entropy_production_rate() / beta


def ginzburg_landau(sites: int, r: float, g: float, q: float, temperature: float = 1.0) -> float:
    """Two fields on a ring that rotate down their landscape, see `noneq.systems.GinzburgLandau`."""
    return GinzburgLandau(
        sites=sites, r=r, g=g, q=q, beta=1 / temperature
    ).entropy_production_rate()
