"""Devices and processes that compute one thing together: one axis, shared along the leading one.

Every process (rank) holds all data and takes every step, on its share of each batch; what comes out
is the same in all of them, and rank 0 alone writes files. Host and program agree on that here.
"""

import hashlib
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

from noneq.errors import InvalidInput


_AXIS = "devices"


def ranks() -> int:
    """Processes that compute together; 1 alone."""
    return jax.process_count()


def rank() -> int:
    """Number of this process; 0 writes the files."""
    return jax.process_index()


def check_batch(size: int) -> None:
    """Refuse a batch that several processes cannot share evenly.

    Raises:
        InvalidInput: naming the next size that they can.
    """
    count = jax.device_count()
    if ranks() > 1 and size % count:
        raise InvalidInput(
            f"training.batch = {size} does not divide by {count} devices; "
            f"take {math.ceil(size / count) * count}."
        )


def shared(tree: PyTree, size: int) -> PyTree:
    """Inside a program: arrays of ``size`` rows, shared by all devices if their number divides it."""
    count = jax.device_count()
    if count == 1 or size % count:
        return tree
    mesh = jax.make_mesh((count,), (_AXIS,), axis_types=(AxisType.Auto,))
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec(_AXIS)))


def by_all(states: Array, axis: int = 0) -> Array:
    """Inside a program: an ensemble of which each device computes a part and then holds the whole.

    The members need not divide by the devices. Random numbers are those of one device, so that
    a member does not depend on who computes it.

    Args:
        states: what the program gives.
        axis: that of the members.
    """
    count = jax.device_count()
    if count == 1:
        return states
    mesh = jax.make_mesh((count,), (_AXIS,), axis_types=(AxisType.Auto,))
    for spec in (PartitionSpec(*[None] * axis, _AXIS), PartitionSpec()):
        states = jax.lax.with_sharding_constraint(states, NamedSharding(mesh, spec))
    return states


def spread(states: np.ndarray) -> Array:
    """Particles shared evenly by as many of this process's devices as divide them."""
    count = math.gcd(states.shape[0], jax.local_device_count())
    if count == 1:
        return jnp.asarray(states)
    mesh = Mesh(np.asarray(jax.local_devices()[:count]), (_AXIS,))
    return jax.device_put(states, NamedSharding(mesh, PartitionSpec(_AXIS)))


def everywhere(tree: PyTree) -> PyTree:
    """Arrays that every process has as one array that all devices hold."""
    if ranks() == 1:
        return jax.tree.map(jnp.asarray, tree)
    mesh = jax.make_mesh((jax.device_count(),), (_AXIS,), axis_types=(AxisType.Auto,))
    return jax.tree.map(
        lambda a: _unkeyed(lambda x: jax.device_put(x, NamedSharding(mesh, PartitionSpec())), a),
        tree,
    )


def here(tree: PyTree) -> PyTree:
    """Arrays that all devices hold as arrays of this process alone; all ranks call it together.

    Under a transformation they stay as they are.
    """
    if ranks() == 1 or any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree)):
        return tree
    return jax.tree.map(lambda a: _unkeyed(jnp.asarray, a), tree)


def any_of(flag: bool) -> bool:
    """Whether the flag is set in any process; all of them ask together."""
    return flag if ranks() == 1 else bool(_gathered(np.asarray([flag], np.uint8)).any())


def of_first(text: str) -> str:
    """What rank 0 says; all of them ask together."""
    if ranks() == 1:
        return text
    own = text.encode()
    length = int(_gathered(np.asarray([len(own)], np.int32))[0, 0])
    padded = np.zeros(length, np.uint8)
    padded[: len(own)] = np.frombuffer(own[:length], np.uint8)
    return _gathered(padded)[0].tobytes().decode()


def of_first_arrays(tree: PyTree) -> PyTree:
    """The arrays of rank 0, of the same shapes in all ranks."""
    if ranks() == 1:
        return tree
    from jax.experimental.multihost_utils import broadcast_one_to_all

    send = lambda x: jnp.asarray(np.asarray(broadcast_one_to_all(x)))
    return jax.tree.map(lambda a: _unkeyed(send, a), tree)


def check_same(parts: dict[str, str]) -> None:
    """Refuse to begin if ranks were given different things.

    Args:
        parts: what must be the same, by its name.

    Raises:
        InvalidInput: naming the first rank and part that differ.
    """
    if ranks() == 1:
        return
    for name, text in parts.items():
        digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
        other = (_gathered(digest) != digest[None]).any(axis=1)
        if other.any():
            which = int(np.flatnonzero(other)[0])
            raise InvalidInput(
                f"rank {which} was given other {name} than rank {rank()}; run the same command on "
                "the same files everywhere."
            )


def _gathered(array: np.ndarray) -> np.ndarray:
    """The arrays of all ranks, one a row."""
    from jax.experimental.multihost_utils import process_allgather

    return np.asarray(process_allgather(array)).reshape(ranks(), *array.shape)


def _unkeyed(function: Any, array: Any) -> Array:
    """The function of an array's numbers; random keys pass as theirs."""
    if isinstance(array, jax.Array) and jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
        numbers = np.asarray(jax.random.key_data(array))
        return jax.random.wrap_key_data(function(numbers), impl=jax.random.key_impl(array))
    return function(np.asarray(array))
