"""Archives made to do harm: each is answered by a reason, and nothing around it changes."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from convwise.data import archive as archives
from convwise.data import zip_archive
from convwise.data.archive import list_archive
from convwise.errors import DataError
from convwise.image import ImageFormat

MIB = 1 << 20
GOOD = ("a/1.png", "a/2.png", "b/1.png")
CONTROL, BACKSLASH = "its name has control characters", "its name has backslashes"
ABSOLUTE, OUT = "its name is absolute", "its name leads out of the archive"
LINK, IRREGULAR = "a link in an archive is not followed", "not a regular file"
SECOND = "a second file of this name"
PASSWORD = "the archive asks for a password"
METHOD = "packed by a method that is not read; pack it again with deflate"


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8), 77).save(file, "PNG")
    return file.getvalue()


PNG = picture()


def make_zip(path: Path, add: Callable[[zipfile.ZipFile], None]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in GOOD:
            file.writestr(name, PNG)
        add(file)


def make_tar(path: Path, add: Callable[[tarfile.TarFile], None], mode: str = "w") -> None:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name in GOOD:
            add_member(file, name)
        add(file)


def add_member(file: tarfile.TarFile, name: str, content: bytes = PNG, **fields: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    file.addfile(member, io.BytesIO(content))


def patched_entry(path: Path, name: str, at: int, value: bytes) -> None:
    """Change a field of a member in the table of contents."""
    content = bytearray(path.read_bytes())
    entry = content.rfind(b"PK\1\2", 0, content.rfind(name.encode()))
    content[entry + at : entry + at + len(value)] = value
    path.write_bytes(content)


def outcome(path: Path) -> dict[str, tuple[str, bool]]:
    listing = list_archive(path)
    reading = listing.samples.decode(ImageFormat(8, 8, 1))
    found = {each.path: (each.reason, each.damaged) for each in listing.skipped}
    return found | {listing.samples.ids[n]: (why, True) for n, why in reading.reasons.items()}


NAMES = {
    "parent": ("../a/x.png", OUT, "../a/x.png"),
    "parents": ("../../../../tmp/x.png", OUT, "../../../../tmp/x.png"),
    "parent-inside": ("a/../../x.png", OUT, "a/../../x.png"),
    "parent-of-class": ("a/../b/x.png", OUT, "a/../b/x.png"),
    "absolute": ("/tmp/x.png", ABSOLUTE, "/tmp/x.png"),
    "two-slashes": ("//host/x.png", ABSOLUTE, "//host/x.png"),
    "drive": ("C:/a/x.png", ABSOLUTE, "C:/a/x.png"),
    "drive-relative": ("c:x.png", ABSOLUTE, "c:x.png"),
    "backslash": ("a\\x.png", BACKSLASH, "a\\x.png"),
    "backslash-parent": ("..\\x.png", BACKSLASH, "..\\x.png"),
    "newline": ("a/x\ny.png", CONTROL, "a/x\\ny.png"),
    "escape": ("a/\x1b[2Jx.png", CONTROL, "a/\\x1b[2Jx.png"),
    "delete": ("a/\x7f.png", CONTROL, "a/\\x7f.png"),
    "c1": ("a/\x9b2J.png", CONTROL, "a/\\x9b2J.png"),
    "same-name": ("a/1.png", SECOND, "a/1.png"),
    "same-after-dots": ("./a/.//1.png", SECOND, "a/1.png"),
    "long": ("a/" + "x" * 5000 + ".png", "its name is longer than 1,024 characters", None),
    "deep": ("a/" + "d/" * 3000 + "x.png", "its name is longer than 1,024 characters", None),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("case", NAMES)
def test_a_hostile_name_is_skipped(
    tmp_path: Path, hash_of: Callable[[Path], str], kind: str, case: str
) -> None:
    name, reason, shown = NAMES[case]
    path = tmp_path / "inner" / f"x.{kind}"
    path.parent.mkdir()
    if kind == "zip":
        make_zip(path, lambda file: file.writestr(name, PNG))
    else:
        make_tar(path, lambda file: add_member(file, name), "w:gz" if kind == "tar.gz" else "w")
    before = hash_of(tmp_path)
    found = outcome(path)
    assert hash_of(tmp_path) == before
    assert len(found) == 1
    assert next(iter(found.values())) == (reason, True)
    assert shown is None or shown in found


def zip_member(mode: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        member = zipfile.ZipInfo("a/x.png")
        member.create_system = 3
        member.external_attr = mode << 16
        make_zip(path, lambda file: file.writestr(member, b"/etc/passwd"))

    return make


def zip_patched(at: int, value: bytes, content: bytes = PNG) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        make_zip(path, lambda file: file.writestr("a/x.png", content))
        patched_entry(path, "a/x.png", at, value)

    return make


def zip_packed(method: int) -> Callable[[Path], None]:
    return lambda path: make_zip(path, lambda file: file.writestr("a/x.png", bytes(9999), method))


def zip_damaged(path: Path) -> None:
    make_zip(path, lambda file: file.writestr("a/x.png", PNG, zipfile.ZIP_STORED))
    content = bytearray(path.read_bytes())
    content[content.rfind(b"IDAT") + 6] ^= 0xFF
    path.write_bytes(content)


def zip_nul(path: Path) -> None:
    make_zip(path, lambda file: file.writestr("a/x!.png", PNG))
    path.write_bytes(path.read_bytes().replace(b"a/x!.png", b"a/x\0.png"))


def tar_member(**fields: object) -> Callable[[Path], None]:
    return lambda path: make_tar(path, lambda file: add_member(file, "a/x.png", b"", **fields))


def tar_huge(path: Path) -> None:
    def add(file: tarfile.TarFile) -> None:
        member = tarfile.TarInfo("a/x.png")
        member.size = (1 << 30) + 1
        file.addfile(member)
        file.fileobj.seek(member.size // 512 * 512 + 512, 1)  # type: ignore[union-attr]
        file.offset += member.size // 512 * 512 + 512

    make_tar(path, add)


BOMB = "the file would unpack to 100 MiB, more than 200 times its size"
CUT = "the file unpacks to less than it states"
CRC = "the file is damaged (its check sum is wrong)"
MEMBERS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "zip-symlink": ("zip", zip_member(stat.S_IFLNK | 0o777), LINK),
    "zip-device": ("zip", zip_member(stat.S_IFCHR | 0o666), IRREGULAR),
    "zip-pipe": ("zip", zip_member(stat.S_IFIFO | 0o666), IRREGULAR),
    "zip-socket": ("zip", zip_member(stat.S_IFSOCK | 0o666), IRREGULAR),
    "zip-password": ("zip", zip_patched(8, b"\1\0"), PASSWORD),
    "zip-bzip2": ("zip", zip_packed(zipfile.ZIP_BZIP2), METHOD),
    "zip-lzma": ("zip", zip_packed(zipfile.ZIP_LZMA), METHOD),
    "zip-unknown-method": ("zip", zip_patched(10, b"\x63\0"), METHOD),
    "zip-bomb": ("zip", zip_patched(0, b"PK", bytes(100 * MIB)), BOMB),
    "zip-states-2-gib": (
        "zip",
        zip_patched(24, struct.pack("<I", 2 << 30)),
        "the file is larger than 1 GiB",
    ),
    "zip-states-too-little": ("zip", zip_patched(24, struct.pack("<I", 20)), CRC),
    "zip-states-too-much": ("zip", zip_patched(24, struct.pack("<I", 9999)), CUT),
    "zip-hidden-bomb": ("zip", zip_patched(24, b"\x40\0\0\0", bytes(100 * MIB)), CRC),
    "zip-check-sum": ("zip", zip_damaged, CRC),
    "zip-elsewhere": ("zip", zip_patched(42, b"\2\0\0\0"), "the file is damaged"),
    "tar-symlink": ("tar", tar_member(type=tarfile.SYMTYPE, linkname="/etc/passwd"), LINK),
    "tar-hard-link": ("tar", tar_member(type=tarfile.LNKTYPE, linkname="../../x"), LINK),
    "tar-device": ("tar", tar_member(type=tarfile.CHRTYPE), IRREGULAR),
    "tar-block-device": ("tar", tar_member(type=tarfile.BLKTYPE), IRREGULAR),
    "tar-pipe": ("tar", tar_member(type=tarfile.FIFOTYPE), IRREGULAR),
}


@pytest.mark.parametrize("case", MEMBERS)
def test_a_hostile_member_is_skipped(
    tmp_path: Path, hash_of: Callable[[Path], str], case: str
) -> None:
    suffix, make, reason = MEMBERS[case]
    path = tmp_path / f"x.{suffix}"
    make(path)
    before = hash_of(tmp_path)
    found = outcome(path)
    assert hash_of(tmp_path) == before
    assert list(found) == ["a/x.png"]
    assert found["a/x.png"][0].startswith(reason)
    assert found["a/x.png"][1]


def cut(make: Callable[[Path], None], keep: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        make(path)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * keep)])

    return write


def good_zip(path: Path) -> None:
    make_zip(path, lambda file: None)


def good_tar(mode: str) -> Callable[[Path], None]:
    return lambda path: make_tar(path, lambda file: None, mode)


def written(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def raw_header(size: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    header = bytearray(tarfile.TarInfo("a/x.png").tobuf(tarfile.GNU_FORMAT)[:512])
    header[124:136], header[156:157], header[148:156] = size, kind, b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


NEGATIVE = b"\xff" * 10 + b"\xfc\x00"
GONE = "is damaged, cut off or no such archive"
WHOLE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "zip-empty": ("zip", written(b""), GONE),
    "zip-words": ("zip", written(b"these are words" * 99), GONE),
    "zip-cut": ("zip", cut(good_zip, 0.6), GONE),
    "zip-cut-at-end": ("zip", cut(good_zip, 0.99), GONE),
    "zip-no-contents": ("zip", written(b"PK\5\6" + b"\xff" * 18), GONE),
    "tar-empty": ("tar", written(b""), GONE),
    "tar-words": ("tar", written(b"these are words" * 99), GONE),
    "tar-cut": ("tar", cut(good_tar("w:"), 0.05), GONE),
    "tar-cut-at-member": ("tar", cut(good_tar("w:"), 1024 / 10240), GONE),
    "tar-negative-size": ("tar", written(raw_header(NEGATIVE) + bytes(1024)), GONE),
    "tar-long-name-bomb": ("tar", written(raw_header(b"77777777777\0", b"L") + PNG), GONE),
    "tar-pax-loop": ("tar", written(raw_header(NEGATIVE, b"x") + bytes(4096)), GONE),
    "gz-cut": ("tar.gz", cut(good_tar("w:gz"), 0.6), GONE),
    "gz-cut-at-sum": ("tgz", cut(good_tar("w:gz"), 0.98), GONE),
    "bz2-cut": ("tar.bz2", cut(good_tar("w:bz2"), 0.6), GONE),
    "xz-cut": ("tar.xz", cut(good_tar("w:xz"), 0.6), GONE),
    "gz-bomb": (
        "tar.gz",
        lambda path: make_tar(
            path, lambda file: add_member(file, "a/x.png", bytes(100 * MIB)), "w:gz"
        ),
        "would unpack to more than 200 times its size",
    ),
    "gz-bomb-behind-the-end": (
        "tar.gz",
        written(gzip.compress(bytes(100 * MIB), 1)),
        "would unpack to more than 200 times its size",
    ),
    "xz-pax-bomb": (
        "tar.xz",
        written(lzma.compress(raw_header(b"00777777777\0", b"x") + bytes(100 * MIB), preset=0)),
        GONE,
    ),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_hostile_archive_is_refused_by_name(
    tmp_path: Path, hash_of: Callable[[Path], str], case: str
) -> None:
    suffix, make, reason = WHOLE[case]
    path = tmp_path / f"x.{suffix}"
    make(path)
    before = hash_of(tmp_path)
    with pytest.raises(DataError, match=reason) as caught:
        list_archive(path)
    assert str(path) in str(caught.value)
    assert hash_of(tmp_path) == before


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_too_many_members_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / f"x.{kind}"
    good_zip(path) if kind == "zip" else good_tar("w:")(path)
    for module in (archives, zip_archive):
        monkeypatch.setattr(module, "MAX_MEMBERS", 2)
    with pytest.raises(DataError, match="has more than 2 members"):
        list_archive(path)


def test_a_nul_in_a_name_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    zip_nul(path)
    assert outcome(path) == {"a/x\\x00.png": (CONTROL, True)}


def test_a_table_of_contents_of_200_000_members_is_listed(
    tmp_path: Path, hash_of: Callable[[Path], str]
) -> None:
    path = tmp_path / "x.zip"
    write_many(path, 200_000)
    before = hash_of(tmp_path)
    assert len(list_archive(path).samples) == 200_000
    assert hash_of(tmp_path) == before


def write_many(path: Path, count: int) -> None:
    """Write a table of contents of so many members that all lead to one."""
    entry = struct.Struct("<4s6H3L5H2L")
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, 0, 0)
    with path.open("wb") as file:
        file.write(local)
        for number in range(count):
            name = b"%s/%07d.png" % (b"ab"[number % 2 :][:1], number)
            file.write(
                entry.pack(b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), *[0] * 4, 0, 0)
                + name
            )
        size = file.tell() - len(local)
        file.write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, 30))
        file.write(struct.pack("<4sLQL", b"PK\6\7", 0, 30 + size, 1))
        most = (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *most, 0))
