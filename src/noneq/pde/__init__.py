"""GenPhys: a PDE in; its dispersion relation, density flow, verdicts and modifications out."""

from noneq._face import exported as _exported
from noneq.pde.density_flow import DensityFlow as DensityFlow, rewrite as rewrite
from noneq.pde.dispersion import Branch as Branch, branches as branches
from noneq.pde.duality import zoo as zoo
from noneq.pde.equation import PDE as PDE
from noneq.pde.evolution import Evolved as Evolved, evolve as evolve
from noneq.pde.generative import process as process
from noneq.pde.modifications import Modification as Modification, modify as modify
from noneq.pde.smoothing import judged as judged, smoothing_factors as smoothing_factors
from noneq.pde.spectra import spectrum as spectrum
from noneq.pde.verdict import Judgement as Judgement, Verdict as Verdict, judge as judge


__all__ = list(_exported(__file__))
