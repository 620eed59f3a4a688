import io
import os
import posixpath
import tarfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from imgcopy_core_stubs import InvalidArchive
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading._tar_walk import MemberKind, TarMember, clean_name, walk
from tests.docker_archive.tars import (
    END,
    altered,
    extended,
    file,
    hard_link,
    header,
    names,
    old_sparse,
    padded,
    pax_record,
    symlink,
    tar,
    walked,
)

KINDS = {
    tarfile.REGTYPE: MemberKind.FILE,
    tarfile.DIRTYPE: MemberKind.DIRECTORY,
    tarfile.SYMTYPE: MemberKind.SYMLINK,
    tarfile.LNKTYPE: MemberKind.HARD_LINK,
    tarfile.FIFOTYPE: MemberKind.DEVICE,
}


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


CHANGED = (
    extended(b"L", b"n" * 120),
    file("long", b"d" * 700),
    extended(b"x", pax_record("path", "pax/path") + pax_record("size", "5")),
    file("pax", b"12345"),
    symlink("symlink", "long"),
    hard_link("hard", "long"),
    extended(b"g", pax_record("comment", "c")),
    header("folder/", type=b"5"),
    header("gnu", 3, format=tarfile.GNU_FORMAT) + padded(b"abc"),
)
changes = st.dictionaries(
    st.sampled_from([0, 124, 135, 156, 157, 257, 263, 345, 508]) | st.integers(0, 511),
    st.lists(st.sampled_from(b"\0012578LKxgSA /.-+_\x80\xff"), min_size=1, max_size=3).map(bytes),
    max_size=3,
)


@given(st.lists(changes, min_size=len(CHANGED), max_size=len(CHANGED)))
@example([{}] * 7 + [{156: b"S", 345: b"prefix"}, {}])  # tarfile and Go disagree
def test_headers_changed_at_will_are_refused_or_read_as_tarfile_reads_them(
    changes: list[dict[int, bytes]],
) -> None:
    data = tar(
        *(
            altered(member[:512], {at: text[: 512 - at] for at, text in change.items()})
            + member[512:]
            for member, change in zip(CHANGED, changes, strict=True)
        )
    )
    try:
        members = walked(data)
    except InvalidArchive:
        return
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8") as archive:
        expected = [(posixpath.normpath("/" + info.name).lstrip("/"), info) for info in archive]
    assert len(members) == len(expected)
    for member, (name, info) in zip(members, expected, strict=True):
        assert posixpath.normpath("/" + member.name).lstrip("/") == name
        if member.kind is not MemberKind.SPARSE:  # of those tarfile tells the size with the holes
            assert (member.offset, member.size) == (info.offset_data, info.size)


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


def test_a_time_before_1970() -> None:
    assert names(tar(altered(header("a"), {136: b"\xff" * 11 + b"\xfe"}))) == ["a"]


def test_only_links_have_a_target() -> None:
    assert walked(tar(header("a", link="b"))) == [TarMember("a", MemberKind.FILE, 512, 0, "")]


def test_the_prefix_of_star_ends_where_its_times_begin() -> None:
    block = altered(header("a"), {345: b"p" * 131 + b"14524770000 " * 2, 508: b"tar\0"})
    assert names(tar(block)) == ["p" * 131 + "/a"]


def test_a_comment_for_all_members() -> None:
    assert names(tar(extended(b"g", pax_record("comment", "0" * 40)), file("a"))) == ["a"]


@pytest.mark.parametrize("padding", [0, 512, 10240, 1024 * 1024])
def test_zero_padding(padding: int) -> None:
    assert names(tar(file("a"), bytes(padding))) == ["a"]


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
