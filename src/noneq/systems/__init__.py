"""Ground truth: systems to simulate or to draw from."""

from noneq._face import exported as _exported
from noneq.systems.active_particle import AOUP as AOUP
from noneq.systems.attractors import Lorenz as Lorenz, Rossler as Rossler
from noneq.systems.bars import BarsAndStripes as BarsAndStripes
from noneq.systems.base import (
    AbstractDiffusion as AbstractDiffusion,
    AbstractGradient as AbstractGradient,
    AbstractLangevin as AbstractLangevin,
    AbstractMap as AbstractMap,
    AbstractODE as AbstractODE,
    AbstractSystem as AbstractSystem,
    HasEntropyProduction as HasEntropyProduction,
    HasParity as HasParity,
    HasStationaryDensity as HasStationaryDensity,
    HasTransition as HasTransition,
)
from noneq.systems.boids import Boids as Boids
from noneq.systems.cucker_smale import CuckerSmale as CuckerSmale
from noneq.systems.delays import Delayed as Delayed, LinearDelay as LinearDelay
from noneq.systems.dissipative_well import DissipativeWell as DissipativeWell
from noneq.systems.driven import (
    AbstractDriven as AbstractDriven,
    Driven as Driven,
    HasProtocol as HasProtocol,
)
from noneq.systems.driven_langevin import DrivenLangevin as DrivenLangevin
from noneq.systems.driven_underdamped import DrivenUnderdamped as DrivenUnderdamped
from noneq.systems.exclusion import ASEP as ASEP
from noneq.systems.fractional import Fractional as Fractional, FractionalTrap as FractionalTrap
from noneq.systems.ginzburg_landau import GinzburgLandau as GinzburgLandau
from noneq.systems.gyrator import BrownianGyrator as BrownianGyrator
from noneq.systems.hopf import Hopf as Hopf
from noneq.systems.icons import (
    AbstractIcon as AbstractIcon,
    Bar as Bar,
    Disc as Disc,
    Group as Group,
    Ring as Ring,
)
from noneq.systems.interventions import Intervention as Intervention
from noneq.systems.ising_exact import (
    Enumeration as Enumeration,
    enumeration as enumeration,
    flip_matrix as flip_matrix,
    onsager_energy as onsager_energy,
    onsager_magnetisation as onsager_magnetisation,
    step_matrix as step_matrix,
    torus_energy as torus_energy,
)
from noneq.systems.jumps import AbstractJump as AbstractJump, Jump as Jump
from noneq.systems.kuramoto import Kuramoto as Kuramoto
from noneq.systems.linear import AbstractLinear as AbstractLinear, Linear as Linear
from noneq.systems.lorenz96 import Lorenz96 as Lorenz96
from noneq.systems.markov_jumps import (
    AbstractMarkovJump as AbstractMarkovJump,
    FlashingRatchet as FlashingRatchet,
    MarkovJump as MarkovJump,
)
from noneq.systems.memory import MemoryLangevin as MemoryLangevin
from noneq.systems.non_markov import (
    AbstractDelayed as AbstractDelayed,
    AbstractFractional as AbstractFractional,
    AbstractNonMarkov as AbstractNonMarkov,
)
from noneq.systems.nonreciprocal import NonreciprocalFields as NonreciprocalFields
from noneq.systems.own_functions import (
    ODE as ODE,
    Diffusion as Diffusion,
    Langevin as Langevin,
)
from noneq.systems.own_underdamped import Underdamped as Underdamped
from noneq.systems.patterns import PlacedIcons as PlacedIcons, PlacedPoints as PlacedPoints
from noneq.systems.pendulum import DoublePendulum as DoublePendulum
from noneq.systems.picture_files import PictureFile as PictureFile
from noneq.systems.plane_laws import Annulus as Annulus, TwoPeaks as TwoPeaks
from noneq.systems.prinz import Prinz as Prinz
from noneq.systems.prony import PronyLangevin as PronyLangevin
from noneq.systems.protocols import (
    AbstractProtocol as AbstractProtocol,
    Backward as Backward,
    FunctionProtocol as FunctionProtocol,
    Protocol as Protocol,
)
from noneq.systems.reaction_diffusion import GrayScott as GrayScott
from noneq.systems.repressilator import Repressilator as Repressilator
from noneq.systems.rings import DrivenRing as DrivenRing
from noneq.systems.schlogl import Schlogl as Schlogl
from noneq.systems.shapes import (
    AbstractShape as AbstractShape,
    Checkerboard as Checkerboard,
    Circles as Circles,
    EightGaussians as EightGaussians,
    Moons as Moons,
    Pinwheel as Pinwheel,
    Rings as Rings,
    SwissRoll as SwissRoll,
    TwoSpirals as TwoSpirals,
)
from noneq.systems.spin_couplings import (
    AbstractCouplings as AbstractCouplings,
    CouplingMatrix as CouplingMatrix,
    Lattice as Lattice,
)
from noneq.systems.spin_dynamics import (
    AbstractSpinDynamics as AbstractSpinDynamics,
    Glauber as Glauber,
    HeatBath as HeatBath,
    Metropolis as Metropolis,
)
from noneq.systems.spins import Ising as Ising
from noneq.systems.springs import BeadSpring as BeadSpring, CoupledParticles as CoupledParticles
from noneq.systems.traps import BreathingTrap as BreathingTrap, DraggedTrap as DraggedTrap
from noneq.systems.underdamped import (
    AbstractUnderdamped as AbstractUnderdamped,
    UnderdampedPair as UnderdampedPair,
)
from noneq.systems.vicsek import Vicsek as Vicsek
from noneq.systems.wells import (
    DoubleWell as DoubleWell,
    Swirl as Swirl,
    TiltedWell as TiltedWell,
)


__all__ = list(_exported(__file__))
