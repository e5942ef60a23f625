"""Reports: one self-contained page per run or study, pictures first."""

from noneq._face import exported as _exported
from noneq.report.groups import group_report as group_report
from noneq.report.runs import run_report as run_report


__all__ = list(_exported(__file__))
