"""What every method is: a recipe whose fields are its hyper-parameters."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, PyTree

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories, as_snapshots
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.summary import Summary
from noneq.display import Card, Section, coordinates_text, counted, number, times_text
from noneq.domains import Free, is_periodic
from noneq.errors import InvalidInput, WrongType
from noneq.kinds import AbstractChecked, shown
from noneq.learning.published import Published
from noneq.traits import AbstractModel, model_card


Data: TypeAlias = Snapshots | Trajectories | np.ndarray | Array
"""What `fit` takes; a plain array ``(n, *event_shape)`` is a single snapshot."""

History: TypeAlias = dict[str, list[float]]
"""Columns of history.csv: ``step``, ``loss``, ``held_out_loss`` …, all of equal length."""

Progress: TypeAlias = Callable[[int, int, dict[str, float]], None] | bool
"""Called as progress(step, steps, row) at the end of every chunk; False shows nothing, True a bar
or lines."""


@dataclass(frozen=True, repr=False)
class Fit:
    """Result of a fit: the model, its history, and what is needed to save and to load it.

    Attributes:
        model: the fitted model.
        history: columns of equal length.
        method: the method with all its fields, as it was called.
        summary: record of the training data.
        meta: further facts for meta.json (seconds, seed, warnings).
        given: fitted models that the model keeps inside, by the name under which ``method.init``
            takes them (a score); saved with it, and after loading outlines (`spec.to_outline`).
    """

    model: Any
    history: History
    method: "AbstractMethod"
    summary: Summary
    meta: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Method, data, model and last losses."""
        return fit_card(self).text()

    def _repr_html_(self) -> str:
        """The same with history and settings, which fold out, for notebooks."""
        return fit_card(self).html()


def fit_card(fit: Fit) -> Card:
    """What a fit says of itself."""
    known, model = fit.summary, fit.model
    times = times_text(known.times, known.time_unit)
    facts = [
        ("data", f"{known.kind}, {counted(sum(known.counts), 'state')}, {times}"),
        ("coordinates", coordinates_text(known.names, known.units)),
    ]
    facts.append(("model", model_card(model).title if isinstance(model, AbstractModel) else "–"))
    history = {name: column for name, column in fit.history.items() if len(column)}
    if history:
        last = ", ".join(f"{name.replace('_', ' ')} {c[-1]:.4g}" for name, c in history.items())
        facts.append(("history", f"at the end {last}"))
    if isinstance(seconds := fit.meta.get("seconds"), int | float):
        facts.append(("took", f"{seconds:.3g} s"))
    facts += [("warning", str(text)) for text in fit.meta.get("warnings", ())]
    rows = [[number(float(v)) for v in row] for row in zip(*history.values(), strict=False)]
    tables = [Section("History", tuple(history), rows)]
    tables += [Section("Settings", ("field", "value"), _settings(fit.method))]
    return Card(f"Fit of {type(fit.method).__name__}", facts, tables)


def _settings(method: Any, before: str = "") -> list[tuple[str, str]]:
    """Name and value of all fields, nested ones by dotted names."""
    pairs = []
    for each in fields(method):
        value, name = getattr(method, each.name), f"{before}{each.name}"
        nested = isinstance(value, eqx.Module) and fields(value)
        pairs += _settings(value, f"{name}.") if nested else [(name, shown(value))]
    return pairs


class AbstractMethod(AbstractChecked):
    """A recipe: typed fields in, `Fit` out.

    ``source`` is the BibTeX key of the paper (see `noneq cite`); ``published`` what the tables of
    the position paper say of the method, None if they do not list it (`methods.dynamics` derives
    the same from the process).
    """

    source: ClassVar[str]
    published: ClassVar[Published | None] = None
    takes_torus: ClassVar[bool] = False
    """Whether it is right for periodic coordinates."""
    takes_transform: ClassVar[bool] = False
    """Whether its models know the Jacobian of `noneq.data.scales.transforms`."""
    takes_lazy: ClassVar[bool] = False
    """Whether it learns from data that stay in their file (`noneq.data.read(…, lazy=True)`)."""
    between_times: ClassVar[bool] = False
    """Whether it connects snapshots, and knows nothing before the first and after the last one."""

    @abstractmethod
    def init(self, summary: Summary, *, key: Key) -> AbstractModel:
        """The untrained model for data with this summary."""

    @abstractmethod
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: Any = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Learn from data.

        The methods of this library also take ``seed=``, a whole number, in place of ``key=``, and
        ``callback=``: an object with ``log(row, step)``, a function of (row, step), a
        `noneq.callbacks.Preview`, or a list of these.

        Args:
            data: snapshots or trajectories; a method says which it needs.
            key: typed random key.
            init: start from this model instead of a fresh one.
            progress: None shows a bar on a terminal and in notebooks, False nothing; or a function,
                called at the end of every chunk.
            checkpoint: folder of the training state; a state found there is resumed.
        """


def check_coordinates(method: AbstractMethod, data: Any) -> None:
    """Refuse periodic or transformed coordinates, unless the method is made for them.

    Raises:
        InvalidInput: naming the methods that are.
    """
    known = isinstance(data, Snapshots | Trajectories | LazyEnsemble)
    if known and data.transform:
        name = type(method).__name__
        if not type(method).takes_transform:
            raise InvalidInput(
                f"{name} knows no transform; use a denoising method, FlowMatching, FFJORD or FlowPP, or "
                "transform the numbers themselves."
            )
        if vars(method).get("dequantise"):
            raise InvalidInput(
                f"{name}: dequantise fills gaps of one width, which a transform makes unequal; leave "
                "one of them out."
            )
    domain = data.domain if known else Free()
    if is_periodic(domain) and not type(method).takes_torus:
        name = type(method).__name__
        raise InvalidInput(
            f"{name}: the data's domain is {type(domain).__name__} with periodic coordinates, which "
            f"{name} takes for numbers on a line; use ScoreMatching, EDM, FlowMatching or Transition."
        )


def refuse_lazy(method: AbstractMethod, data: Any) -> None:
    """Refuse data that stay in their file, unless the method learns from a few chunks at a time.

    Raises:
        InvalidInput: naming methods that do.
    """
    if isinstance(data, LazyEnsemble) and not type(method).takes_lazy:
        raise InvalidInput(
            f"{type(method).__name__} needs all data in memory; read them without lazy (command line: "
            "leave out --lazy), or use a method of single states such as ScoreMatching or EDM, a "
            "bridge such as SF2M, or DriftRegression."
        )


def check_init(
    method: AbstractMethod,
    init: Any,
    summary: Summary,
    part: Callable[[Any], PyTree] = lambda model: (),
) -> None:
    """Refuse to start from what is no model of the method for such data; None is a fresh one.

    Args:
        part: what is learnt of a model, whose arrays must have the sizes of a fresh one.

    Raises:
        WrongType: it is no model that the method makes.
        InvalidInput: its states or its learnt arrays are of another size.
    """
    if init is None:
        return
    fresh, name = eqx.filter_eval_shape(method.init, summary, key=jax.random.key(0)), type(method)
    if not isinstance(init, type(fresh)):
        raise WrongType(
            f"{name.__name__}.fit: init = {shown(init)}; expected a {type(fresh).__name__}, such as "
            f"the model of an earlier fit of {name.__name__}, or none."
        )
    sizes = lambda model: [np.shape(leaf) for leaf in jax.tree.leaves(part(model))]
    if init.event_shape != fresh.event_shape or sizes(init) != sizes(fresh):
        raise InvalidInput(
            f"{name.__name__}.fit: init is a model of states {init.event_shape} or of a network of "
            f"another size; expected one of states {fresh.event_shape} with the method's network."
        )


def as_data(data: Any) -> Snapshots | Trajectories:
    """Data of either kind; a plain array ``(n, *event_shape)`` is a single snapshot."""
    return data if isinstance(data, Snapshots | Trajectories) else as_snapshots(data)
