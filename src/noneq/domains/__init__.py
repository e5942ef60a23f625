"""Where states live: free space, boxes, tori, regions of any shape, discrete levels."""

from noneq.domains.base import (
    AbstractDomain as AbstractDomain,
    Box as Box,
    Free as Free,
    Torus as Torus,
)
from noneq.domains.discrete import Discrete as Discrete
from noneq.domains.periods import is_periodic as is_periodic, periods_of as periods_of
from noneq.domains.product import Product as Product
from noneq.domains.region import (
    AbstractSignedDistance as AbstractSignedDistance,
    Ball as Ball,
    Region as Region,
)
