"""The records of a population of paths, and how one path takes over the beginning of another."""

from dataclasses import dataclass, field

import numpy as np

from noneq.inference.rare.populations.climbs import Points, Records


_FIRST = 32


@dataclass
class Ladders:
    """Records of m paths, each row filled from the left.

    Attributes:
        points: fields of shape (m, room, …); ``room`` grows as needed.
        count: records of each path, (m,).
    """

    points: Points
    count: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def at(cls, starts: Points) -> "Ladders":
        """Each path with its start as the only record."""
        wide = [np.repeat(part[:, None], _FIRST, axis=1) for part in vars(starts).values()]
        return cls(Points(*wide), np.ones(len(starts), np.int64))

    @property
    def best(self) -> np.ndarray:
        """Highest score of each path, infinite for those at the target."""
        return self.points.score[np.arange(len(self.count)), self.count - 1]

    @property
    def last(self) -> Points:
        """The last record of each path."""
        return self.points[np.arange(len(self.count)), self.count - 1]

    def take(self, child: np.ndarray, parent: np.ndarray, level: np.ndarray) -> None:
        """Rows ``child`` become copies of ``parent`` up to the first record above ``level``."""
        above = self.points.score[parent] > level[:, None]
        above &= np.arange(above.shape[1])[None] < self.count[parent, None]
        for part in vars(self.points).values():
            part[child] = part[parent]
        self.count[child] = above.argmax(1) + 1

    def extend(self, rows: np.ndarray, records: Records) -> None:
        """Add records; ``records.row`` counts within ``rows`` and comes in order."""
        if not len(records.row):
            return
        added = np.bincount(records.row, minlength=len(rows))
        self._grow(int((self.count[rows] + added).max()))
        first = np.concatenate([[0], np.cumsum(added)[:-1]])
        place = self.count[rows][records.row] + np.arange(len(records.row)) - first[records.row]
        where = rows[records.row], place
        for part, new in zip(
            vars(self.points).values(), vars(records.points).values(), strict=True
        ):
            part[where] = new
        self.count[rows] += added

    def _grow(self, room: int) -> None:
        now = self.points.step.shape[1]
        if room <= now:
            return
        more = max(room, 2 * now) - now
        wide = [
            np.concatenate([p, np.repeat(p[:, :1], more, 1)], 1) for p in vars(self.points).values()
        ]
        self.points = Points(*wide)
