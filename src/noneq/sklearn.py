"""The methods of this library as an estimator of scikit-learn (``pip install 'noneq[sklearn]'``).

>>> from noneq.sklearn import Density
>>> Density(nq.methods.EDM(), random_state=0).fit(X, times=t).sample(100, time=2.5)
"""

import inspect
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq.data.snapshots import Snapshots
from noneq.errors import InvalidInput, MissingTrait, WrongType
from noneq.kinds import shown
from noneq.learning.method import AbstractMethod
from noneq.learning.watching import watch
from noneq.methods import ScoreMatching
from noneq.spec import override
from noneq.traits import HasLogProb, HasLogProbEstimate


__all__ = ["Density"]

_BATCH = 512


class Density:
    """The distribution of rows of numbers, which may change over time.

    It clones, works in pipelines and in searches (``method__training__steps=2000`` sets a field of
    the method), and knows nothing of scikit-learn until it is fitted.

    Args:
        method: what to fit; None is `noneq.methods.ScoreMatching` with its defaults.
        random_state: a whole number, a ``numpy.random.RandomState``, or None for another result
            every time.
        progress: as in `AbstractMethod.fit`; False shows nothing.

    Attributes:
        fit_: the `Fit`, with model, history and settings.
        model_: the fitted model.
        n_features_in_: columns of X.
    """

    def __init__(
        self,
        method: Any = None,
        *,
        random_state: Any = None,
        progress: Any = False,
    ):
        self.method = method
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any = None, *, times: Any = None) -> "Density":
        """Learn the distribution.

        Args:
            X: ``(n, d)`` real numbers.
            y: taken for uniformity, not used.
            times: ``(n,)`` physical time of each row; None is one time.

        Raises:
            ValueError: what scikit-learn refuses of X, or what the method refuses.
        """
        from sklearn.utils.validation import check_random_state, validate_data

        values: Any = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        clock = _times(times, len(values))
        states = Snapshots(values) if clock is None else _timed(values, clock)
        method = ScoreMatching() if self.method is None else self.method
        if not isinstance(method, AbstractMethod):
            raise WrongType(f"Density: method = {shown(method)}; expected one of noneq.methods.")
        seed = check_random_state(self.random_state).randint(2**31)
        with watch(self.progress, None, type(method).__name__) as report:
            found = method.fit(states, key=jax.random.key(int(seed)), progress=report)
        self.fit_, self.model_ = found, found.model
        return self

    def score_samples(self, X: Any, *, times: Any = None) -> np.ndarray:
        """Log density of each row in nats, ``(n,)``; of a bound, the bound.

        Args:
            X: ``(n, d)``.
            times: ``(n,)`` or one number, for a fit at several times.

        Raises:
            MissingTrait: the model has no likelihood.
        """
        from sklearn.utils.validation import validate_data

        self._check_fitted()
        values: Any = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        clock = _times(times, len(values))
        model = self.model_
        if isinstance(model, HasLogProb):
            return _log_probs(model, values, clock)
        if isinstance(model, HasLogProbEstimate) and (clock is None or np.ptp(clock) == 0):
            time = None if clock is None else float(clock[0])
            return model.log_prob_estimate(values, time=time, key=jax.random.key(0)).value
        raise MissingTrait(
            f"score needs a model with the trait HasLogProb; {type(model).__name__} has none. "
            "`noneq list methods` shows which methods give it."
        )

    def score(self, X: Any, y: Any = None, *, times: Any = None) -> float:
        """Mean log density per row in nats: the larger the better."""
        return float(np.mean(self.score_samples(X, times=times)))

    def sample(
        self, n_samples: int = 1, *, time: float | None = None, random_state: Any = None
    ) -> np.ndarray:
        """Rows of the learnt distribution, ``(n_samples, d)``.

        Args:
            n_samples: how many.
            time: which, for a fit at several times.
            random_state: as in the class; None takes that of the estimator.
        """
        from sklearn.utils import check_random_state

        self._check_fitted()
        state = self.random_state if random_state is None else random_state
        key = jax.random.key(int(check_random_state(state).randint(2**31)))
        return np.asarray(self.model_.sample(n_samples, time=time, key=key))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments by name."""
        return {name: getattr(self, name) for name in _PARAMETERS}

    def set_params(self, **params: Any) -> "Density":
        """Set arguments, and fields of the method by ``method__net__width=64``.

        Raises:
            InvalidInput: an unknown name.
        """
        for name, value in params.items():
            head, _, path = name.partition("__")
            if head not in _PARAMETERS or (path and head != "method"):
                known = ", ".join(_PARAMETERS)
                raise InvalidInput(f"Density has no parameter {name!r}; known: {known}.")
            if path:
                start = ScoreMatching() if self.method is None else self.method
                value = override(start, {path.replace("__", "."): value})
            setattr(self, head, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator."""
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type="density_estimator",
            target_tags=TargetTags(required=False),
            input_tags=InputTags(),
            non_deterministic=False,
        )

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `fit` has been called."""
        return "model_" in vars(self)

    def __repr__(self) -> str:
        given = {n: v for n, v in self.get_params().items() if v != _PARAMETERS[n]}
        texts = [f"{n}={' '.join(repr(v).split())}" for n, v in given.items()]
        return f"Density({', '.join(texts)})"

    def _check_fitted(self) -> None:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)


_PARAMETERS = {
    name: parameter.default for name, parameter in inspect.signature(Density).parameters.items()
}


def _times(times: Any, n: int) -> np.ndarray | None:
    """One finite time for each row, or None."""
    if times is None:
        return None
    clock = np.asarray(times, np.float64)
    clock = np.full(n, clock) if clock.ndim == 0 else clock
    if clock.shape != (n,) or not np.isfinite(clock).all():
        raise InvalidInput(
            f"times has shape {clock.shape}; expected {n} finite numbers, one a row."
        )
    return clock


def _timed(values: np.ndarray, clock: np.ndarray) -> Snapshots:
    times, index = np.unique(clock, return_inverse=True)
    return Snapshots(values, times, index.astype(np.int32))


def _log_probs(model: HasLogProb, values: np.ndarray, clock: np.ndarray | None) -> np.ndarray:
    """Each row by itself, so that no other row matters."""
    rows = jnp.asarray(values, float)
    if clock is None:
        return np.asarray(_at_one(model, rows), np.float64)
    return np.asarray(_at_each(model, rows, jnp.asarray(clock, float)), np.float64)


@eqx.filter_jit
def _at_one(model: HasLogProb, rows: jax.Array) -> jax.Array:
    return jax.lax.map(model.log_prob, rows, batch_size=_BATCH)


@eqx.filter_jit
def _at_each(model: HasLogProb, rows: jax.Array, times: jax.Array) -> jax.Array:
    one = lambda pair: model.log_prob(pair[0], time=pair[1])
    return jax.lax.map(one, (rows, times), batch_size=_BATCH)


def __dir__() -> list[str]:
    return __all__
