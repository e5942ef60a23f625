"""Events that hardly ever happen: how probable they are, and how they come about."""

from noneq._face import exported as _exported
from noneq.inference.rare.black_box import BlackBox as BlackBox
from noneq.inference.rare.outcome import RareEvent as RareEvent
from noneq.inference.rare.populations.cloning import (
    TimeAverage as TimeAverage,
    cloning as cloning,
    scaled_cumulants as scaled_cumulants,
)
from noneq.inference.rare.populations.departures import (
    TransitionRate as TransitionRate,
    transition_rate as transition_rate,
)
from noneq.inference.rare.populations.forward_flux import forward_flux as forward_flux
from noneq.inference.rare.populations.splitting import splitting as splitting
from noneq.inference.rare.populations.weighted_ensemble import (
    weighted_ensemble as weighted_ensemble,
)
from noneq.inference.rare.sets import StateSet as StateSet, state_set as state_set


__all__ = list(_exported(__file__))
