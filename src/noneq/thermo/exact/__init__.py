"""Known entropy production rates (nats per unit time, k_B = 1) and related numbers.

Convention: dX = f dt + √(2D) dW. The rates are values of continuous time; what an estimator
converges to on samples an interval apart is `target`.
"""

from noneq._face import exported as _exported
from noneq.statistics.work.least_work import (
    least_breathing_work as least_breathing_work,
    least_dragged_work as least_dragged_work,
    least_equilibration_work as least_equilibration_work,
    least_inertial_work as least_inertial_work,
)
from noneq.thermo.exact.chains import (
    asep as asep,
    flashing_ratchet as flashing_ratchet,
    hidden_ratchet as hidden_ratchet,
    hidden_window as hidden_window,
    hill_cycle as hill_cycle,
    sampled_chain as sampled_chain,
    schlogl as schlogl,
    schnakenberg as schnakenberg,
    visible_transitions as visible_transitions,
)
from noneq.thermo.exact.intervals import Pair as Pair, pair as pair, target as target
from noneq.thermo.exact.linear_systems import (
    aoup as aoup,
    bead_spring as bead_spring,
    coupled_particles as coupled_particles,
    gyrator as gyrator,
    gyrator_torque as gyrator_torque,
    linear as linear,
    linear_relaxation as linear_relaxation,
    nonreciprocal_ring as nonreciprocal_ring,
    rotational_trap as rotational_trap,
    underdamped_heat as underdamped_heat,
    underdamped_pair as underdamped_pair,
)
from noneq.thermo.exact.memory import (
    delay_variance as delay_variance,
    fractional_covariance as fractional_covariance,
    fractional_relaxation as fractional_relaxation,
    fractional_variance as fractional_variance,
    memory_correlation as memory_correlation,
    memory_kernel as memory_kernel,
    memory_laplace as memory_laplace,
    subdiffusion as subdiffusion,
)
from noneq.thermo.exact.nonlinear_systems import (
    driven_ring as driven_ring,
    driven_ring_current as driven_ring_current,
    ginzburg_landau as ginzburg_landau,
    hopf as hopf,
    rotating_wells as rotating_wells,
    rotating_wells_power as rotating_wells_power,
    swirl as swirl,
)
from noneq.thermo.exact.work import (
    breathing_free_energy as breathing_free_energy,
    breathing_work as breathing_work,
    dragged_work as dragged_work,
    dragged_work_along as dragged_work_along,
    gaussian_works as gaussian_works,
)


__all__ = list(_exported(__file__))
