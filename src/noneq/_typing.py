"""The few array aliases used everywhere."""

from typing import Annotated, Any, TypeAlias

import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Shaped


Key: TypeAlias = PRNGKeyArray
State: TypeAlias = Float[Array, "*event"]
"""One state of the system, without a batch axis."""
Samples: TypeAlias = Float[Array, "n *event"]
Scalar: TypeAlias = Float[Array, ""]
ScalarLike: TypeAlias = float | int | np.number | Shaped[Array, ""] | Shaped[np.ndarray, ""]
Host: TypeAlias = np.ndarray
"""An array that lives on the host (data as read, estimates)."""
Numbers: TypeAlias = Annotated[Any, "numbers"]
"""Anything that NumPy reads as an array of real numbers; `noneq.kinds` refuses the rest."""
