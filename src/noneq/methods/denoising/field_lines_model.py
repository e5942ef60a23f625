"""Models of p(x, t) by a process of field lines: a flow without a score."""

from noneq.data.summary import Summary
from noneq.frames.frame import Frame
from noneq.methods.denoising.denoiser import AbstractFlowing
from noneq.methods.denoising.flow_law import AbstractFlowLaw
from noneq.samplers.base import AbstractSampler


class FieldLinesModel(AbstractFlowLaw):
    """A law reached by a flow (`AbstractFlowLaw`) along learnt field lines."""

    denoiser: AbstractFlowing
    frame: Frame
    sampler: AbstractSampler

    def __init__(
        self,
        denoiser: AbstractFlowing,
        sampler: AbstractSampler,
        summary: Summary,
        *,
        optional: bool = False,
    ):
        """``optional``: the learnt part also knows the law without condition."""
        self.denoiser = denoiser
        self.frame = Frame(summary, optional=optional)
        self.sampler = sampler
