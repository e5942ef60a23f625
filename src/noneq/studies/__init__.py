"""Studies: seed experiments that put the parts together, one a file."""

from noneq._face import exported as _exported
from noneq.runs.rows import Row as Row
from noneq.studies.base import (
    AbstractCell as AbstractCell,
    AbstractStudy as AbstractStudy,
    Outcome as Outcome,
)
from noneq.studies.bridges.study import BridgesStudy as BridgesStudy
from noneq.studies.control.study import ControlStudy as ControlStudy
from noneq.studies.dynamics.study import DynamicsStudy as DynamicsStudy
from noneq.studies.ensembles import Recording as Recording
from noneq.studies.equilibrium_flow.designs.design import DesignRun as DesignRun
from noneq.studies.equilibrium_flow.gray_scott import GrayScottCell as GrayScottCell
from noneq.studies.equilibrium_flow.study import EquilibriumFlowStudy as EquilibriumFlowStudy
from noneq.studies.genphys.cells import SampleScoring as SampleScoring
from noneq.studies.genphys.study import Charge as Charge, GenPhysStudy as GenPhysStudy
from noneq.studies.latent_cycle.cells import ChainScoring as ChainScoring
from noneq.studies.latent_cycle.data import Bars as Bars, BinaryDigits as BinaryDigits
from noneq.studies.latent_cycle.spins import SpinRun as SpinRun
from noneq.studies.latent_cycle.study import LatentCycleStudy as LatentCycleStudy
from noneq.studies.naming import studies as studies, study_named as study_named
from noneq.studies.prinz.cells import Scoring as Scoring
from noneq.studies.prinz.study import PrinzStudy as PrinzStudy
from noneq.studies.rare_events.problems import (
    OuMax as OuMax,
    PlaneWell as PlaneWell,
    WellCrossing as WellCrossing,
)
from noneq.studies.rare_events.study import RareEventsStudy as RareEventsStudy
from noneq.studies.running import run_study as run_study
from noneq.studies.table_one.cells import Judging as Judging
from noneq.studies.table_one.consistency import Consistency as Consistency
from noneq.studies.table_one.data import Digits as Digits, DrivenWells as DrivenWells
from noneq.studies.table_one.peer import Mixture as Mixture
from noneq.studies.table_one.study import (
    DigitsSettings as DigitsSettings,
    TableOneStudy as TableOneStudy,
)
from noneq.studies.thermo_zoo.records import PathRecord as PathRecord
from noneq.studies.thermo_zoo.study import ThermoZooStudy as ThermoZooStudy


__all__ = list(_exported(__file__))
