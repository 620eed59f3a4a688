import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imgcopy_core_stubs import (
    BlobInfo,
    CopyOptions,
    Digest,
    DigestMismatch,
    ImageSource,
    Instances,
    InvalidArchive,
    InvalidDocument,
    Platform,
    SizeMismatch,
    SourceError,
    SourceNotFound,
    TooLarge,
    choose_instance,
    copy_image,
)
from imgcopy_core_stubs.transports.oci.transport import OciTransport
from imgcopy_docker_archive import DockerArchiveSourceOptions
from imgcopy_docker_archive._stored_images import open_source
from imgcopy_docker_archive.reference import DockerArchiveReference
from tests.docker_archive.images import Image, make_image
from tests.docker_archive.oci_archives import (
    OCI_INDEX,
    Blob,
    Document,
    OciImage,
    index_json,
    index_of,
    layout,
    oci_image,
)
from tests.docker_archive.tars import file, hard_link, header, symlink, tar

MIB = 1024 * 1024
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ARM = make_image(b"layer for arm", os="linux", architecture="arm64")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.tar"


@pytest.fixture
def made(image: Image) -> OciImage:
    return oci_image(image)


def opened(path: Path, data: bytes) -> ImageSource:
    path.write_bytes(data)
    return open_source(str(path), None, None, DockerArchiveSourceOptions())


def read(source: ImageSource, blob: Blob, size: int | None = None) -> bytes:
    stream = source.blob(BlobInfo(blob.digest, len(blob.raw) if size is None else size))
    try:
        return b"".join(iter(lambda: stream.read(1000), b""))
    finally:
        stream.close()


def check(source: ImageSource, image: OciImage) -> None:
    """Everything must come as it is stored."""
    assert source.manifest().raw == image.manifest.raw
    assert source.manifest().media_type == image.manifest.media_type
    for blob in image.blobs:
        assert read(source, blob) == blob.raw


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "media_type", ["application/vnd.oci.image.manifest.v1+json", DOCKER_MANIFEST]
)
def test_an_image_as_it_is_stored(path: Path, image: Image, media_type: str) -> None:
    made = oci_image(image, media_type)
    data = layout(made.members, index_json(made.manifest.descriptor(ref="v1")))
    with opened(path, data) as source:
        check(source, made)
        assert source.capabilities.parallel_blobs
        assert source.signatures() == ()


def test_the_index_first_and_leading_dots(path: Path, made: OciImage) -> None:
    names = [(f"./{blob.path}", blob.raw) for blob in (made.manifest, *made.blobs)]
    members = [file(name, raw) for name, raw in names]
    data = tar(
        header("./", type=b"5"),
        index_json(made.manifest.descriptor()),
        file("./oci-layout", b'{"imageLayoutVersion":"1.1.0"}'),
        *members,
    )
    with opened(path, data) as source:
        check(source, made)


def test_digests_of_another_algorithm(path: Path) -> None:
    blob = Blob(b"layer", "application/vnd.oci.image.layer.v1.tar", "sha512")
    config = Blob(b"{}", "application/vnd.oci.image.config.v1+json", "sha384")
    document = {"schemaVersion": 2, "config": config.descriptor(), "layers": [blob.descriptor()]}
    made = OciImage(Blob(json.dumps(document).encode(), algorithm="sha512"), (config, blob))
    with opened(path, layout(made.members, index_json(made.manifest.descriptor()))) as source:
        check(source, made)


def test_blobs_behind_links(path: Path, made: OciImage) -> None:
    config, first, second = made.blobs
    data = layout(
        file("x", config.raw),
        hard_link(config.path, "x"),
        symlink(first.path, "../../layers/first"),
        file("layers/first", first.raw),
        second.member,
        second.member,
        hard_link(made.manifest.path, "blobs/m"),
        symlink("blobs/m", "../m"),
        file("m", made.manifest.raw),
        index_json(made.manifest.descriptor()),
    )
    with opened(path, data) as source:
        check(source, made)


def nested(
    image: OciImage, other: OciImage, inner_type: str = DOCKER_LIST
) -> tuple[Blob, Blob, bytes]:
    """An index of an image and an index of another image, the inner index, and their archive."""
    inner = index_of(
        other.manifest.descriptor(platform={"os": "linux", "architecture": "arm64"}),
        media_type=inner_type,
    )
    top = index_of(
        image.manifest.descriptor(platform={"os": "linux", "architecture": "amd64"}),
        inner.descriptor(platform={"os": "linux", "architecture": "arm64"}),
    )
    members = (image.members, other.members, inner.member, top.member)
    return top, inner, layout(*members, index_json(top.descriptor(full="docker.io/library/app:1")))


def test_a_nested_index(path: Path, made: OciImage) -> None:
    other = oci_image(ARM)
    top, inner, data = nested(made, other)
    with opened(path, data) as source:
        assert source.manifest().raw == top.raw
        assert source.manifest(made.manifest.digest).raw == made.manifest.raw
        with pytest.raises(SourceNotFound, match="no index of the image names"):
            source.manifest(other.manifest.digest)
        assert source.manifest(inner.digest).raw == inner.raw
        assert source.manifest(other.manifest.digest).raw == other.manifest.raw
        for name, image in (("linux/amd64", made), ("linux/arm64", other)):
            chosen = choose_instance(source, Platform.parse(name), "a.tar")
            assert chosen.raw == image.manifest.raw


def test_an_instance_without_its_index_being_read_before(path: Path, made: OciImage) -> None:
    *_, data = nested(made, oci_image(ARM))
    with opened(path, data) as source:
        assert source.manifest(made.manifest.digest).raw == made.manifest.raw


def test_a_copy_keeps_the_digest(path: Path, made: OciImage, tmp_path: Path) -> None:
    top, inner, data = nested(made, oci_image(ARM), OCI_INDEX)
    path.write_bytes(data)
    target = OciTransport().parse_reference(f"{tmp_path}/copied:1")
    options = CopyOptions(instances=Instances.ALL, preserve_digests=True)
    copy_image(DockerArchiveReference(str(path)), target, options=options)
    index = json.loads((tmp_path / "copied/index.json").read_bytes())
    assert index["manifests"][0]["digest"] == f"sha256:{top.hex}"
    for blob in (top, inner, made.manifest, *made.blobs):
        assert (tmp_path / "copied" / blob.path).read_bytes() == blob.raw


# --- refusals -------------------------------------------------------------------------------------


def refusal(path: Path, data: bytes) -> SourceError:
    """What is raised when the image is read, and all of its blobs."""
    with pytest.raises(SourceError) as caught, opened(path, data) as source:
        manifest = json.loads(source.manifest().raw)
        for described in (manifest["config"], *manifest["layers"]):
            info = BlobInfo(Digest.parse(described["digest"]), described["size"])
            source.blob(info).close()
    return caught.value


def without(image: OciImage, missing: Blob) -> bytes:
    """An image's members but one."""
    return b"".join(
        blob.member for blob in (image.manifest, *image.blobs) if blob.path != missing.path
    )


@pytest.mark.parametrize("which", ["manifest", "config", "layer"])
@pytest.mark.parametrize(
    ("replacement", "kind", "problem"),
    [
        (lambda _: b"", SourceNotFound, "has no member"),
        (lambda blob: file(blob.path, blob.raw[:-1]), SizeMismatch, "bytes, got"),
        (lambda blob: file(blob.path, blob.raw + b"x"), SizeMismatch, "bytes, got"),
        (lambda blob: symlink(blob.path, "../../../x"), InvalidArchive, "outside of the archive"),
        (lambda blob: symlink(blob.path, "/etc/passwd"), InvalidArchive, "outside of the archive"),
        (lambda blob: hard_link(blob.path, "x"), InvalidArchive, "not in the archive"),
        (lambda blob: symlink(blob.path, blob.hex), InvalidArchive, "cycle"),
        (lambda blob: header(blob.path + "/", type=b"5"), InvalidArchive, "a directory"),
        (lambda blob: header(blob.path, type=b"6"), InvalidArchive, "a FIFO"),
        (
            lambda blob: blob.member + file(blob.path, bytes(len(blob.raw))),
            InvalidArchive,
            "other content",
        ),
    ],
    ids=[
        "missing",
        "shorter",
        "longer",
        "link to outside",
        "absolute link",
        "dangling link",
        "link to itself",
        "directory",
        "FIFO",
        "two contents",
    ],
)
def test_a_blob_that_is_refused(
    path: Path,
    made: OciImage,
    which: str,
    replacement: Callable[[Blob], bytes],
    kind: type[SourceError],
    problem: str,
) -> None:
    blob = {"manifest": made.manifest, "config": made.blobs[0], "layer": made.blobs[1]}[which]
    members = without(made, blob) + replacement(blob)
    error = refusal(path, layout(members, index_json(made.manifest.descriptor())))
    assert isinstance(error, kind)
    assert problem in str(error)
    assert str(path) in str(error)


def test_a_manifest_with_another_digest(path: Path, made: OciImage) -> None:
    changed = made.manifest.raw.replace(b"schemaVersion", b"SchemaVersion")
    members = without(made, made.manifest) + file(made.manifest.path, changed)
    error = refusal(path, layout(members, index_json(made.manifest.descriptor())))
    assert isinstance(error, DigestMismatch)
    assert error.actual == f"sha256:{hashlib.sha256(changed).hexdigest()}"


def test_a_platform_that_is_not_in_the_archive(path: Path, made: OciImage) -> None:
    """As `docker save` with the containerd store does, where not every platform was pulled."""
    missing = oci_image(ARM).manifest
    top = index_of(
        made.manifest.descriptor(platform={"os": "linux", "architecture": "amd64"}),
        missing.descriptor(platform={"os": "linux", "architecture": "arm64"}),
    )
    with opened(path, layout(made.members, top.member, index_json(top.descriptor()))) as source:
        chosen = choose_instance(source, Platform("linux", "amd64"), "a.tar")
        assert chosen.raw == made.manifest.raw
        with pytest.raises(SourceNotFound, match="saved without the other platforms"):
            choose_instance(source, Platform("linux", "arm64"), "a.tar")


def test_an_index_that_contains_itself(path: Path) -> None:
    """It cannot have the digest that it names, and it is not read again and again."""
    digest = "sha256:" + "0" * 64
    raw = json.dumps(
        {"schemaVersion": 2, "manifests": [{"mediaType": OCI_INDEX, "digest": digest, "size": 300}]}
    ).encode()
    raw = raw.ljust(300)
    described: Document = {"mediaType": OCI_INDEX, "digest": digest, "size": 300}
    error = refusal(path, layout(file("blobs/sha256/" + "0" * 64, raw), index_json(described)))
    assert isinstance(error, DigestMismatch)


def test_indexes_that_are_nested_too_deeply(path: Path, made: OciImage) -> None:
    levels = [made.manifest]
    for _ in range(5):
        levels.append(index_of(levels[-1].descriptor()))
    members = b"".join(level.member for level in levels[1:])
    data = layout(made.members, members, index_json(levels[-1].descriptor()))
    with opened(path, data) as source, pytest.raises(InvalidDocument, match="nested deeper"):
        choose_instance(source, Platform("linux", "amd64"), "a.tar")


@pytest.mark.parametrize("size", [4 * MIB, 4 * MIB + 1, 2**62])
def test_a_manifest_up_to_4_mib(path: Path, size: int) -> None:
    raw = b'{"schemaVersion":2}'.ljust(min(size, 5 * MIB))
    manifest = Blob(raw)
    data = layout(manifest.member, index_json({**manifest.descriptor(), "size": size}))
    with opened(path, data) as source:
        if size == 4 * MIB:
            assert source.manifest().raw == raw
        else:
            with pytest.raises(TooLarge):
                source.manifest()


def test_a_small_manifest_whose_member_is_of_a_tebibyte(path: Path, made: OciImage) -> None:
    start = header(made.manifest.path, 1024**4, format=1)
    with path.open("wb") as sparse:
        sparse.write(start)
        sparse.seek(1024**4, os.SEEK_CUR)
        sparse.write(layout(index_json(made.manifest.descriptor())))
    options = DockerArchiveSourceOptions()
    with open_source(str(path), None, None, options) as source, pytest.raises(TooLarge):
        source.manifest()


def test_an_index_that_gives_one_manifest_two_sizes(path: Path, made: OciImage) -> None:
    described = made.manifest.descriptor()
    top = index_of(described, {**described, "size": 7})
    data = layout(made.members, top.member, index_json(top.descriptor()))
    with opened(path, data) as source, pytest.raises(InvalidDocument) as caught:
        source.manifest()
    assert caught.value.path == "$.manifests[1].size"


def test_an_invalid_index_is_for_its_user_to_refuse(path: Path) -> None:
    top = Blob(b'{"schemaVersion":2,"manifests":7}', OCI_INDEX)
    with opened(path, layout(top.member, index_json(top.descriptor()))) as source:
        assert source.manifest().raw == top.raw
        with pytest.raises(InvalidDocument):
            choose_instance(source, Platform("linux", "amd64"), "a.tar")


def test_no_such_blob(path: Path, made: OciImage) -> None:
    data = layout(made.members, index_json(made.manifest.descriptor()))
    with opened(path, data) as source:
        for info in (BlobInfo(), BlobInfo(Digest("sha256", "0" * 64))):
            with pytest.raises(SourceNotFound):
                source.blob(info)


def test_a_blob_of_unknown_size(path: Path, made: OciImage) -> None:
    data = layout(made.members, index_json(made.manifest.descriptor()))
    with opened(path, data) as source:
        stream = source.blob(BlobInfo(made.blobs[0].digest))
        assert stream.read(10_000) == made.blobs[0].raw
        stream.close()


# --- time and memory ------------------------------------------------------------------------------

MEASURED = """
import sys, time
from imgcopy_core_stubs import SourceError
from imgcopy_docker_archive.reference import DockerArchiveReference
reference = DockerArchiveReference(sys.argv[1])
print(len(reference.tags()))
try:
    with reference.open_images() as images:
        for image in images.references():
            image.open_source().manifest()
    print("read")
except SourceError as error:
    print(type(error).__name__)
peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
print(time.process_time(), peak, sep="\\n")
"""


def many_members_and_descriptors() -> tuple[bytes, int, str]:
    """As many members and descriptors as there may be, all pointing to one file of 4 MiB."""
    target = file("t", bytes(4 * MIB))
    digests = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(30_000)]
    links = b"".join(hard_link(f"blobs/sha256/{digest}", "t") for digest in digests)
    index = ",".join(
        f'{{"digest":"sha256:{digest}","size":{4 * MIB}}}' for digest in digests
    ).encode()
    index = b'{"schemaVersion":2,"manifests":[' + index + b"]}"
    assert 2 * MIB < len(index) < 4 * MIB
    manifest = b'[{"Config":"c","RepoTags":["app:1"]}]'
    members = file("manifest.json", manifest) + header("m") * 65_000
    return layout(target, links, members, file("index.json", index)), 30_000, "DigestMismatch"


def many_duplicates() -> tuple[bytes, int, str]:
    """As many descriptors as there may be without a name, of a file that is there many times."""
    digests = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(30_000)]
    links = b"".join(hard_link(f"blobs/sha256/{digest}", "t") for digest in digests)
    described = ",".join(f'{{"digest":"sha256:{digest}","size":1}}' for digest in digests)
    index = b'{"schemaVersion":2,"manifests":[' + described.encode() + b"]}"
    manifest = b'[{"Config":"c","RepoTags":["app:1"]}]'
    members = file("manifest.json", manifest) + file("t", b"x") * 60_000 + file("t", b"y")
    return layout(members, links, file("index.json", index)), 30_000, "InvalidArchive"


def many_names() -> tuple[bytes, int, str]:
    """One image with as many names as there may be."""
    manifest = Blob(b'{"schemaVersion":2}')
    described = [manifest.descriptor(ref=f"a:{n}") for n in range(18_000)]
    index = index_json(*described)
    assert 3 * MIB < len(index) < 4 * MIB
    return layout(manifest.member, index), 18_000, "read"


@pytest.mark.parametrize("make", [many_members_and_descriptors, many_duplicates, many_names])
def test_time_and_memory_are_bounded(
    path: Path, make: Callable[[], tuple[bytes, int, str]]
) -> None:
    data, count, outcome = make()
    path.write_bytes(data)
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], check=True, stdout=subprocess.PIPE, text=True
    )
    tags, found, seconds, kilobytes = run.stdout.splitlines()
    assert (int(tags), found) == (count, outcome)
    assert float(seconds) < 10  # 5 is the goal; this machine may be busy
    assert int(kilobytes) < 192 * 1024
