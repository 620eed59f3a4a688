import tarfile

import pytest

from imgcopy_docker_archive.reading._tar_walk import MemberKind, TarMember
from tests.docker_archive.tars import (
    END,
    altered,
    extended,
    file,
    header,
    names,
    old_sparse,
    padded,
    pax_record,
    refusal,
    symlink,
    tar,
    walked,
)

A = file("a", b"data")  # 1,024 bytes


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
        pytest.param(  # Python's tarfile goes by the first name, GNU tar and Go by the last one
            tar(
                A,
                extended(b"x", pax_record("path", "b")),
                header("b/", 1024, type=b"\0"),
                bytes(1024),
            ),
            "b",
            2048,
            "take for a directory",
            id="directory by its first name only",
        ),
        pytest.param(
            tar(A, altered(header("b"), {136: b"yesterday\0"})),
            "",
            1024,
            "malformed number",
            id="time in words",
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
        pytest.param(
            tar(altered(header("n"), {257: bytes(8), 345: b"p"})),
            "",
            0,
            "prefix",
            id="prefix in a header before POSIX",
        ),
        pytest.param(tar(extended(b"L", b""), A), "", 0, "empty long name", id="empty long name"),
        pytest.param(
            tar(extended(b"K", b"\0n"), A), "", 0, "empty long name", id="empty long link"
        ),
        pytest.param(
            tar(header("L", 2, type=b"L"), padded(b"no more")),
            "",
            0,
            "after an extended header's",
            id="more than a long name",
        ),
        pytest.param(
            tar(header("x", 9, type=b"x"), padded(b"9 path=a\n9 path=b\n"), A),
            "",
            0,
            "after an extended header's",
            id="more than a pax header",
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
