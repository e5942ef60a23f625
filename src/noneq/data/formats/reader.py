"""What a reader is: a class with one method."""

import inspect
import sys
from abc import abstractmethod
from pathlib import Path

import equinox as eqx

from noneq.data.layouts import Raw
from noneq.data.readings.options import Reading
from noneq.errors import InvalidInput


class AbstractReader(eqx.Module):
    """Turns a file into what it holds; `noneq.data.read` then checks what every format must obey.

    A reader of your own is a class without arguments in a file of yours, read by
    ``--read reader=my_file:MyReader``.
    """

    @abstractmethod
    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """What is in the file.

        Args:
            path: a file or folder that exists.
            reading: how it shall be read; what the reader does not look at is done afterwards.
            limit: bytes that the numbers may take.

        Raises:
            InvalidInput: content that is no ensemble, or that can be read in two ways.
            DataFileError: the file is damaged or unsafe. Any other exception becomes one.
        """


def reader_at(kind: str) -> AbstractReader:
    """The reader ``my_file:MyReader`` of a file that the program has imported already.

    Raises:
        InvalidInput: it is not imported, or has no such reader.
    """
    name, _, cls = kind.rpartition(":")
    whole = name.removesuffix(".py")
    module = sys.modules.get(whole, sys.modules.get(whole.replace("/", ".")))
    found = None if module is None else vars(module).get(cls)
    if not (inspect.isclass(found) and issubclass(found, AbstractReader)):
        raise InvalidInput(
            f"reader {kind!r} is code from outside this library; import its file first (command line: "
            "--read reader=my_file:MyReader --trust) if you know where it comes from."
        )
    return found()
