"""What the tables of the position paper say of a method."""

from typing import NamedTuple


class Equations(NamedTuple):
    """A row of Table 2, with its sigma(t) written g.

    Attributes:
        group: the row's name.
        forward, backward: (drift, diffusion), where s is the score.
    """

    group: str
    forward: tuple[str, str]
    backward: tuple[str, str]


class Published(NamedTuple):
    """A row of Table 1: whether the method has a drift and a diffusion term.

    Attributes:
        name: the row's name.
        drift, diffusion: whether the row has a check mark.
        equations: the row of Table 2 that it belongs to, or None.

    Source: Liu et al. 2025, "Beyond Equilibrium", Tables 1 and 2.
    """

    name: str
    drift: bool
    diffusion: bool
    equations: Equations | None = None


DGM = Equations("DGM", ("0", "g"), ("−g² s/2", "g"))
"""The paper does not list the methods of this row; taken are those to which its Table 1 gives no
drift, as this row has none."""

FIELD = Equations("PFGM", ("n/a", "n/a"), ("E(x)", "~0"))
