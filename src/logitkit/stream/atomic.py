"""Output files that are whole or absent.

The bytes go to a new file beside the target (same directory, so the same file system), are
flushed to the disk, and take the target's name in one step. A reader sees the old file or the
new one, never a part; a failure removes the new file.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["replacing"]


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that becomes ``path`` when the block ends without an exception.

    A symbolic link is followed, and the permissions of a file that is replaced are kept.

    Parameters
    ----------
    path : str or os.PathLike
        The file to create or replace; its directory must exist.

    Yields
    ------
    BinaryIO
        The file to write to; seekable.

    Raises
    ------
    OSError
        If the directory cannot be written to or the disk is full.

    Notes
    -----
    The method is the usual one of POSIX programs: write beside, fsync, rename(2). A process that
    is killed outright (SIGKILL) leaves the hidden ``.name.XXXX.part`` file, never a broken target.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     target = pathlib.Path(folder, "p.txt")
    ...     with replacing(target) as file:
    ...         _ = file.write(b"0.5")
    ...     target.read_text()
    '0.5'
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    # Not tempfile: its files are private (0600), and the result should obey the umask.
    descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
