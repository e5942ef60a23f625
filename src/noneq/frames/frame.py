"""The user's states, times and conditions around a model of normalised vectors."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.data.conditions import encoded, listed
from noneq.data.ensembles import Snapshots
from noneq.data.summary import Summary
from noneq.devices import here
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput, WrongType
from noneq.frames.checks import check_count, check_solved, check_time, warn_outside
from noneq.frames.draws import drawn, drawn_at
from noneq.frames.normaliser import Normaliser
from noneq.frames.origins import HasFrame, about_origin, warn_rounded
from noneq.kinds import checked
from noneq.traced import words
from noneq.traits import AbstractModel


class Asked(eqx.Module):
    """What a model expects as ``condition=``.

    Args:
        levels: for each column the categories known, ``()`` for a quantity.
        optional: whether it was trained with conditions left out at random, so that None (or
            NaN in a column) asks for the law without that condition.
        low, high: least and largest training value of each column; empty where unknown.
        names, categories: of the columns and their categories, where they have names.
    """

    levels: tuple[tuple[int, ...], ...] = eqx.field(static=True, default=())
    optional: bool = eqx.field(static=True, default=False)
    low: tuple[ScalarLike, ...] = ()
    high: tuple[ScalarLike, ...] = ()
    names: tuple[str, ...] = eqx.field(static=True, default=())
    categories: tuple[tuple[str, ...], ...] = eqx.field(static=True, default=())

    def check(self, condition: Any, n: int | None = None) -> Array | None:
        """The condition as ``(k,)`` shared or ``(n, k)`` one each; None if there is none.

        A quantity outside its range in the training data gives the warning `OutsideTraining`.

        Raises:
            InvalidInput: missing, unexpected, of another shape, an unknown category, or a quantity
                over a million times its training range away.
            WrongType: no numbers.
        """
        k = len(self.levels)
        if k == 0:
            if condition is not None:
                raise InvalidInput("this model was fitted without conditions; leave condition out.")
            return None
        if self.categories and not isinstance(condition, Tracer | None) and _has_text(condition):
            condition = encoded(condition, self.categories, self.names)
        if condition is None:
            if self.optional:
                return jnp.full(k, jnp.nan)
            raise InvalidInput(
                f"this model needs condition=, {k} number(s){self._known()} (command line: "
                "--condition, or --condition-column where the conditions come with data)."
            )
        if not isinstance(condition, Tracer) and np.asarray(condition).dtype.kind not in "iufb":
            raise WrongType(
                f"condition = {condition!r}; expected {k} number(s), a category by its number."
            )
        array = jnp.atleast_1d(jnp.asarray(condition, dtype=float))
        if array.shape not in ((k,), (n, k)):
            each = f" or ({n}, {k})" if n else ""
            raise InvalidInput(f"condition has shape {array.shape}; expected ({k},){each}.")
        if not isinstance(array, Tracer):
            self._check_values(np.asarray(array).reshape(-1, k))
        return array

    def _named(self, column: int, number: Any) -> str:
        """A category as the user calls it."""
        code = float(number)
        own = self.categories[column] if self.categories else ()
        return own[int(code)] if code % 1 == 0 and 0 <= code < len(own) else f"{code:g}"

    def _column(self, place: int) -> str:
        """A column as the user calls it."""
        return f"condition {self.names[place]}" if self.names else f"condition (column {place})"

    def _known(self) -> str:
        """What the columns are, for a message."""
        k = len(self.levels)
        own = [
            self.categories[i]
            if any(self.categories) and self.categories[i]
            else [*map(str, codes)]
            for i, codes in enumerate(self.levels)
        ]
        names = self.names or [f"column {i}" for i in range(k)] * any(own)
        text = [f"{n} ({listed(o)})" if o else n for n, o in zip(names, own, strict=False)]
        return f", {', '.join(text)}" if text else ""

    def _check_values(self, rows: np.ndarray) -> None:
        missing = np.isnan(rows)
        if np.isinf(rows).any() or (missing.any() and not self.optional):
            raise InvalidInput(
                "condition holds NaN or infinity; only models fitted with drop_condition > 0 can "
                "leave a condition open (NaN)."
            )
        for i, levels in enumerate(self.levels):
            strange = ~np.isin(rows[:, i], levels) & ~missing[:, i]
            if levels and strange.any():
                raise InvalidInput(
                    f"{self._named(i, rows[strange, i][0])} is no category of {self._column(i)} in the "
                    f"training data; known: {listed([self._named(i, k) for k in levels])}."
                )
            if self.low and not levels and not isinstance(self.low[i], Tracer):
                warn_outside(self._column(i), rows[:, i], self.low[i], self.high[i], 5)


def _has_text(condition: Any) -> bool:
    return np.asarray(condition).dtype.kind in "USO"


class Frame(eqx.Module):
    """What a model knows of the user's data: units, shapes, domain, times, conditions.

    Args:
        normaliser: y = (x − shift)/scale.
        domain: where states live.
        asked: conditions that the model takes.
        times: of the training data.
        labels: names, units and time unit.
    """

    normaliser: Normaliser
    domain: AbstractDomain
    asked: Asked
    event_shape: tuple[int, ...] = eqx.field(static=True)
    times: tuple[float, ...]
    labels: tuple[tuple[str, ...], tuple[str, ...], str] = words()

    def __init__(self, summary: Summary, *, optional: bool = False):
        self.normaliser = Normaliser(summary)
        self.domain = summary.domain
        ranges = summary.condition_low, summary.condition_high
        known = summary.condition_names, summary.categories
        self.asked = Asked(summary.condition_levels, optional, *ranges, *known)
        self.event_shape = summary.event_shape
        self.times = summary.times
        self.labels = (summary.names, summary.units, summary.time_unit)

    @property
    def dim(self) -> int:
        """Numbers in one state."""
        return self.normaliser.dim

    def enter(
        self, x: Any, time: ScalarLike | None, condition: Any
    ) -> tuple[Float[Array, " dim"], Any, Any]:
        """A state in normalised coordinates, with its checked time and condition.

        A state of NumPy in double precision is centred on the host; one that a transformation such
        as `jax.vmap` brings has the precision of single numbers, which is said where it matters.

        Raises:
            InvalidInput: another event shape, or what the checks of time and condition refuse.
        """
        if jnp.shape(x) != self.event_shape:
            raise InvalidInput(
                f"the state has shape {jnp.shape(x)}; expected one state of shape "
                f"{self.event_shape}. Use jax.vmap for many."
            )
        if self.normaliser.origin and not isinstance(x, jax.Array):
            y = jnp.asarray(self.normaliser.host(np.asarray(x)[None])[0])
        else:
            y = self.normaliser.forward(jnp.asarray(x))
            self.warn_rounded("states given to a model")
        return y, check_time(time, self.times), self.asked.check(condition)

    def batch(self, x: Any) -> tuple[Float[Array, "n *event"], bool]:
        """States as a batch, and whether there was only one.

        Raises:
            InvalidInput: another event shape.
        """
        array = jnp.asarray(x, dtype=float)
        self.warn_rounded("states given to a model")
        if array.shape == self.event_shape:
            return array[None], True
        if array.shape[1:] != self.event_shape or array.ndim == 0 or len(array) == 0:
            raise InvalidInput(
                f"states have shape {array.shape}; expected {self.event_shape} or "
                f"(n, *{self.event_shape})."
            )
        return array, False

    def warn_rounded(self, what: str) -> None:
        """Warn where single precision is too coarse for such states (see `noneq.frames.origins`)."""
        scale = self.normaliser.scale.value
        # Under a transformation the origin may be traced; then it was warned before.
        if self.normaliser.origin and not isinstance(self.normaliser.origin[0], Tracer):
            warn_rounded(self.normaliser.origin_state, scale, what, stacklevel=5)

    def described(self) -> dict[str, Any]:
        """Names, units, time unit and domain, as `Snapshots` take them."""
        names, units, time_unit = self.labels
        return {"names": names, "units": units, "time_unit": time_unit, "domain": self.domain}


class AbstractLaw(AbstractModel, HasFrame):
    """A model of p(x, t) that is made of a law of normalised vectors and a `Frame`."""

    frame: eqx.AbstractVar[Frame]

    @abstractmethod
    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        """n normalised vectors; time and condition are checked already (traced, under jit)."""

    @property
    def event_shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Shape of one state."""
        return self.frame.event_shape

    @property
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where states live."""
        return self.frame.domain

    @checked
    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        check_count(n)
        time = check_time(time, self.frame.times)
        condition = self.frame.asked.check(condition, int(n))
        self.frame.warn_rounded("samples")
        return check_solved(
            here(drawn(self, int(n), time, condition, key)), time=time, times=self.frame.times
        )

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        check_count(n)
        times = np.atleast_1d(np.asarray(times, dtype=np.float64))
        inner, origin = about_origin(self)
        frames = drawn_at(inner, int(n), times, condition, key)
        if origin is not None:
            frames = [origin + frame.astype(np.float64) for frame in frames]
        return Snapshots.from_frames(frames, times, **self.frame.described())
