"""Networks on vectors, grids and sets of particles, and what they are told beside the state."""

from noneq.constant import Constant as Constant, learnable as learnable
from noneq.nets.base import AbstractNet as AbstractNet, AbstractNetwork as AbstractNetwork
from noneq.nets.concat_squash import (
    ConcatSquash as ConcatSquash,
    ConcatSquashNetwork as ConcatSquashNetwork,
)
from noneq.nets.features import harmonics as harmonics, noise_features as noise_features
from noneq.nets.fields import MLP as MLP, FieldNetwork as FieldNetwork
from noneq.nets.fourier import FourierMLP as FourierMLP, FourierNetwork as FourierNetwork
from noneq.nets.gradient import Gradient as Gradient, GradientNetwork as GradientNetwork
from noneq.nets.grids import GridNetwork as GridNetwork, UNet as UNet
from noneq.nets.inputs import Clock as Clock, Label as Label
from noneq.nets.local import LocalNet as LocalNet, LocalNetwork as LocalNetwork
from noneq.nets.mirrored import Mirrored as Mirrored
from noneq.nets.patches import PatchMLP as PatchMLP, PatchNetwork as PatchNetwork
from noneq.nets.polynomial import (
    Polynomial as Polynomial,
    PolynomialNetwork as PolynomialNetwork,
)
from noneq.nets.residual import ResidualNetwork as ResidualNetwork, ResNet as ResNet
from noneq.nets.sets import SetNet as SetNet, SetNetwork as SetNetwork
