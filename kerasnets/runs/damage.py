"""What is said of the files of a run, or of a search, that are not what was written."""

from contextlib import contextmanager
from pathlib import Path

from kerasnets.errors import UserError, reason


class DamagedError(UserError):
    """A file in a folder of ours is damaged, missing, or of another run."""


@contextmanager
def reading(folder, file, whose="run"):
    """Say in one line which file is damaged, whatever reading it in the block raises.

    Readers of damaged files raise anything: those of Keras, HDF5 and Zip name half a dozen exceptions.

    Args:
        folder: path of the run, or of the search.
        file: path of what is read, in that folder.
        whose: "run" or "search", for the message.

    Raises:
        DamagedError: the block raised something; "FOLDER: the run's files are damaged: FILE: what was found".
    """
    folder, file = Path(folder), Path(file)
    try:
        yield
    except DamagedError:
        raise
    except Exception as error:
        said = f"{file.relative_to(folder)}: {reason(error)}"
        for place in (
            folder,
            folder.absolute(),
        ):  # a reader may have named the file already, or one beside it
            if str(error).startswith(f"{place}/"):
                said = reason(error).removeprefix(f"{place}/")
        raise DamagedError(f"{folder}: the {whose}'s files are damaged: {said}") from error
