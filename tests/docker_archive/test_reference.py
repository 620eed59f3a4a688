import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import (
    BlobInfo,
    DestinationExists,
    DockerReference,
    InvalidArchive,
    InvalidReference,
    SourceNotFound,
    SourceReadFailed,
)
from imgcopy_docker_archive import (
    DockerArchiveDestinationOptions,
    DockerArchiveSourceOptions,
)
from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.reference import DockerArchiveReference

from .archives import item, manifest_json, parts
from .images import Image, digest_of
from .tars import tar

parse = DockerArchiveReference.parse
APP = DockerReference("docker.io", "library/app", "latest")


@pytest.mark.parametrize(
    ("text", "file", "docker_reference", "index"),
    [
        ("a.tar", "a.tar", None, None),
        ("/dir/a.tar", "/dir/a.tar", None, None),
        ("-", "-", None, None),
        ("a.tar:app", "a.tar", "docker.io/library/app:latest", None),
        ("a.tar:app:1", "a.tar", "docker.io/library/app:1", None),
        ("a.tar:team/app", "a.tar", "docker.io/team/app:latest", None),
        ("a.tar:reg.example:5000/app", "a.tar", "reg.example:5000/app:latest", None),
        ("a.tar:reg.example:5000/x/y:1.0", "a.tar", "reg.example:5000/x/y:1.0", None),
        ("a.tar:@0", "a.tar", None, 0),
        ("a.tar:@007", "a.tar", None, 7),
        ("-:@12", "-", None, 12),
        (r"a\:b.tar", "a:b.tar", None, None),
        (r"/a\:b/c\:d.tar:app:1", "/a:b/c:d.tar", "docker.io/library/app:1", None),
        (r"a\:@1:@2", "a:@1", None, 2),
        (r"a\\:app", "a\\", "docker.io/library/app:latest", None),
        (r"a\b\\c", "a\\b\\c", None, None),
        ("a\\", "a\\", None, None),
        ("a b\nc", "a b\nc", None, None),
        ("caf\udce9", "caf\udce9", None, None),
    ],
)
def test_parse(text: str, file: str, docker_reference: str | None, index: int | None) -> None:
    reference = parse(text)
    assert reference.file == file
    assert reference.index == index
    named = reference.docker_reference
    assert (None if named is None else str(named)) == docker_reference


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "path is empty"),
        (":app", "path is empty"),
        (":@0", "path is empty"),
        ("a\0b", "NUL"),
        ("a.tar:", "empty"),
        ("a.tar:@", "index"),
        ("a.tar:@-1", "index"),
        ("a.tar:@+1", "index"),
        ("a.tar:@٣", "index"),
        ("a.tar:@1 ", "index"),
        ("a.tar:@1\n", "index"),
        ("a.tar:@1_0", "index"),
        ("a.tar:@" + "9" * 5000, "index"),
        ("a.tar:@sha256:" + "0" * 64, "index"),
        ("a.tar:App", "lower case"),
        ("a.tar:app:" + "t" * 129, "129"),
        ("a.tar:app:1\n", "tag"),
        ("a.tar:app@sha256:abc", "sha256"),
        ("a.tar:app@sha256:" + "0" * 64, "digest"),
        ("a.tar:app:1@sha256:" + "0" * 64, "digest"),
        ("a.tar:app@sha256:" + "0" * 64 + "\n", "digest"),
        ("/a:b/c.tar:app:1", r"written as \:"),
        ("C:/a.tar", r"written as \:"),
    ],
)
def test_malformed(text: str, problem: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse(text)
    assert caught.value.text == text
    assert problem in caught.value.problem


references = st.builds(
    DockerArchiveReference,
    st.text(
        st.one_of(st.sampled_from("\\:@/-"), st.characters(exclude_characters="\0")), min_size=1
    ),
).flatmap(
    lambda reference: st.sampled_from(
        [
            reference,
            DockerArchiveReference(reference.file, APP),
            DockerArchiveReference(reference.file, None, 3),
        ]
    )
)


@given(references)
def test_what_is_printed_parses_to_the_same(reference: DockerArchiveReference) -> None:
    assert parse(str(reference)) == reference


@given(st.text(st.one_of(st.sampled_from("\\:@a/0"), st.characters())))
def test_what_parses_is_printed_as_an_equal_reference(text: str) -> None:
    try:
        reference = parse(text)
    except InvalidReference:
        return
    assert parse(str(reference)) == reference


def test_path() -> None:
    assert parse("-").path is None
    assert parse("/dev/stdin").path == "/dev/stdin"
    assert parse(r"/a\:b:app").path == "/a:b"


# --- opening --------------------------------------------------------------------------------------


@pytest.fixture
def archive(tmp_path: Path, image: Image) -> Path:
    """An archive of one image, with two tags."""
    path = tmp_path / "with:colon.tar"
    path.write_bytes(tar(parts(image), manifest_json(item(image, ["app:1", "app:2"]))))
    return path


def escaped(path: Path) -> str:
    return str(path).replace(":", "\\:")


@pytest.mark.parametrize("choice", ["", ":app:2", ":@0"])
def test_a_source(archive: Path, image: Image, choice: str) -> None:
    reference = parse(escaped(archive) + choice)
    with reference.open_source() as source:
        stream = source.blob(BlobInfo(digest_of(image.config)))
        assert stream.read(10_000) == image.config
        stream.close()


@pytest.mark.parametrize("choice", ["", ":app:2", ":@7", ":missing"])
def test_all_tags_whatever_is_chosen(archive: Path, choice: str) -> None:
    assert parse(escaped(archive) + choice).tags() == ["app:1", "app:2"]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("", ["docker.io/library/app:1", "docker.io/library/app:2"]),
        (":@0", ["docker.io/library/app:1", "docker.io/library/app:2"]),
        (":app:2", ["docker.io/library/app:2"]),
        (":new", ["docker.io/library/new:latest"]),
    ],
)
def test_the_names_of_what_is_meant(archive: Path, choice: str, names: list[str]) -> None:
    assert list(map(str, parse(escaped(archive) + choice).names())) == names


def test_the_names_of_an_image_that_is_not_there(archive: Path) -> None:
    with pytest.raises(SourceNotFound):
        parse(escaped(archive) + ":@7").names()
    archive.unlink()
    with pytest.raises(SourceNotFound):
        parse(escaped(archive)).names()


def test_standard_input_is_not_read_for_names() -> None:
    assert parse("-").names() == []


def test_options_reach_the_source(archive: Path) -> None:
    archive.write_bytes(gzip.compress(archive.read_bytes()))
    reference = parse(escaped(archive))
    assert reference.tags() == ["app:1", "app:2"]
    options = DockerArchiveSourceOptions(temporary_directory="/nowhere")
    with pytest.raises(SourceReadFailed, match="/nowhere"):
        reference.open_source(options)
    with pytest.raises(SourceReadFailed, match="/nowhere"):
        reference.tags(options)
    with pytest.raises(SourceReadFailed, match="/nowhere"):
        reference.names(options)


def test_the_layout_reaches_the_source(archive: Path) -> None:
    options = DockerArchiveSourceOptions(layout=Layout.OCI)
    reference = parse(escaped(archive))
    for read in (reference.open_source, reference.tags, reference.names):
        with pytest.raises(InvalidArchive, match=r"it has no oci-layout \(leave out the option"):
            read(options)
    with (
        reference.open_images(options) as images,
        pytest.raises(InvalidArchive, match=r"it has no oci-layout \(leave out the option"),
    ):
        images.references()


def test_a_missing_archive(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound) as caught:
        parse(f"{tmp_path}/a.tar").open_source()
    assert str(caught.value) == f'"{tmp_path}/a.tar": there is no such file'


def test_a_missing_archive_before_an_unescaped_colon(tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()
    with pytest.raises(SourceNotFound) as caught:
        parse(f"{tmp_path}/a:b/c.tar").open_source()
    assert str(caught.value) == (
        f'"{tmp_path}/a": there is no such file '
        "(a colon that belongs to the path is written as \\:)"
    )


def test_a_missing_image(archive: Path) -> None:
    with pytest.raises(SourceNotFound) as caught:
        parse(escaped(archive) + ":app:3").open_source()
    assert str(caught.value) == (
        f'"{archive}": it has no image "docker.io/library/app:3"; it has "app:1", "app:2"'
    )


def test_a_destination(tmp_path: Path) -> None:
    options = DockerArchiveDestinationOptions()
    parse(f"{tmp_path}/new.tar:app:1").open_destination(options).close()
    assert list(tmp_path.iterdir()) == []


def test_a_destination_that_exists(archive: Path) -> None:
    with pytest.raises(DestinationExists):
        parse(escaped(archive) + ":app").open_destination()


def test_no_destination_by_index(tmp_path: Path) -> None:
    with pytest.raises(InvalidReference, match="@1 names an image to read"):
        parse(f"{tmp_path}/new.tar:@1").open_destination()


def test_options_of_another_kind(archive: Path) -> None:
    with pytest.raises(TypeError):
        parse(escaped(archive)).open_source(DockerArchiveDestinationOptions())
