"""Sources to cite, from the list that comes with the library."""

import re
from importlib.resources import files


def bibtex(key: str) -> str:
    """The BibTeX entry of a key; the key itself if it is no entry of the list."""
    text = (files("noneq.report") / "references.bib").read_text(encoding="utf-8")
    found = re.search(rf"^@\w+\{{{re.escape(key)},.*?^\}}$", text, re.MULTILINE | re.DOTALL)
    return found.group(0) if found else key
