"""Files of a folder that may come from a stranger."""

from pathlib import Path

from noneq.errors import DataFileError


def inside(folder: str | Path, *parts: str) -> Path:
    """The path of what a folder holds, checked to lie in it.

    A page embeds what it reads. A link, or a name with ``..``, would let a stranger's folder
    show any file of the reader's.

    Args:
        folder: the folder; it may itself be reached by a link.
        parts: names below it.

    Returns:
        The path, whether or not something is there.

    Raises:
        DataFileError: a link, a path that leaves the folder, or something that is neither file
            nor folder.
    """
    path = Path(folder).joinpath(*parts)
    home = Path(folder).resolve()
    try:
        real = path.resolve()
        there = ".." not in Path(*parts).parts and real == home.joinpath(*parts)
        there = there and real.is_relative_to(home)
        plain = not real.exists() or real.is_file() or real.is_dir()
    except (OSError, ValueError, RuntimeError):  # a loop of links, or a name that no file can have
        there = plain = False
    if not (there and plain):
        raise DataFileError(
            f"{str(path)!r} is a link, leads out of {folder} or is no plain file; put a copy of "
            "the file there."
        )
    return path
