"""The archive of a backup: what goes in comes out, and nothing that no backup holds."""

import io
import tarfile
import time
from pathlib import Path

import pytest

from helpdesk_api.backup import pack, unpack
from helpdesk_api.database.dump import DumpError

KEY = f"ab/{'0' * 30}ab"


@pytest.fixture
def dumped(tmp_path: Path) -> Path:
    path = tmp_path / "dump"
    path.write_bytes(b"PGDMP")
    return path


def put(folder: Path, key: str, content: bytes, mode: int = 0o600) -> Path:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_what_went_in_comes_out(tmp_path: Path, dumped: Path) -> None:
    folder, other = tmp_path / "files", tmp_path / "data" / "other"
    put(folder, KEY, b"one", 0o640)
    put(folder, f"{KEY}.small", b"small")
    # Unfinished, foreign, and a link to elsewhere: none of them is the store's.
    put(folder, f"{KEY}#1", b"half")
    put(folder, "ab/notes.txt", b"foreign")
    (folder / "ab" / ("f" * 32)).symlink_to(dumped)
    assert pack(tmp_path / "archive", dumped, folder) == 2
    put(other, KEY, b"another")
    began = time.time() - 5
    assert unpack(tmp_path / "archive", tmp_path / "again", other) == 2
    assert (tmp_path / "again").read_bytes() == b"PGDMP"
    found = {path.relative_to(other).as_posix(): path.read_bytes() for path in other.rglob("*") if path.is_file()}
    assert found == {KEY: b"one", f"{KEY}.small": b"small"}
    assert (other / KEY).stat().st_mode & 0o777 == 0o640
    assert (other / KEY).stat().st_mtime >= began


def test_without_a_folder_it_is_the_database_alone(tmp_path: Path, dumped: Path) -> None:
    for number, folder in enumerate((None, tmp_path / "nothing")):
        archive = tmp_path / f"archive{number}"
        assert pack(archive, dumped, folder) == 0
        assert unpack(archive, tmp_path / f"again{number}", tmp_path / "files") == 0
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"files/../../{KEY}", tarfile.REGTYPE),
        ("files/../escaped", tarfile.REGTYPE),
        ("/etc/escaped", tarfile.REGTYPE),
        (f"files/{KEY}", tarfile.SYMTYPE),
        (f"files/{KEY}", tarfile.LNKTYPE),
        ("database", tarfile.REGTYPE),
    ],
)
def test_what_no_backup_holds_is_refused(tmp_path: Path, dumped: Path, name: str, kind: bytes) -> None:
    archive = tmp_path / "archive"
    pack(archive, dumped, None)
    with tarfile.open(archive, "a") as target:
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.size = kind, "/etc/passwd", 3 if kind == tarfile.REGTYPE else 0
        target.addfile(member, io.BytesIO(b"bad"))
    with pytest.raises(DumpError, match="what no backup does"):
        unpack(archive, tmp_path / "again", tmp_path / "inside" / "files")
    assert not list(tmp_path.rglob("escaped"))
    assert (tmp_path / "again").read_bytes() == b"PGDMP"


def test_an_archive_without_a_database_is_refused(tmp_path: Path) -> None:
    tarfile.open(tmp_path / "archive", "w").close()
    with pytest.raises(DumpError, match="no database"):
        unpack(tmp_path / "archive", tmp_path / "again", tmp_path / "files")
