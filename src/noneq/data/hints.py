"""What to say of files that cannot be read: other kinds, wrong names, what a library said."""

import difflib
from pathlib import Path


HINTS = {
    ".gz": "unpack it first: gunzip FILE",
    ".zip": "unpack it first",
    ".xlsx": "save the sheet as csv",
    ".xls": "save the sheet as csv",
    ".pkl": "pickles can run code and are never read; save arrays with np.savez(values=…, times=…)",
    ".pickle": "pickles can run code and are never read; save arrays with np.savez(values=…, times=…)",
    ".pt": "pickles can run code and are never read; save arrays with np.savez(values=…, times=…)",
    ".json": "write a csv or npz",
}
"""What to do with files of other kinds."""


def not_found(path: Path) -> str:
    """That there is no such file, and one of a similar name."""
    here = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, here, n=1)
    hint = f"did you mean {path.with_name(near[0])}?" if near else "check the path."
    return f"there is no file {path}; {hint}"


def reason(error: Exception) -> str:
    """The first line of what a library said, short."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}{f' ({lines[0][:120]})' if lines else ''}"
