"""One file that holds an installation: the database's dump, and the files of attachments where a folder keeps them.

It is a tar archive, uncompressed because the dump is compressed already and most files are. The dump is made first:
whatever its rows speak of is in the folder by then. What was deleted meanwhile is missing from the archive, and what
came later is in it without a row, which the daily sweep takes away.
"""

import os
import re
import shutil
import tarfile
import tempfile
import time
from pathlib import Path

from helpdesk_api.config import Settings
from helpdesk_api.database.dump import DumpError, dump, load

_DATABASE = "database"
_FILES = "files"
# As the store names its objects; anything else in the folder, such as an unfinished upload, is not ours to keep.
_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}(\.small)?")


def back_up(settings: Settings, path: Path) -> int:
    """How many files it holds. What lay at the path is replaced at the end, and by nothing half done. Only the owner
    may read it. Raises DumpError."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as name:
        dumped, archive = Path(name) / _DATABASE, Path(name) / "archive"
        dump(settings, dumped)
        archive.touch(mode=0o600)
        count = pack(archive, dumped, settings.files_folder if settings.storage_url is None else None)
        archive.replace(path)
    return count


def pack(archive: Path, dumped: Path, folder: Path | None) -> int:
    """Streamed: no file is ever held whole. How many of the folder's files it holds."""
    count = 0
    with tarfile.open(archive, "w") as target:
        target.add(dumped, arcname=_DATABASE)
        for file in sorted(folder.glob("??/*")) if folder is not None else ():
            key = file.relative_to(folder or file).as_posix()
            if not _KEY.fullmatch(key) or file.is_symlink() or not file.is_file():
                continue
            try:
                target.add(file, arcname=f"{_FILES}/{key}", recursive=False)
            except FileNotFoundError:
                continue  # Deleted since it was listed.
            count += 1
    return count


def bring_back(settings: Settings, path: Path) -> int:
    """How many files came back. The database is loaded whole or not at all; files come before it, so that no row is
    ever without its own. A plain dump, as earlier releases wrote it, is taken too. Raises DumpError."""
    if not path.is_file() or not tarfile.is_tarfile(path):
        load(settings, path)
        return 0
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as name:
        dumped = Path(name) / _DATABASE
        try:
            count = unpack(path, dumped, settings.files_folder)
        except tarfile.TarError as error:
            message = f"{path} cannot be read: {error}"
            raise DumpError(message) from error
        load(settings, dumped)
    return count


def unpack(archive: Path, dumped: Path, folder: Path) -> int:
    """Only what `pack` puts there; each file whole or not at all, with its permissions. Raises DumpError."""
    count = 0
    with tarfile.open(archive, "r:") as source:
        for member in source:
            key = member.name.removeprefix(f"{_FILES}/")
            is_database = member.name == _DATABASE and not dumped.exists()
            if not member.isreg() or not (is_database or (key != member.name and _KEY.fullmatch(key))):
                message = f"{archive} holds what no backup does: {member.name[:100]!r}"
                raise DumpError(message)
            if is_database:
                _write(source, member, dumped)
            else:
                _make_folder(folder, folder / key)
                _write(source, member, folder / key)
                count += 1
    if not dumped.exists():
        message = f"{archive} holds no database"
        raise DumpError(message)
    return count


def _make_folder(folder: Path, file: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o700)
    file.parent.mkdir(exist_ok=True)


def _write(source: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    # Named as the store names what is unfinished, so that its sweep takes away what a kill leaves.
    partial = target.with_name(f"{target.name}#{os.getpid()}")
    content = source.extractfile(member)
    assert content is not None  # noqa: S101 - it is a regular file
    with content, partial.open("wb") as file:
        shutil.copyfileobj(content, file, 1024 * 1024)
        file.flush()
        os.fsync(file.fileno())
    partial.chmod(member.mode & 0o777)
    # As if it had come now: without a row yet, an old file would be taken for forgotten.
    os.utime(partial, (time.time(), time.time()))
    partial.replace(target)
