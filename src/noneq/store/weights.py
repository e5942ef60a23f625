"""A model as named arrays, and back: only arrays are stored, the rest is rebuilt by ``init``."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load, save

from noneq.data.summary import Summary
from noneq.errors import DataFileError, InvalidInput, NoneqError


def to_bytes(model: Any, method: Any, summary: Summary, given: Mapping[str, Any]) -> bytes:
    """The model's arrays as a safetensors file.

    Args:
        given: models that ``method.init`` takes, or their outlines.

    Raises:
        InvalidInput: a leaf that ``method.init(summary)`` does not rebuild, so that it would
            be lost.
    """
    leaves, rebuilt = _leaves(model), _leaves(_template(method, summary, given))
    for name in sorted(leaves.keys() | rebuilt.keys()):
        ours, theirs = leaves.get(name), rebuilt.get(name)
        if not _matches(ours, theirs):
            raise InvalidInput(
                f"{type(method).__name__}: init does not rebuild the model's leaf {name} "
                f"({_say(theirs)} for {_say(ours)}), so the model cannot be saved."
            )
    arrays = {name: leaf for name, leaf in leaves.items() if _is_array(leaf)}
    # Safetensors writes raw memory: the order must be C (np.ascontiguousarray lifts scalars).
    return save({name: np.array(arrays[name], order="C") for name in sorted(arrays)})


def from_bytes(blob: bytes, method: Any, summary: Summary, given: Mapping[str, Any]) -> Any:
    """The model that ``method.init(summary)`` describes, filled from a safetensors file.

    Raises:
        DataFileError: no safetensors, or arrays of other names, shapes or types.
    """
    try:
        tensors = load(blob)
    except Exception as error:  # whatever the parser throws means one thing here
        raise DataFileError(f"model.safetensors cannot be parsed: {error}.") from error
    try:
        template = _template(method, summary, given)
    except NoneqError:
        raise
    except Exception as error:  # a summary that no network can be built for
        raise DataFileError(
            f"spec.toml and meta.json describe no model ({' '.join(str(error).split())[:80]})."
        ) from error
    wanted = {name for name, leaf in _leaves(template).items() if _is_array(leaf)}
    if wanted != tensors.keys():
        odd = sorted(wanted ^ tensors.keys())[0]
        fault = "lacks" if odd in wanted else "has an unknown"
        raise DataFileError(f"model.safetensors {fault} array {odd}; it does not fit spec.toml.")

    def take(path: Any, leaf: Any) -> Any:
        if not _is_array(leaf):
            return leaf
        tensor = tensors[jax.tree_util.keystr(path)]
        if not _matches(tensor, leaf):
            raise DataFileError(
                f"model.safetensors: {jax.tree_util.keystr(path)} is {_say(tensor)}, "
                f"spec.toml asks for {_say(leaf)}."
            )
        return jnp.asarray(tensor)

    return jax.tree.map_with_path(take, template)


def count_parameters(method: Any, summary: Summary, given: Mapping[str, Any]) -> int:
    """Numbers in the arrays of the model that the method would build around given models."""
    leaves = _leaves(_template(method, summary, given)).values()
    return sum(int(np.prod(leaf.shape)) for leaf in leaves if _is_array(leaf))


def _template(method: Any, summary: Summary, given: Mapping[str, Any]) -> Any:
    return eqx.filter_eval_shape(method.init, summary, key=jax.random.key(0), **given)


def _leaves(tree: Any) -> dict[str, Any]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree.leaves_with_path(tree)}


def _matches(ours: Any, theirs: Any) -> bool:
    if _is_array(ours) and _is_array(theirs):
        return tuple(ours.shape) == tuple(theirs.shape) and ours.dtype == theirs.dtype
    if _is_array(ours) or _is_array(theirs):
        return False
    return ours is theirs or bool(ours == theirs)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | jax.ShapeDtypeStruct)


def _say(leaf: Any) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}" if _is_array(leaf) else repr(leaf)
