"""The workflow: fit in a run folder, sample a run, score a model, compare methods, estimate cost."""

from typing import TYPE_CHECKING

from noneq._face import face


if TYPE_CHECKING:
    from noneq.learning.members import fit_members as fit_members
    from noneq.runs.baselines import (
        NearestSnapshot as NearestSnapshot,
        PairedNeighbours as PairedNeighbours,
        PooledNeighbours as PooledNeighbours,
    )
    from noneq.runs.comparing import compare as compare
    from noneq.runs.control import (
        ControlFindings as ControlFindings,
        Measured as Measured,
        erase as erase,
    )
    from noneq.runs.costs import cost as cost
    from noneq.runs.events.averages import (
        AverageFindings as AverageFindings,
        time_average as time_average,
    )
    from noneq.runs.events.fating import fates as fates
    from noneq.runs.events.rare import RareFindings as RareFindings, rare as rare
    from noneq.runs.fitting import fit as fit, fit_seeds as fit_seeds
    from noneq.runs.folders import members as members
    from noneq.runs.frontier import (
        Frontier as Frontier,
        dissipation_frontier as dissipation_frontier,
    )
    from noneq.runs.judgement import verdicts as verdicts
    from noneq.runs.look import FirstLook as FirstLook, first_look as first_look
    from noneq.runs.rows import Row as Row, combine as combine, row_of as row_of
    from noneq.runs.sampling import sample as sample
    from noneq.runs.scoring import evaluate as evaluate, score as score
    from noneq.runs.sweeps.sweeping import sweep as sweep
    from noneq.runs.trials import Trial as Trial, trial as trial

__getattr__, __dir__ = face(__name__, __file__)
__all__ = __dir__()
