"""Blobs of the `oci` layout that are there already, and the sizes that are said of them."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from imgcopy_core_stubs import (
    BlobInfo,
    CopyOptions,
    DestinationStateError,
    Digest,
    ImageManifest,
    InvalidDestination,
    RawManifest,
    copy_image,
    media_types,
    parse_manifest,
)
from imgcopy_core_stubs.transports.oci import OciTransport
from imgcopy_docker_archive import DockerArchive, DockerArchiveDestinationOptions
from imgcopy_docker_archive.config import Existing, Layout

LAYER = b"some layer"
DIGEST = Digest.parse("sha256:5cb8e097b28516b26c62e2cfe12a906c65b9e06ab52e65f1f2485d5ee696fde2")
HELLO = Path(__file__).parents[2] / "data" / "hello"


def options(existing: Existing = Existing.REFUSE) -> DockerArchiveDestinationOptions:
    return DockerArchiveDestinationOptions(layout=Layout.OCI, existing=existing)


def test_a_blob_that_was_put_has_its_own_size_whatever_is_asked_for(tmp_path: Path) -> None:
    with (
        DockerArchive(str(tmp_path / "x.tar"), options()) as archive,
        archive.destination() as destination,
    ):
        destination.put_blob(io.BytesIO(LAYER), BlobInfo(DIGEST, 10), is_config=False)
        for size in (None, 9, 10, 11):
            wanted = BlobInfo(DIGEST, size)
            reused = destination.try_reusing_blob(wanted, can_substitute=False)
            assert reused == BlobInfo(DIGEST, 10)


def test_a_blob_of_the_old_archive_that_has_another_size_is_damaged(tmp_path: Path) -> None:
    path = str(tmp_path / "x.tar")
    source = OciTransport().parse_reference(f"{HELLO}:latest")
    with DockerArchive(path, options()) as archive:
        result = copy_image(
            source, archive.reference("hello"), options=CopyOptions(preserve_digests=True)
        )
        archive.commit()
    manifest = parse_manifest(result.manifest, "manifest")
    assert isinstance(manifest, ImageManifest)
    blob = BlobInfo.of(manifest.layers[0])
    wrong = BlobInfo(blob.digest, manifest.layers[0].size + 1)
    with (
        DockerArchive(path, options(Existing.APPEND)) as archive,
        archive.destination() as destination,
    ):
        reused = destination.try_reusing_blob(blob, can_substitute=False)
        assert reused is not None
        assert reused.size == blob.size
        with pytest.raises(InvalidDestination, match=f"{blob.digest} has {blob.size} bytes, not"):
            destination.try_reusing_blob(wrong, can_substitute=False)


def test_a_manifest_under_a_digest_that_is_not_its_own_is_refused(tmp_path: Path) -> None:
    config = b"{}"
    digest = Digest.of(config)
    descriptor = {"mediaType": media_types.OCI_CONFIG, "digest": str(digest), "size": 2}
    document = {"schemaVersion": 2, "config": descriptor, "layers": []}
    manifest = RawManifest(json.dumps(document).encode(), media_types.OCI_MANIFEST)
    with (
        DockerArchive(str(tmp_path / "x.tar"), options()) as archive,
        archive.destination() as destination,
    ):
        destination.put_blob(io.BytesIO(config), BlobInfo(digest, 2), is_config=True)
        with pytest.raises(DestinationStateError, match=f"as {DIGEST}, which it is not"):
            destination.put_manifest(manifest, instance_digest=DIGEST)
        destination.put_manifest(manifest, instance_digest=Digest.of(manifest.raw))


def test_an_index_that_is_named_again_and_again_is_looked_into_once(tmp_path: Path) -> None:
    def put(document: object, media_type: str, *, top: bool = False) -> dict[str, object]:
        raw = json.dumps(document).encode()
        digest = Digest.of(raw)
        destination.put_manifest(
            RawManifest(raw, media_type), instance_digest=None if top else digest
        )
        return {"mediaType": media_type, "digest": str(digest), "size": len(raw)}

    with (
        DockerArchive(str(tmp_path / "x.tar"), options()) as archive,
        archive.destination() as destination,
    ):
        config = b'{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}'
        info = BlobInfo(Digest.of(config), len(config))
        destination.put_blob(io.BytesIO(config), info, is_config=True)
        described = {
            "mediaType": media_types.OCI_CONFIG,
            "digest": str(info.digest),
            "size": len(config),
        }
        manifest = {"schemaVersion": 2, "config": described, "layers": []}
        child = put(manifest, media_types.OCI_MANIFEST)
        for level in range(4):  # a billion images, if each naming counted
            index = {"schemaVersion": 2, "manifests": [child] * 180}
            child = put(index, media_types.OCI_INDEX, top=level == 3)
        destination.commit()
        archive.commit()
    with tarfile.open(tmp_path / "x.tar") as tar:
        listed = json.load(tar.extractfile("manifest.json") or io.BytesIO())
    assert [item["Config"] for item in listed] == [f"blobs/sha256/{Digest.of(config).hex}"]
