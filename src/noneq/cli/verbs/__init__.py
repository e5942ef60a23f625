"""The verbs of the program, one a file, in the order of its help."""

from noneq.cli.verbs.cite import cite
from noneq.cli.verbs.compare import compare
from noneq.cli.verbs.control import control
from noneq.cli.verbs.convert import convert
from noneq.cli.verbs.demo import demo
from noneq.cli.verbs.doctor import doctor
from noneq.cli.verbs.evaluate import evaluate
from noneq.cli.verbs.fates import fates
from noneq.cli.verbs.fit import fit
from noneq.cli.verbs.infer import infer
from noneq.cli.verbs.inspect import inspect
from noneq.cli.verbs.list import list_
from noneq.cli.verbs.pde import pde
from noneq.cli.verbs.rare import rare
from noneq.cli.verbs.report import report
from noneq.cli.verbs.sample import sample
from noneq.cli.verbs.simulate import simulate
from noneq.cli.verbs.study import study
from noneq.cli.verbs.sweep import sweep
from noneq.cli.verbs.thermo import thermo


VERBS = (
    simulate,
    inspect,
    convert,
    infer,
    fit,
    sample,
    evaluate,
    compare,
    sweep,
    report,
    fates,
    thermo,
    control,
    rare,
    pde,
    study,
    demo,
    list_,
    cite,
    doctor,
)
