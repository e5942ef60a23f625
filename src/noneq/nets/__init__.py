"""Networks on vectors, grids and sets of particles, and what they are told beside the state."""

from noneq._face import exported as _exported
from noneq.constant import Constant as Constant, learnable as learnable
from noneq.nets.base import AbstractNet as AbstractNet, AbstractNetwork as AbstractNetwork
from noneq.nets.features import harmonics as harmonics, noise_features as noise_features
from noneq.nets.grids.local import LocalNet as LocalNet, LocalNetwork as LocalNetwork
from noneq.nets.grids.patches import PatchMLP as PatchMLP, PatchNetwork as PatchNetwork
from noneq.nets.grids.unet import GridNetwork as GridNetwork, UNet as UNet
from noneq.nets.inputs import Clock as Clock, Label as Label
from noneq.nets.sets import SetNet as SetNet, SetNetwork as SetNetwork
from noneq.nets.vectors.concat_squash import (
    ConcatSquash as ConcatSquash,
    ConcatSquashNetwork as ConcatSquashNetwork,
)
from noneq.nets.vectors.fields import MLP as MLP, FieldNetwork as FieldNetwork
from noneq.nets.vectors.fourier import FourierMLP as FourierMLP, FourierNetwork as FourierNetwork
from noneq.nets.vectors.gradient import Gradient as Gradient, GradientNetwork as GradientNetwork
from noneq.nets.vectors.mirrored import Mirrored as Mirrored
from noneq.nets.vectors.polynomial import (
    Polynomial as Polynomial,
    PolynomialNetwork as PolynomialNetwork,
)
from noneq.nets.vectors.residual import ResidualNetwork as ResidualNetwork, ResNet as ResNet


__all__ = list(_exported(__file__))
