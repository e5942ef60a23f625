"""Studies: seed experiments that put the parts together, one a file."""

from noneq.studies.base import (
    AbstractCell as AbstractCell,
)
from noneq.studies.base import (
    AbstractStudy as AbstractStudy,
)
from noneq.studies.base import (
    Outcome as Outcome,
)
from noneq.studies.base import (
    Row as Row,
)
from noneq.studies.naming import studies as studies
from noneq.studies.naming import study_named as study_named
from noneq.studies.prinz import PrinzStudy as PrinzStudy
from noneq.studies.running import run_study as run_study
