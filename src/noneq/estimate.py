"""A stochastic quantity with its standard error."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from noneq.display import Card, Section, number
from noneq.errors import InvalidInput


_MOST_ROWS = 1000


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """A value measured from samples, its standard error, and what to compare it with.

    Args:
        value: the estimate; a scalar or one number per time, shape ``(*batch,)``.
        stderr: one standard error, same shape as ``value``.
        n: number of independent samples behind it (scalar or same shape).
        times: physical times of the entries, if there is one per time.
        floor: what the same metric gives between two independent samples of the truth of
            the compared sizes; None for a quantity that is no distance. That of an unbiased
            statistic (`mmd`, `energy_distance`) has the mean 0 and may be negative.
        floor_kind: ``"truth"`` (a second independent truth sample) or ``"halves"``
            (two disjoint halves of the reference, hence of smaller samples; with few samples
            as many and the rest).
        floor_stderr: standard error of ``floor``, same shape.
        method: the estimator, by its name in the call that made it; empty if there is one only.
        bias: what the estimator took off its raw value, same shape; None without a correction.
        limit: the value extrapolated to recording interval 0, same shape; None if that was not
            done. ``value`` stays what the data's own interval shows.
        limit_stderr: standard error of ``limit``, same shape; None if it is not known.
        notes: what was assumed, corrected or left out, a sentence each.
        bound: ``"lower"`` or ``"upper"`` when the expectation is a bound, else ``"none"``.
        unit: unit of ``value`` as text, empty if dimensionless.
    """

    value: np.ndarray
    stderr: np.ndarray
    n: np.ndarray
    times: np.ndarray | None = None
    floor: np.ndarray | None = None
    floor_kind: Literal["truth", "halves"] | None = None
    bound: Literal["none", "lower", "upper"] = "none"
    unit: str = ""
    floor_stderr: np.ndarray | None = None
    method: str = ""
    bias: np.ndarray | None = None
    limit: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    limit_stderr: np.ndarray | None = None

    def __post_init__(self) -> None:
        value = np.asarray(self.value, dtype=np.float64)
        object.__setattr__(self, "value", value)
        for name in ("stderr", "n", "floor", "floor_stderr", "bias", "limit", "limit_stderr"):
            raw = getattr(self, name)
            if raw is None:
                continue
            try:
                array = np.broadcast_to(np.asarray(raw, dtype=np.float64), value.shape)
            except ValueError as error:
                raise InvalidInput(
                    f"Estimate: {name} has shape {np.shape(raw)}, value {value.shape}; "
                    "give one number, or one per value."
                ) from error
            object.__setattr__(self, name, array)
        if self.times is not None:
            times = np.asarray(self.times, dtype=np.float64)
            if times.shape != value.shape[:1]:
                raise InvalidInput(
                    f"Estimate: {times.shape[0] if times.ndim else 0} times for values of "
                    f"shape {value.shape}; give one time per entry of the first axis."
                )
            object.__setattr__(self, "times", times)

    def __getitem__(self, index: Any) -> "Estimate":
        """Select entries (the same index on every array)."""
        pick = lambda a: None if a is None else np.asarray(a[index])
        return replace(
            self,
            value=pick(self.value),
            stderr=pick(self.stderr),
            n=pick(self.n),
            times=pick(self.times) if np.ndim(self.value[index]) else None,
            floor=pick(self.floor),
            floor_stderr=pick(self.floor_stderr),
            bias=pick(self.bias),
            limit=pick(self.limit),
            limit_stderr=pick(self.limit_stderr),
        )

    def where(self, keep: Callable[[np.ndarray], np.ndarray]) -> "Estimate":
        """Keep the times for which ``keep(times)`` is true.

        Raises:
            InvalidInput: no times, or none is kept.
        """
        if self.times is None:
            raise InvalidInput("Estimate.where: this estimate has no times to choose from.")
        mask = np.asarray(keep(self.times), dtype=bool)
        if not mask.any():
            raise InvalidInput("Estimate.where: no time fulfils the condition; widen it.")
        return self[mask]

    def mean(self) -> "Estimate":
        """Average over the entries, taken as independent: stderr = sqrt(sum se²)/count."""
        count = self.value.size
        combined = lambda a: None if a is None else np.asarray(np.sqrt(np.sum(a**2)) / count)
        return replace(
            self,
            value=np.asarray(self.value.mean()),
            stderr=combined(self.stderr),
            n=np.asarray(np.sum(self.n)),
            times=None,
            floor=None if self.floor is None else np.asarray(self.floor.mean()),
            floor_stderr=combined(self.floor_stderr),
            bias=None if self.bias is None else np.asarray(self.bias.mean()),
            limit=None if self.limit is None else np.asarray(self.limit.mean()),
            limit_stderr=combined(self.limit_stderr),
        )

    def z(self, truth: Any) -> np.ndarray:
        """Distance to a known truth in standard errors, (value − truth)/stderr."""
        return np.asarray((self.value - np.asarray(truth, dtype=np.float64)) / self.stderr)

    def __str__(self) -> str:
        """Value ± error with unit, and the floor beside it."""
        if self.value.size > 1:
            span = f"{self.value.min():.4g}..{self.value.max():.4g}"
            return f"Estimate({self.value.size} values, {span}, mean {self.mean()})"
        if self.value.size == 0:
            return "Estimate(no values)"
        text = self._number(self.value.item(), self.stderr.item(), "")
        if self.floor is not None:
            text += f" (floor {self.floor.item():.4g}"
            text += ")" if self.floor_stderr is None else f" ± {self.floor_stderr.item():.2g})"
        return text

    def __format__(self, spec: str) -> str:
        """``f"{e:.2f}"`` is ``1.23 ± 0.04 um``: value and error in that format, and the unit.

        Several values are listed in brackets, of more than six the first and the last three.

        Raises:
            InvalidInput: a format that is none of numbers.
        """
        if not spec:
            return str(self)
        pairs = zip(self.value.ravel().tolist(), self.stderr.ravel().tolist(), strict=True)
        try:
            texts = [self._number(value, error, spec) for value, error in pairs]
        except ValueError as error:
            raise InvalidInput(
                f"Estimate: the format {spec!r} is none of numbers ({error}); write f'{{e:.2f}}'."
            ) from error
        if self.value.ndim == 0:
            return texts[0]
        if len(texts) > 6:
            texts = [*texts[:3], "…", *texts[-3:]]
        return f"[{', '.join(texts)}]"

    def _number(self, value: float, error: float, spec: str) -> str:
        """One value with its error; in four and two digits if no format is given."""
        sign = {"none": "", "lower": "≥ ", "upper": "≤ "}[self.bound]
        both = f"{value:{spec or '.4g'}} ± {error:{spec or '.2g'}}"
        return f"{sign}{both} {self.unit}".rstrip()

    def __repr__(self) -> str:
        """`str` with the number of samples."""
        return self._card().title

    def _repr_html_(self) -> str:
        """A line, and all values in a table that folds out, for notebooks."""
        return self._card().html()

    def _card(self) -> Card:
        text = str(self)
        least, most = (float(f(self.n)) for f in (np.min, np.max)) if self.n.size else (0.0, 0.0)
        count = f"n = {least:,.0f}" if least == most else f"n = {least:,.0f} to {most:,.0f}"
        inside = text.removeprefix("Estimate(").removesuffix(")") if self.value.size != 1 else text
        if self.value.size < 2:
            return Card(f"Estimate({inside}, {count})")
        times = None if self.times is None else self.times.tolist()
        rows = []
        for place in np.ndindex(self.value.shape):
            label = ", ".join(map(str, place)) if times is None else f"{times[place[0]]:g}"
            label += "" if times is None else "".join(f", {i}" for i in place[1:])
            pair = (number(float(self.value[place])), f"{self.stderr[place]:.2g}")
            floor = "" if self.floor is None else number(float(self.floor[place]))
            rows.append([label, *pair, floor])
            if len(rows) == _MOST_ROWS:
                break
        heading = (
            "entry" if times is None else "time",
            f"value {self.unit}".rstrip(),
            "±",
            "floor",
        )
        shown = len(rows)
        title = "Values" if shown == self.value.size else f"The first {shown} values"
        return Card(f"Estimate({inside}, {count})", (), [Section(title, heading, rows)])


def sample_mean(values: Any, **fields: Any) -> Estimate:
    """Mean over the first axis with its standard error std/sqrt(n).

    Args:
        values: independent samples, shape ``(n, *batch)``.
        fields: further fields of `Estimate`.

    Raises:
        InvalidInput: fewer than two samples.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0 or array.shape[0] < 2:
        raise InvalidInput(f"A standard error needs at least 2 samples, got shape {array.shape}.")
    n = array.shape[0]
    mean, stderr = array.mean(0), array.std(0, ddof=1) / np.sqrt(n)
    return Estimate(np.asarray(mean), np.asarray(stderr), np.asarray(n), **fields)


def log_average(logs: np.ndarray, counts: np.ndarray | float = 1.0) -> np.ndarray:
    """ln of (1/n) Σ counts e^logs over the last axis of n; terms of count 0 are left out.

    Args:
        logs: ``(*batch, n)``, −∞ for a term that is zero.
        counts: how often each was drawn, broadcast against ``logs``.
    """
    drawn = np.where(np.asarray(counts) > 0, logs, -np.inf)
    highest = drawn.max(-1, keepdims=True)
    shift = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(counts * np.exp(drawn - shift), -1) / logs.shape[-1])
    return np.asarray(total + shift[..., 0])
