"""Where states live: free space, boxes, tori, and regions of any shape."""

from noneq.domains.base import (
    AbstractDomain as AbstractDomain,
    Box as Box,
    Free as Free,
    Torus as Torus,
)
from noneq.domains.region import (
    AbstractSignedDistance as AbstractSignedDistance,
    Ball as Ball,
    Region as Region,
)
