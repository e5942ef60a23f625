"""Markov chains counted from observed sequences of states."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from noneq.data.checks import host_array
from noneq.data.ensembles import Trajectories
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.needs import observable


_MOST = 2**14
"""States of a chain: its matrix of doubles then takes 2 GB."""


@observable("values", number=False)
def count_matrix(states: Any, *, size: int | None = None) -> Int[np.ndarray, "states states"]:
    """Transitions n[i, j] from i to j seen in one or many sequences.

    Args:
        states: whole numbers from 0: one sequence ``(T,)``, several ``(n, T)``, a list of sequences
            of any lengths, or `Trajectories` on a `Discrete` domain (gaps in them are not bridged;
            several coordinates together are one state, numbered in their order).
        size: number of states; None takes the largest seen plus one.

    Raises:
        InvalidInput: no whole numbers, negative ones, more than ``size``, or no transition.
    """
    start, end = transitions(states)
    count = 1 + int(max(start.max(), end.max()))
    if size is not None and size < count:
        raise InvalidInput(f"states: state {count - 1} was seen, but size = {size}; raise it.")
    if (size or count) > _MOST:
        raise InvalidInput(f"{size or count} states; a matrix of them has at most {_MOST}.")
    counts = np.zeros((size or count,) * 2, np.int64)
    np.add.at(counts, (start, end), 1)
    return counts


@observable("values", number=False)
def transition_matrix_from(
    states: Any, *, size: int | None = None
) -> Float[np.ndarray, "states states"]:
    """The likeliest transition matrix of observed sequences, T_ij = n_ij/Σ_k n_ik.

    Finite data bias what is computed from it: entropy production comes out too large by about
    (loops of the graph)/(number of transitions), and infinite where a rare transition was seen one
    way only. `detailed_balance_test` says whether it differs from zero.

    Args:
        states, size: as `count_matrix`.

    Raises:
        InvalidInput: as `count_matrix`, or a state that was never left.
    """
    counts = count_matrix(states, size=size)
    leaving = counts.sum(1)
    if not leaving.all():
        never = np.flatnonzero(leaving == 0)
        raise InvalidInput(
            f"states: state {never[0]} (of {never.size} such) was never left, so its row is "
            "unknown; number only states that occur before the end of a sequence."
        )
    return counts / leaving[:, None]


def transitions(states: Any) -> tuple[np.ndarray, np.ndarray]:
    """First and second states of all transitions, sequence after sequence, in order of time.

    Raises:
        InvalidInput: as `count_matrix`.
    """
    paths = sequences(states)
    start = np.concatenate([path[:-1] for path in paths]) if paths else np.zeros(0, int)
    end = np.concatenate([path[1:] for path in paths]) if paths else np.zeros(0, int)
    seen = (start >= 0) & (end >= 0)
    if not seen.any():
        raise InvalidInput("states: no transition; give a sequence of at least two states.")
    return start[seen], end[seen]


def sequences(states: Any) -> list[np.ndarray]:
    """Sequences of whole numbers, with −1 at the gaps of trajectories.

    Raises:
        InvalidInput: as `count_matrix`.
    """
    gaps = isinstance(states, Trajectories)
    return [_checked(path, -1 if gaps else 0) for path in _given(states)]


def joint_states(trajectories: Trajectories, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers ``(n, T)`` of states of whole numbers, −1 at gaps, and the states ``(states, dim)``.

    Args:
        trajectories: whose coordinates together are one state.
        what: the caller, for messages.

    Raises:
        InvalidInput: values that are not whole, or states that hardly ever come back.
    """
    flat = trajectories.values.reshape(*trajectories.values.shape[:2], -1)
    rows = flat[trajectories.observed]
    if not np.array_equal(rows, np.round(rows)):
        raise InvalidInput(
            f"{what}: the values are no whole numbers; expected states that are counted (give "
            "continuous data to another method, or bin them first)."
        )
    names, number = np.unique(rows, axis=0, return_inverse=True)
    if len(names) > len(rows) // 2:
        raise InvalidInput(
            f"{what}: {len(names)} different states in {len(rows)} records; expected states that "
            "come back. Keep fewer coordinates (components) or lump states."
        )
    whole = np.full(flat.shape[:2], -1)
    whole[trajectories.observed] = number.reshape(-1)
    return whole, names


def _given(states: Any) -> list[Any]:
    if isinstance(states, Trajectories):
        domain = states.domain
        if not isinstance(domain, Discrete):
            raise InvalidInput(
                f"states: trajectories on {domain}; expected a Discrete domain, such as "
                "domain=Discrete(3) for the states 0, 1 and 2."
            )
        if int(np.prod(states.event_shape)) != 1:
            return list(joint_states(states, "states")[0])
        flat = jnp.asarray(states.values.reshape(states.values.shape[:2]))
        # A gap is marked by −1 and left out with the transitions on both sides.
        return list(np.where(states.observed, np.asarray(domain.index(flat)), -1))
    if isinstance(states, list | tuple) and len(states) and np.ndim(states[0]) > 0:
        return list(states)
    array = host_array(states, "states")
    if array.ndim not in (1, 2):
        raise InvalidInput(
            f"states: shape {array.shape}; expected (T,) or (n, T), or a list of sequences."
        )
    return list(array) if array.ndim == 2 else [array]


def _checked(path: Any, lowest: int) -> np.ndarray:
    array = host_array(path, "states")
    whole = array.dtype.kind in "iub" or (
        array.dtype.kind == "f" and bool((np.isfinite(array) & (array == np.round(array))).all())
    )
    if array.ndim != 1 or not whole:
        raise InvalidInput(
            f"states: a sequence of {array.dtype} with shape {array.shape}; expected whole numbers "
            "from 0, (T,)."
        )
    if array.size and array.min() < lowest:
        raise InvalidInput(f"states: {array.min()} is negative; number states from 0.")
    return array.astype(np.int64)
