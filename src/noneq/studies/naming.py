"""Studies by name, found by walking the room's public classes."""

from noneq.kinds import checked
from noneq.spec.names import modules, unknown
from noneq.studies.base import AbstractStudy


def studies() -> dict[str, type[AbstractStudy]]:
    """All studies, by the name they have on the command line."""
    return {study.name: study for study in modules("studies", AbstractStudy).values()}


@checked
def study_named(name: str) -> AbstractStudy:
    """The study of this name, with its default settings.

    Raises:
        InvalidInput: unknown name, with the nearest ones.
    """
    known = studies()
    if name not in known:
        raise unknown("study", name, known)
    return known[name]()
