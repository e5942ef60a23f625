"""parquet: numeric columns, and columns of labels as places in their dictionary."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from noneq.unpacking.memory import WORK, limit_memory, used_memory
from noneq.unpacking.pieces import (
    PIECE,
    Refused,
    Say,
    coded,
    is_asked,
    refuse_bomb,
    refuse_long,
    send,
)


_MOST_ROWS = 1 << 16
"""Rows that are read at once."""
_FOOTER, _GROUP = 64, 4
"""Memory that the library takes for a byte of the footer, and of a group of rows, unpacked."""


def read_parquet(path: str, limit: int, texts: Collection[str], say: Say) -> None:
    """Say the columns: numbers in floating point, those with a name in ``texts`` as they are.

    Other text is never unpacked: such a column is there by name, with no entries.

    Raises:
        Bomb: they take more than ``limit`` bytes.
        Refused: a row without a label, or labels that take too much.
        MemoryError: a page unpacks to far more than it claims.
    """
    from pyarrow import parquet

    used = used_memory()
    limit_memory(used + WORK + _FOOTER * _footer(path))
    with parquet.ParquetFile(path) as file:
        schema, metadata = file.schema_arrow, file.metadata
    groups = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
    refuse_bomb(max([8 * metadata.num_rows * len(schema), *groups]), limit)
    columns = [_column(field, metadata.num_rows, texts) for field in schema]
    attrs = {"rows": metadata.num_rows} | _attributes(schema.metadata or {})
    say({"attrs": attrs, "columns": columns})
    if len({*schema.names}) < len(columns):
        say({"labels": {}})
        return
    read = {c["name"]: (i, c["dtype"]) for i, c in enumerate(columns) if c["shape"] != (0,)}
    codes: dict[str, dict[str, int]] = {n: {} for n, (_, kind) in read.items() if kind is None}
    limit_memory(used + WORK + _FOOTER * _footer(path) + _GROUP * max(groups, default=0))
    with parquet.ParquetFile(
        path, page_checksum_verification=True, read_dictionary=list(codes), buffer_size=1 << 16
    ) as file:
        start, rows = 0, max(1, min(_MOST_ROWS, PIECE // (8 * max(1, len(read)))))
        for batch in file.iter_batches(rows, columns=list(read), use_threads=False):
            at = [(start, start + len(batch))]
            for name, (place, kind) in read.items():
                found = batch.column(name)
                if kind in (None, "<i8") and found.null_count:
                    raise Refused(f"column {name!r} has rows without a label; remove them.")
                values = _labels(found, codes[name]) if kind is None else _numbers(found, kind)
                send(say, place, at, values)
            start += len(batch)
    say({"labels": {name: list(found) for name, found in codes.items()}})


def _footer(path: str) -> int:
    """Bytes of the part that says where the columns are."""
    with Path(path).open("rb") as stream:
        stream.seek(-8, os.SEEK_END)
        size = int.from_bytes(stream.read(4), "little")
    refuse_long("its list of columns", size)
    return size


def _column(field: Any, rows: int, texts: Collection[str]) -> dict[str, Any]:
    import pyarrow as pa

    kind, is_label = None, is_asked(field.name, texts)
    value = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_floating(value):
        kind = f"<f{value.bit_width // 8}"
    elif pa.types.is_integer(value) or pa.types.is_boolean(value):
        kind = "<i8" if is_label else "<f8"
    elif pa.types.is_timestamp(field.type) or pa.types.is_date(field.type):
        kind = "<M8[s]"
    elif not (is_label and (pa.types.is_string(value) or pa.types.is_large_string(value))):
        rows = 0
    attrs = {"type": str(field.type)[:80]}
    return {"name": field.name, "dims": ["row"], "attrs": attrs, "dtype": kind, "shape": (rows,)}


def _numbers(column: Any, kind: str) -> np.ndarray:
    import pyarrow as pa

    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return plain.to_numpy(zero_copy_only=False).astype(kind)


def _labels(column: Any, codes: dict[str, int]) -> np.ndarray:
    """Places of the labels; only those that occur among these rows are looked at."""
    found, back = np.unique(column.indices.to_numpy(), return_inverse=True)
    return coded(column.dictionary.take(found).to_pylist(), codes)[back]


def _attributes(metadata: dict[bytes, bytes]) -> dict[str, str]:
    """The record of our own files; ``damaged`` where another entry looks like one."""
    if b"noneq" in metadata:
        refuse_long("its noneq record", len(metadata[b"noneq"]))
        return {"noneq": metadata[b"noneq"].decode()}
    return {"damaged": "yes"} if any(b'"sha256"' in value for value in metadata.values()) else {}
