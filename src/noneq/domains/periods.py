"""Which coordinates of a state are periodic, and with what period."""

import numpy as np

from noneq.domains.base import AbstractDomain, Torus
from noneq.domains.product import Product
from noneq.kinds import checked


@checked
def periods_of(domain: AbstractDomain, event_shape: tuple[int, ...]) -> np.ndarray:
    """Period of every number of a state ``(*event_shape)``, in the data's unit; 0 for none."""
    if isinstance(domain, Torus):
        return np.broadcast_to(np.asarray(domain.period, float), event_shape)
    if isinstance(domain, Product):
        shapes = [(*event_shape[:-1], size) for size in domain.sizes]
        pairs = zip(domain.parts, shapes, strict=True)
        return np.concatenate([periods_of(part, shape) for part, shape in pairs], axis=-1)
    return np.zeros(event_shape)


@checked
def is_periodic(domain: AbstractDomain) -> bool:
    """Whether some coordinate is periodic."""
    if isinstance(domain, Product):
        return any(is_periodic(part) for part in domain.parts)
    return isinstance(domain, Torus)
