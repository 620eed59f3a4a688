"""Several images between archives and layouts, in one go."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from imgcopy_core_stubs import (
    CopyOptions,
    CopySource,
    DestinationStateError,
    DockerReference,
    ImageReference,
    Instances,
    InvalidOption,
    InvalidReference,
    RawManifest,
    SourceError,
    UnsupportedByDestination,
    copy_image,
    copy_images,
    plan_copy,
)
from imgcopy_core_stubs.transports.oci import OciTransport
from imgcopy_docker_archive import DockerArchive, DockerArchiveDestinationOptions, Existing
from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.transport import DockerArchiveTransport

from . import expected_archive
from .source_layouts import OCI_INDEX, OCI_MANIFEST, SourceLayout


def archive(path: Path, image: str = "") -> ImageReference:
    return DockerArchiveTransport().parse_reference(f"{path}{image}")


def oci(text: str | Path) -> ImageReference:
    return OciTransport().parse_reference(str(text))


def documents(path: Path) -> dict[str, Any]:
    members = expected_archive.read(path.read_bytes())
    names = [name for name in ("manifest.json", "index.json") if name in members]
    return {name: json.loads(members[name]) for name in names}


@pytest.fixture
def layout(tmp_path: Path) -> SourceLayout:
    return SourceLayout(tmp_path / "layout")


def tags(path: Path) -> list[list[str]]:
    return [item["RepoTags"] for item in documents(path)["manifest.json"]]


def test_several_sources_in_one_archive(layout: SourceLayout, tmp_path: Path) -> None:
    base = [b"base"]
    first = layout.add(layout.manifest(*base), "example.org/first:1")
    layout.add(layout.manifest(*base, b"top"), "bare")
    path = tmp_path / "a.tar"
    sources = [CopySource(oci(first)), CopySource(oci(f"{layout.path}:bare"))]
    copy_images(sources, archive(path))
    assert tags(path) == [["example.org/first:1"], []]


def test_every_image_goes_from_archive_to_layout_to_archive(
    layout: SourceLayout, tmp_path: Path
) -> None:
    layout.add(layout.manifest(b"base"), "example.org/first:1")
    layout.add(layout.manifest(b"base", b"top"), "example.org/second:2")
    one, between, two = tmp_path / "one.tar", tmp_path / "between", tmp_path / "two.tar"
    keep = CopyOptions(preserve_digests=True)
    for source, target in (
        (oci(layout.path), archive(one)),
        (archive(one), oci(between)),
        (oci(between), archive(two)),
    ):
        copy_images([CopySource(source, all_images=True)], target, options=keep)
    assert one.read_bytes() == two.read_bytes()
    assert tags(one) == [["example.org/first:1"], ["example.org/second:2"]]


def test_a_name_with_a_digest_is_no_tag(layout: SourceLayout, tmp_path: Path) -> None:
    """As containerd names what was pulled by its digest: no reader takes it as a RepoTag."""
    pulled = layout.manifest(b"base")
    name = f"docker.io/library/alpine@{pulled['digest']}"
    index = {
        "schemaVersion": 2,
        "manifests": [{**pulled, "annotations": {"io.containerd.image.name": name}}],
    }
    (layout.path / "index.json").write_text(json.dumps(index))
    path = tmp_path / "a.tar"
    copy_images([CopySource(oci(layout.path), all_images=True)], archive(path))
    assert tags(path) == [[]]
    with (
        DockerArchive(str(tmp_path / "b.tar")) as other,
        pytest.raises(InvalidReference, match="named by a tag, not by a digest"),
    ):
        other.place([DockerReference.parse(name)])


def test_one_that_fails_leaves_no_archive(layout: SourceLayout, tmp_path: Path) -> None:
    layout.add(layout.manifest(b"base"), "example.org/first:1")
    broken = layout.manifest(b"top")
    layout.add(broken, "example.org/second:2")
    (layout.path / "blobs" / "sha256" / broken["digest"][7:]).unlink()
    path = tmp_path / "a.tar"
    with pytest.raises(SourceError):
        copy_images([CopySource(oci(layout.path), all_images=True)], archive(path))
    assert not path.exists()


def test_the_destination_names_no_image(layout: SourceLayout, tmp_path: Path) -> None:
    layout.add(layout.manifest(b"base"), "a")
    source = [CopySource(oci(layout.path), all_images=True)]
    with pytest.raises(InvalidReference, match="it names one image, and several go there"):
        copy_images(source, archive(tmp_path / "a.tar", ":app:1"))
    more = DockerArchiveDestinationOptions(additional_tags=("app:1",))
    with pytest.raises(InvalidOption, match="additional_tags"):
        copy_images(source, archive(tmp_path / "a.tar"), destination_options=more)


class TestIndexes:
    """`--all`: the index and every platform, attestations included."""

    @pytest.fixture
    def reference(self, layout: SourceLayout) -> str:
        arm = layout.manifest(b"arm", architecture="arm64")
        riscv = layout.manifest(b"riscv", architecture="riscv64")
        attestation = layout.manifest(b"{}", architecture="unknown", os="unknown")
        index = layout.index(
            {**arm, "platform": {"os": "linux", "architecture": "arm64"}},
            {**riscv, "platform": {"os": "linux", "architecture": "riscv64"}},
            {
                **attestation,
                "platform": {"os": "unknown", "architecture": "unknown"},
                "annotations": {
                    "vnd.docker.reference.type": "attestation-manifest",
                    "vnd.docker.reference.digest": arm["digest"],
                },
            },
        )
        return layout.add(index, "multi")

    ALL = CopyOptions(instances=Instances.ALL)

    def test_an_index_is_stored_whole(
        self, reference: str, layout: SourceLayout, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.tar"
        copy_image(oci(reference), archive(path, ":app:1"), options=self.ALL)
        members = expected_archive.read(path.read_bytes())
        blobs = {name for name in members if name.startswith("blobs/")}
        stored = {
            f"blobs/sha256/{file.name}" for file in (layout.path / "blobs" / "sha256").iterdir()
        }
        assert blobs == stored
        for name in blobs:
            content = members[name]
            assert isinstance(content, bytes)
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"

    @pytest.mark.parametrize(("platform", "layer"), [(None, b"arm"), ("linux/riscv64", b"riscv")])
    def test_docker_is_given_one_image(
        self, reference: str, tmp_path: Path, platform: str | None, layer: bytes
    ) -> None:
        """None is for this machine, so it is the first one; or the one that is asked for."""
        path = tmp_path / "a.tar"
        options = DockerArchiveDestinationOptions(platform=platform)
        copy_image(
            oci(reference),
            archive(path, ":app:1"),
            options=self.ALL,
            destination_options=options,
        )
        (item,) = documents(path)["manifest.json"]
        config = json.loads(expected_archive.read(path.read_bytes())[item["Config"]])
        assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
        assert item["RepoTags"] == ["docker.io/library/app:1"]

    def test_a_platform_that_is_not_there(self, reference: str, tmp_path: Path) -> None:
        path = tmp_path / "a.tar"
        options = DockerArchiveDestinationOptions(platform="linux/s390x")
        with pytest.raises(InvalidOption) as caught:
            copy_image(oci(reference), archive(path), options=self.ALL, destination_options=options)
        assert caught.value.option == "platform"
        assert '"linux/s390x"' in caught.value.problem
        for there in ("linux/arm64", "linux/riscv64"):
            assert there in caught.value.problem
        assert not path.exists()

    def test_a_platform_is_judged_when_the_index_comes(
        self, layout: SourceLayout, tmp_path: Path
    ) -> None:
        """And not at the commit; what is refused leaves the archive as it was."""
        path = tmp_path / "a.tar"
        oci_layout = DockerArchiveDestinationOptions(layout=Layout.OCI, platform="linux/s390x")
        empty = b'{"schemaVersion":2,"manifests":[]}'
        with DockerArchive(str(path), oci_layout) as other, other.destination() as destination:
            with pytest.raises(InvalidOption, match="it has none"):
                destination.put_manifest(RawManifest(empty, OCI_INDEX))
            with pytest.raises(DestinationStateError, match="no manifest was put"):
                destination.commit()

    def test_a_single_image_must_fit_the_platform(
        self, layout: SourceLayout, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.tar"
        reference = layout.add(layout.manifest(b"base", architecture="arm64"), "single")
        copy_image(
            oci(reference),
            archive(path),
            options=self.ALL,
            destination_options=DockerArchiveDestinationOptions(platform="linux/arm64"),
        )
        before = path.read_bytes()
        options = DockerArchiveDestinationOptions(existing=Existing.APPEND, platform="linux/s390x")
        with pytest.raises(InvalidOption, match='"linux/arm64", not for "linux/s390x"') as caught:
            copy_image(oci(reference), archive(path), options=self.ALL, destination_options=options)
        assert caught.value.option == "platform"
        assert path.read_bytes() == before

    def test_what_is_no_image_has_no_platform(self, layout: SourceLayout, tmp_path: Path) -> None:
        artifact = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/x",
            "config": layout.blob(b"{}", "application/vnd.oci.empty.v1+json"),
            "layers": [layout.blob(b"text", "text/plain")],
        }
        raw = json.dumps(artifact).encode()
        reference = layout.add(layout.blob(raw, OCI_MANIFEST), "artifact")
        path = tmp_path / "a.tar"
        options = DockerArchiveDestinationOptions(platform="linux/arm64")
        with pytest.raises(InvalidOption, match="what is copied has no platform"):
            copy_image(oci(reference), archive(path), options=self.ALL, destination_options=options)
        assert not path.exists()

    def test_the_index_comes_back(self, reference: str, tmp_path: Path) -> None:
        path, target = tmp_path / "a.tar", tmp_path / "target"
        copy_image(oci(reference), archive(path), options=self.ALL)
        result = copy_image(archive(path), oci(target), options=self.ALL)
        with oci(reference).open_source() as source:
            assert result.manifest.raw == source.manifest().raw

    def test_an_index_without_its_images_is_refused(self, reference: str, tmp_path: Path) -> None:
        path = tmp_path / "a.tar"
        only = CopyOptions(instances=Instances.INDEX_ONLY)
        for do in (copy_image, plan_copy):
            with pytest.raises(UnsupportedByDestination, match="an index without its images"):
                do(oci(reference), archive(path), options=only)
        assert not path.exists()

    def test_the_docker_layout_holds_none(self, reference: str, tmp_path: Path) -> None:
        options = DockerArchiveDestinationOptions(layout=Layout.DOCKER)
        with pytest.raises(InvalidOption, match="the docker layout cannot hold an index"):
            copy_image(
                oci(reference),
                archive(tmp_path / "a.tar"),
                options=self.ALL,
                destination_options=options,
            )


def test_options_that_do_not_apply(layout: SourceLayout, tmp_path: Path) -> None:
    reference = layout.add(layout.manifest(b"base"), "a")
    for options, problem in (
        (DockerArchiveDestinationOptions(platform="linux/amd64"), "the docker layout holds no"),
        *(
            (
                DockerArchiveDestinationOptions(layout=Layout.OCI, v1_folders=given),
                "the oci layout never has them",
            )
            for given in (True, False)
        ),
    ):
        with pytest.raises(InvalidOption, match=problem):
            copy_image(oci(reference), archive(tmp_path / "a.tar"), destination_options=options)
    with pytest.raises(ValueError, match=r"platform: .*must be OS/ARCHITECTURE"):
        DockerArchiveDestinationOptions(platform="amd64")


def test_without_v1_folders_there_are_no_links(layout: SourceLayout, tmp_path: Path) -> None:
    reference = layout.add(layout.manifest(b"base", b"top"), "a")
    path = tmp_path / "a.tar"
    options = DockerArchiveDestinationOptions(v1_folders=False)
    copy_image(oci(reference), archive(path, ":app:1"), destination_options=options)
    base, top = (hashlib.sha256(layer).hexdigest() for layer in (b"base", b"top"))
    (item,) = documents(path)["manifest.json"]
    members = [f"{base}.tar", f"{top}.tar", item["Config"], "manifest.json"]
    assert list(expected_archive.read(path.read_bytes())) == members


@pytest.mark.parametrize("layout_option", Layout)
@pytest.mark.parametrize("parallel", [1, 4])
def test_the_same_bytes_to_a_file_and_to_a_pipe(
    layout: SourceLayout, tmp_path: Path, layout_option: Layout, parallel: int
) -> None:
    layers = [bytes([number]) * 200_000 for number in range(6)]
    reference = layout.add(layout.manifest(*layers), "a")
    options = DockerArchiveDestinationOptions(layout=layout_option)
    plain, path, gzipped = (tmp_path / name for name in ("one.tar", "a.tar", "b.tar.gz"))
    for target, copies in ((plain, 1), (path, parallel), (gzipped, parallel)):
        copy_image(
            oci(reference),
            archive(target, ":app:1"),
            options=CopyOptions(parallel_copies=copies),
            destination_options=options,
        )
    assert path.read_bytes() == plain.read_bytes()
    assert gzip.decompress(gzipped.read_bytes()) == plain.read_bytes()
