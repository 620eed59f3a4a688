import io
import os
import posixpath
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from imgcopy_core_stubs import InvalidArchive
from imgcopy_docker_archive._archive_file import ArchiveFile
from imgcopy_docker_archive._tar_walk import MemberKind, TarMember, clean_name, walk

from .tars import (
    END,
    InMemory,
    altered,
    extended,
    file,
    header,
    padded,
    pax_record,
    symlink,
    tar,
)

KINDS = {
    tarfile.REGTYPE: MemberKind.FILE,
    tarfile.DIRTYPE: MemberKind.DIRECTORY,
    tarfile.SYMTYPE: MemberKind.SYMLINK,
    tarfile.LNKTYPE: MemberKind.HARD_LINK,
    tarfile.FIFOTYPE: MemberKind.DEVICE,
}


def walked(data: bytes) -> list[TarMember]:
    return list(walk(InMemory(data)))


def names(data: bytes) -> list[str]:
    return [member.name for member in walked(data)]


def refusal(data: bytes) -> InvalidArchive:
    with pytest.raises(InvalidArchive) as caught:
        walked(data)
    return caught.value


# --- what tarfile writes --------------------------------------------------------------------------

path_parts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=120
).filter(lambda part: part not in (".", ".."))
paths = st.builds(
    lambda lead, parts: lead + "/".join(parts),
    st.sampled_from(["", "./", "././"]),
    st.lists(path_parts, min_size=1, max_size=4),
)
members = st.tuples(
    paths, st.sampled_from(sorted(KINDS)), st.integers(0, 2000), st.one_of(paths, st.just("../x"))
)


@example([("a" * 300, tarfile.SYMTYPE, 0, "b" * 300)], tarfile.GNU_FORMAT)
@example([("a" * 100 + "/" + "b" * 100, tarfile.REGTYPE, 512, "")], tarfile.USTAR_FORMAT)
@example([("caf\udce9", tarfile.REGTYPE, 1, "")], tarfile.PAX_FORMAT)
@given(
    st.lists(members, max_size=8),
    st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_the_members_that_tarfile_reads(
    members: list[tuple[str, bytes, int, str]],
    format: Literal[0, 1, 2],  # noqa: A002  (tarfile's word)
) -> None:
    file = io.BytesIO()
    try:
        with tarfile.open(fileobj=file, mode="w", format=format, encoding="utf-8") as archive:
            for name, kind, size, link in members:
                info = tarfile.TarInfo(name)
                info.type = kind
                if kind == tarfile.REGTYPE:
                    info.size = size
                if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                    info.linkname = link
                archive.addfile(info, io.BytesIO(bytes(size)))
    except ValueError:
        assume(False)  # a name that ustar has no room for
    file.seek(0)
    with tarfile.open(fileobj=file, encoding="utf-8") as archive:
        expected = [
            TarMember(
                posixpath.normpath(info.name).lstrip("/"),
                KINDS[info.type],
                info.offset_data,
                info.size,
                info.linkname,
            )
            for info in archive
        ]
    assert walked(file.getvalue()) == expected


def test_no_members() -> None:
    assert walked(END) == []


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_member_over_8_gib(tmp_path: Path, format: Literal[1, 2]) -> None:  # noqa: A002  (tarfile's word)
    size = 9 * 1024**3 + 7
    path = tmp_path / "sparse.tar"
    first = header("big", size, format=format)
    with path.open("wb") as output:
        output.write(first)
        output.seek(size + -size % 512, os.SEEK_CUR)
        output.write(file("after", b"x") + END)
    archive = ArchiveFile(path.open("rb"), "sparse.tar")
    big, after = walk(archive)
    assert (big.name, big.offset, big.size) == ("big", len(first), size)
    assert archive.read_at(after.offset, after.size) == b"x"
    archive.close()


@pytest.mark.parametrize("ustar_size", [0, 0o77777777777])
def test_a_pax_size_that_ustar_has_no_room_for(tmp_path: Path, ustar_size: int) -> None:
    size = 8 * 1024**3
    path = tmp_path / "sparse.tar"
    first = extended(b"x", pax_record("size", str(size))) + header("big", ustar_size)
    with path.open("wb") as output:
        output.write(first)
        output.seek(size, os.SEEK_CUR)
        output.write(END)
    archive = ArchiveFile(path.open("rb"), "sparse.tar")
    assert [member.size for member in walk(archive)] == [size]
    archive.close()


# --- other writers --------------------------------------------------------------------------------


def test_a_header_before_posix() -> None:
    block = altered(header("old", 3), {156: b"\0", 257: bytes(8)})
    assert walked(tar(block, padded(b"abc")))[0] == TarMember("old", MemberKind.FILE, 512, 3)


@pytest.mark.parametrize("type_", [b"0", b"\0"])
def test_a_name_with_a_slash_at_its_end_is_a_directory(type_: bytes) -> None:
    block = altered(header("folder/"), {156: type_})
    assert walked(tar(block))[0].kind is MemberKind.DIRECTORY


def test_a_checksum_of_signed_characters() -> None:
    assert names(tar(altered(header("é"), {}, signed=True))) == ["é"]


@pytest.mark.parametrize("field", [b"%11o " % 5, b"%o\0" % 5, b"%-12o" % 5, b"%012o" % 5])
def test_sizes_as_writers_write_them(field: bytes) -> None:
    block = altered(header("a"), {124: field.ljust(12, b"\0")})
    assert walked(tar(block, padded(b"12345")))[0].size == 5


def test_only_links_have_a_target() -> None:
    assert walked(tar(header("a", link="b"))) == [TarMember("a", MemberKind.FILE, 512, 0, "")]


def test_gnu_times_are_no_name_prefix() -> None:
    block = altered(header("a", format=tarfile.GNU_FORMAT), {345: b"14524770000\0" * 2})
    assert names(tar(block)) == ["a"]


def test_the_prefix_of_star_ends_where_its_times_begin() -> None:
    block = altered(header("a"), {345: b"p" * 131 + b"14524770000 " * 2, 508: b"tar\0"})
    assert names(tar(block)) == ["p" * 131 + "/a"]


def test_a_comment_for_all_members() -> None:
    assert names(tar(extended(b"g", pax_record("comment", "0" * 40)), file("a"))) == ["a"]


@pytest.mark.parametrize("padding", [0, 512, 10240, 1024 * 1024])
def test_zero_padding(padding: int) -> None:
    assert names(tar(file("a"), bytes(padding))) == ["a"]


def old_sparse(name: str, stored: bytes, extra_maps: int) -> bytes:
    block = altered(header(name, len(stored)), {156: b"S", 482: b"\1" if extra_maps else b"\0"})
    maps = [b"\1".rjust(505, b"\0").ljust(512, b"\0")] * (extra_maps - 1) + [bytes(512)]
    return block + b"".join(maps[:extra_maps]) + padded(stored)


@pytest.mark.parametrize("extra_maps", [0, 1, 3])
def test_an_old_gnu_sparse_file(extra_maps: int) -> None:
    sparse, after = walked(tar(old_sparse("holes", b"parts", extra_maps), file("after")))
    assert (sparse.kind, sparse.size) == (MemberKind.SPARSE, 5)
    assert sparse.offset == 512 * (1 + extra_maps)
    assert after.name == "after"


def test_a_pax_sparse_file_has_its_real_name() -> None:
    records = pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.name", "real")
    data = tar(extended(b"x", records), file("GNUSparseFile.7/real", b"map"))
    assert [(m.name, m.kind) for m in walked(data)] == [("real", MemberKind.SPARSE)]


@pytest.mark.parametrize("type_", [b"A", b"M", b"V"])
def test_an_unknown_type_has_data(type_: bytes) -> None:
    first, after = walked(tar(header("odd", 3, type=type_), padded(b"abc"), file("after")))
    assert (first.kind, first.size, after.name) == (MemberKind.UNKNOWN, 3, "after")


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("a/b", "a/b"),
        ("./a", "a"),
        ("/a", "a"),
        ("a//b/./c/", "a/b/c"),
        ("a/../b", "b"),
        (".", ""),
        ("../a", "../a"),
        ("a/../../b", "../b"),
        ("../../etc/passwd", "../../etc/passwd"),
    ],
)
def test_clean_names(path: str, clean: str) -> None:
    assert clean_name(path) == clean


@given(st.lists(st.sampled_from(["", ".", "..", "a", "b"])).map("/".join))
def test_clean_names_are_what_they_stand_for(path: str) -> None:
    clean = clean_name(path)
    assert clean_name(clean) == clean
    assert posixpath.normpath("./" + clean) == posixpath.normpath("./" + path)


# --- truncation -----------------------------------------------------------------------------------


def test_cut_anywhere_it_is_refused() -> None:
    data = tar(
        extended(b"L", b"long" * 50 + b"\0"),
        file("cut-off-name", b"data" * 200),
        extended(b"x", pax_record("path", "pax")),
        file("p", b"more"),
        symlink("link", "pax"),
        old_sparse("holes", b"parts", 2),
        file("last"),
    )
    assert names(data) == ["long" * 50, "pax", "link", "holes", "last"]
    for length in range(len(data)):
        assert refusal(data[:length]).offset is not None, length


def test_cut_within_a_longer_padding_it_is_whole_or_refused() -> None:
    data = tar(file("a"), bytes(2048))
    for length in range(512 + 1024, len(data)):
        if length % 512:
            refusal(data[:length])
        else:
            assert names(data[:length]) == ["a"]


# --- refusals -------------------------------------------------------------------------------------

A = file("a", b"data")  # 1,024 bytes


@pytest.mark.parametrize(
    ("data", "member", "offset", "problem"),
    [
        pytest.param(
            tar(A, b"x" + file("b")[1:], A), "", 1024, "checksum", id="bad checksum in the middle"
        ),
        pytest.param(A, "", 1024, "cut", id="no end blocks"),
        pytest.param(A + bytes(512), "", 1536, "cut", id="one end block"),
        pytest.param(A + bytes(512) + A + END, "", 1024, "single zero block", id="lone zero block"),
        pytest.param(tar(A) + bytes(512) + b"\0x", "", 2561, "follows the end", id="data after it"),
        pytest.param(tar(A) + tar(A), "", 2048, "follows the end", id="two archives"),
        pytest.param(
            tar(A, altered(header("b"), {124: b"-0000001000\0"})),
            "b",
            1024,
            "negative",
            id="size -512 in octal",
        ),
        pytest.param(
            tar(A, altered(header("b"), {124: b"\xff" * 10 + b"\xfe\0"})),
            "b",
            1024,
            "negative",
            id="size -512 in base-256",
        ),
        pytest.param(
            tar(altered(header("b"), {124: b"0000000008\0"})), "b", 0, "malformed", id="no octal"
        ),
        pytest.param(
            tar(altered(header("b"), {124: b"1_0\0"})), "b", 0, "malformed", id="underscore"
        ),
        pytest.param(tar(A, header("b", 1025)), "b", 1536, "cut", id="size beyond the end"),
        pytest.param(
            tar(A, altered(header("b"), {124: b"\x80" + b"\xff" * 11})),
            "b",
            1536,
            "cut",
            id="absurd size",
        ),
        pytest.param(
            tar(header("l", 3, type=b"2", link="a"), padded(b"abc")),
            "l",
            0,
            "some readers skip",
            id="symlink with data",
        ),
        pytest.param(
            tar(header("l", 3, type=b"1", link="a"), padded(b"abc")),
            "l",
            0,
            "some readers skip",
            id="hard link with data",
        ),
        pytest.param(
            tar(header("d", 3, type=b"5"), padded(b"abc")),
            "d",
            0,
            "some readers skip",
            id="directory with data",
        ),
        pytest.param(
            tar(header("d/", 3), padded(b"abc")),
            "d",
            0,
            "some readers skip",
            id="file with a directory's name",
        ),
        pytest.param(tar(extended(b"X", b"")), "extended", 0, "Solaris", id="Solaris pax header"),
        pytest.param(
            tar(altered(header("n", format=tarfile.GNU_FORMAT), {345: b"prefix"})),
            "",
            0,
            "prefix",
            id="prefix in a GNU header",
        ),
        pytest.param(tar(extended(b"L", b"n")), "", 1024, "before its member", id="L at the end"),
        pytest.param(tar(extended(b"x", b"")), "", 512, "before its member", id="x at the end"),
        pytest.param(
            tar(extended(b"L", b"n"), extended(b"L", b"m"), A), "", 1024, "two", id="two long names"
        ),
        pytest.param(
            tar(extended(b"x", b""), extended(b"x", b""), A), "", 512, "two", id="two pax headers"
        ),
        pytest.param(
            tar(extended(b"L", b"n"), extended(b"x", pax_record("path", "m")), A),
            "",
            1024,
            "two",
            id="long name and pax path",
        ),
        pytest.param(
            tar(extended(b"x", pax_record("path", "m")), extended(b"K", b"n"), A),
            "",
            1024,
            "two",
            id="pax path and long link",
        ),
        pytest.param(
            tar(extended(b"L", b"n"), extended(b"g", b""), A),
            "",
            1024,
            "global",
            id="global header in between",
        ),
        pytest.param(
            tar(extended(b"g", pax_record("path", "m")), A), "", 0, "global", id="global path"
        ),
        pytest.param(
            tar(extended(b"g", pax_record("size", "4")), A), "", 0, "global", id="global size"
        ),
        pytest.param(
            tar(extended(b"x", pax_record("size", "1024")), header("b"), padded(b"x" * 1024)),
            "b",
            1024,
            "pax header gives it 1024 bytes, its ustar header 0",
            id="pax size, ustar 0",
        ),
        pytest.param(
            tar(extended(b"x", pax_record("size", "0")), file("b", b"1234")),
            "b",
            1024,
            "pax header gives it 0 bytes, its ustar header 4",
            id="pax size 0",
        ),
    ],
)
def test_refusals(data: bytes, member: str, offset: int, problem: str) -> None:
    error = refusal(data)
    assert (error.name, error.member, error.offset) == ("test.tar", member, offset)
    assert problem in error.problem


def test_a_pax_size_that_agrees() -> None:
    data = tar(extended(b"x", pax_record("size", "4")), file("b", b"1234"))
    assert walked(data) == [TarMember("b", MemberKind.FILE, 1536, 4)]


@pytest.mark.parametrize(
    "records",
    [
        b"path=a\n",
        b"8 path=a\n",
        b"11 path=a\n",
        b"011 path=a\n",
        b"-9 path=a\n",
        b"9 path=a ",
        b"9 path=a\n\0",
        b"9999999 path=a\n",
        b"8 pathxa\n",
        b"5 =a\n",
        b"2 \n",
        b"\0" * 10,
        pax_record("path", ""),
        pax_record("path", "a\0b"),
        pax_record("path", "a") * 2,
        pax_record("linkpath", ""),
        pax_record("size", "-1"),
        pax_record("size", "+1"),
        pax_record("size", "1_0"),
        pax_record("size", "٣"),
        pax_record("size", "9" * 20),
    ],
)
def test_malformed_pax_records(records: bytes) -> None:
    assert "pax" in refusal(tar(A, extended(b"x", records), A)).problem


def test_an_error_names_the_member_before_it() -> None:
    assert str(refusal(A)) == (
        'invalid archive "test.tar" at byte 1024: the archive is cut: it ends here, before its '
        'two end blocks (after the member "a")'
    )


# --- limits ---------------------------------------------------------------------------------------

MIB = 1024 * 1024


@pytest.mark.parametrize("size", [MIB, MIB + 1])
@pytest.mark.parametrize("type_", [b"L", b"K", b"x", b"g"])
def test_long_names_and_pax_headers_up_to_1_mib(type_: bytes, size: int) -> None:
    record = f"{size} comment=".encode()
    data = record.ljust(size - 1, b"n") + b"\n"
    archive = tar(A, extended(type_, data), symlink("l", "a"))
    if size == MIB:
        assert len(walked(archive)) == 2
    else:
        assert f"extended header of {size} bytes" in refusal(archive).problem


@pytest.mark.parametrize("count", [100_000, 100_001])
def test_up_to_100_000_members(count: int) -> None:
    archive = tar(header("m") * count)
    if count == 100_000:
        assert sum(1 for _ in walk(InMemory(archive))) == count
    else:
        assert refusal(archive).offset == 100_000 * 512


def test_padding_beyond_64_mib(tmp_path: Path) -> None:
    with (tmp_path / "a.tar").open("w+b", buffering=0) as output:
        output.write(tar(A))
        output.truncate(1024**4)
        with pytest.raises(InvalidArchive, match="follow the end"):
            list(walk(ArchiveFile(output, "a.tar")))


MEASURED_WALK = """
import sys, time
from imgcopy_core_stubs import InvalidArchive
from imgcopy_docker_archive._archive_file import ArchiveFile
from imgcopy_docker_archive._tar_walk import walk
try:
    members = list(walk(ArchiveFile(open(sys.argv[1], "rb"), "hostile.tar")))
except InvalidArchive as error:
    peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
    print(error.problem, time.process_time(), peak, sep="\\n")
"""


WIDE = "\N{GRINNING FACE}" + "n" * 90  # four bytes of memory for each character
LONG_NAME = extended(b"L", "\N{GRINNING FACE}".encode() + b"n" * 900_000)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (lambda: header("m") * 150_000, "more than 100000 members"),
        (lambda: (extended(b"L", b"") + extended(b"K", b"") + A) * 60_000, "100000 extended"),
        (lambda: header("l", 7 * 1024**3, type=b"L") + A, "header of 7516192768 bytes"),
        (lambda: (LONG_NAME + A) * 10, "extended headers have more than"),
        (lambda: (extended(b"x", b"5 a=\n" * (MIB // 5)) + A) * 10, "headers have more than"),
        (lambda: old_sparse("s", b"", 20_000), "headers have more than"),
        (
            lambda: header("n" * 150 + "/" + WIDE, type=b"2", link=WIDE) * 90_000,
            "names take more than",
        ),
        (lambda: altered(header("m"), {124: b"\xff" * 10 + b"\xfe\0"}), "negative"),
    ],
    ids=[
        "members",
        "extended headers",
        "a long name of 7 GiB",
        "long names",
        "pax records",
        "maps of sparse parts",
        "wide characters in names",
        "size -512",
    ],
)
def test_time_and_memory_are_bounded(
    tmp_path: Path, data: Callable[[], bytes], problem: str
) -> None:
    path = tmp_path / "hostile.tar"
    path.write_bytes(data())
    run = subprocess.run(
        [sys.executable, "-c", MEASURED_WALK, str(path)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found, seconds, kilobytes = run.stdout.splitlines()
    assert problem in found
    assert float(seconds) < 5
    assert int(kilobytes) < 192 * 1024
