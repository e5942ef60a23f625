"""What a reader is: a class with one method."""

from abc import abstractmethod
from pathlib import Path

import equinox as eqx

from noneq.data.layouts import Raw
from noneq.data.readings.options import Reading


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
