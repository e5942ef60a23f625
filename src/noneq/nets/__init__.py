"""Networks: fields on vector states, and what they are told beside the state."""

from noneq.nets.base import AbstractNet as AbstractNet, AbstractNetwork as AbstractNetwork
from noneq.nets.constant import Constant as Constant, learnable as learnable
from noneq.nets.features import harmonics as harmonics, noise_features as noise_features
from noneq.nets.fields import MLP as MLP, FieldNetwork as FieldNetwork
from noneq.nets.inputs import Clock as Clock, Label as Label
