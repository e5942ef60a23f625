"""What trajectories cost: work, entropy production, and exact values to compare with."""

from noneq.thermo import exact as exact
from noneq.thermo.autocorrelation import autocorrelation_time as autocorrelation_time
from noneq.thermo.entropy import entropy_production_rate as entropy_production_rate
from noneq.thermo.work import power as power, work as work
