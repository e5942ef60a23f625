"""Studies: seed experiments that put the parts together, one a file."""

from noneq.studies.base import (
    AbstractCell as AbstractCell,
    AbstractStudy as AbstractStudy,
    Outcome as Outcome,
    Row as Row,
)
from noneq.studies.ensembles import Recording as Recording
from noneq.studies.equilibrium_flow import EquilibriumFlowStudy as EquilibriumFlowStudy
from noneq.studies.equilibrium_flow_design import DesignRun as DesignRun
from noneq.studies.equilibrium_flow_gray_scott import GrayScottCell as GrayScottCell
from noneq.studies.genphys import Charge as Charge, GenPhysStudy as GenPhysStudy
from noneq.studies.genphys_cells import SampleScoring as SampleScoring
from noneq.studies.latent_cycle import LatentCycleStudy as LatentCycleStudy
from noneq.studies.latent_cycle_cells import ChainScoring as ChainScoring
from noneq.studies.latent_cycle_data import Bars as Bars, BinaryDigits as BinaryDigits
from noneq.studies.latent_cycle_spins import SpinRun as SpinRun
from noneq.studies.naming import studies as studies, study_named as study_named
from noneq.studies.prinz import PrinzStudy as PrinzStudy
from noneq.studies.prinz_cells import Scoring as Scoring
from noneq.studies.running import run_study as run_study
from noneq.studies.table_one import (
    DigitsSettings as DigitsSettings,
    TableOneStudy as TableOneStudy,
)
from noneq.studies.table_one_cells import Judging as Judging
from noneq.studies.table_one_consistency import Consistency as Consistency
from noneq.studies.table_one_data import Digits as Digits, DrivenWells as DrivenWells
from noneq.studies.table_one_peer import Mixture as Mixture
