"""TrackMate's XML: the whole session (spots and edges of tracks), or exported tracks."""

from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from noneq.data.formats.columns import from_table
from noneq.data.formats.reader import AbstractReader
from noneq.data.layouts import Raw
from noneq.data.readings.options import Reading
from noneq.data.readings.roles import Column
from noneq.data.safety import check_file, refuse_bomb
from noneq.errors import DataFileError, InvalidInput


_PLACES = ("POSITION_X", "POSITION_Y", "POSITION_Z")


class TrackMateReader(AbstractReader):
    """Positions of spots in tracks; spots in no track are left out."""

    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """Elements and attributes alone: a document type, and with it entities, is refused."""
        check_file(path)
        refuse_bomb(path, path.stat().st_size, limit)
        found = _Found()
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = _refuse_entities
        parser.StartElementHandler = found.start
        try:
            with path.open("rb") as stream:
                parser.ParseFile(stream)
        except expat.ExpatError as error:
            raise DataFileError(f"{path} is no XML ({error}); restore it from a copy.") from error
        rows = found.rows()
        if not rows:
            raise InvalidInput(
                f"{path} has no tracks of TrackMate; save the session, or export tracks as XML or csv."
            )
        table = np.array(rows, float)
        names = [*_PLACES] if np.ptp(table[:, 4]) else [*_PLACES[:2]]
        columns = [
            Column("time", found.time_unit, table[:, 1]),
            Column("TRACK_ID", "", table[:, 0]),
            *(Column(n, found.unit, table[:, 2 + i]) for i, n in enumerate(names)),
        ]
        notes = [f"{found.free} spots in no track are left out"] if found.free else []
        return from_table(columns, {}, reading, notes)


class _Found:
    """Spots and tracks, as the parser meets them."""

    def __init__(self) -> None:
        self.unit = self.time_unit = ""
        self.free = 0
        self._spots: dict[str, dict[str, str]] = {}
        self._track = -1
        self._members: dict[str, int] = {}
        self._rows: list[tuple[float, ...]] = []
        self._interval = 1.0

    def start(self, tag: str, attrs: dict[str, str]) -> None:
        """An element begins."""
        if tag == "Model":
            self.unit, self.time_unit = attrs.get("spatialunits", ""), attrs.get("timeunits", "")
        elif tag == "Tracks":
            self.unit, self.time_unit = attrs.get("spaceUnits", ""), attrs.get("timeUnits", "")
            self._interval = float(attrs.get("frameInterval", 1.0))
        elif tag == "Spot":
            self._spots[attrs["ID"]] = attrs
        elif tag == "Track":
            self._track = int(attrs["TRACK_ID"])
        elif tag == "Edge":
            for end in ("SPOT_SOURCE_ID", "SPOT_TARGET_ID"):
                self._members[attrs[end]] = self._track
        elif tag == "particle":
            self._track += 1
        elif tag == "detection":
            time = float(attrs["t"]) * self._interval
            places = (float(attrs[name]) for name in ("x", "y", "z"))
            self._rows.append((float(self._track), time, *places))

    def rows(self) -> list[tuple[float, ...]]:
        """Track, time and place of every spot in a track."""
        self.free = len(self._spots.keys() - self._members.keys())
        known: list[tuple[float, ...]] = []
        for name, track in self._members.items():
            if name not in self._spots:
                raise DataFileError(
                    f"a track names spot {name}, which is not there; it is damaged."
                )
            spot = self._spots[name]
            time = spot.get("POSITION_T", spot.get("FRAME", "nan"))
            known.append(
                (float(track), float(time), *(float(spot.get(place, 0.0)) for place in _PLACES))
            )
        return self._rows + known


def _refuse_entities(*_: Any) -> None:
    raise DataFileError("its document type may define entities; refused as unsafe. Remove it.")
