"""HDF5 and parquet files, opened in a process that has nothing to lose.

Their libraries loop for ever, crash or fill the memory on some damaged files. Here that ends a
process of its own, ``python -m noneq.unpacking``, which `noneq.data.formats.unpacked` starts and
listens to. It imports neither JAX nor another room of noneq, so that it starts quickly.

It says on its standard output, each as a line of JSON: ``{"attrs", "columns"}`` with the name,
dims, attrs, dtype and shape of each column; then ``{"column", "at", "nbytes"}`` for each piece of
one, followed by so many bytes; at the end ``{"labels": {name: [...]}}``. A column of text, whose
dtype is null, holds places in its labels. ``{"error"}``, or ``{"claimed",
"limit"}`` in bytes, or ``{"unfit"}``, where the file has not what was asked for, instead ends it.
"""
