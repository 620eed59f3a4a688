"""Foreign layers, Windows images, encrypted layers, artifacts and signatures.

Each is copied byte for byte, or refused by name and with the way out.
"""

import pytest
from attrs import evolve

from imgcopy_core_stubs import (
    CopyOptions,
    DestinationCapabilities,
    Digest,
    Instances,
    Platform,
    SourceNotFound,
    UnsupportedByDestination,
    UnsupportedImage,
    copy_image,
    media_types,
)

from .memory_images import (
    ARCHIVE,
    BASE,
    DIRECTORY,
    LAYOUT,
    TOP,
    Json,
    assert_nothing_is_stored,
    digest,
    index_of,
    parsed,
    source_of,
    stored_manifest,
)
from .memory_transport import MemoryImage

KEEPING = DestinationCapabilities(
    manifest_types=(media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST), stores_indexes=True
)
PRESERVE = CopyOptions(preserve_digests=True)
TO_DOCKER = CopyOptions(manifest_type=media_types.DOCKER_MANIFEST)


def assert_copied_byte_for_byte(
    source: MemoryImage, capabilities: DestinationCapabilities, options: CopyOptions | None = None
) -> MemoryImage:
    destination = MemoryImage(capabilities=capabilities)
    copy_image(source, destination, options=options)
    assert source.manifest is not None
    assert destination.manifest is not None
    assert destination.manifest.raw == source.manifest.raw
    assert destination.blobs == source.blobs
    return destination


# --- foreign layers ------------------------------------------------------------------------------

FOREIGN = media_types.DOCKER_FOREIGN_LAYER + ".gzip"
URLS = ["https://example.com/layer"]


def foreign_source(*, urls: list[str] = URLS, docker: bool = True) -> MemoryImage:
    kind = FOREIGN if docker else media_types.OCI_FOREIGN_LAYER + "+gzip"

    def edit(document: Json) -> None:
        document["layers"][0] |= {"mediaType": kind, "urls": urls}

    return source_of(BASE, TOP, docker=docker, edit=edit)


def test_a_foreign_layer_stays_out_where_that_is_accepted() -> None:
    source = foreign_source()
    del source.blobs[parsed(BASE[0])]
    accepting = DestinationCapabilities(accepts_foreign_layer_urls=True)
    destination = MemoryImage(capabilities=accepting)
    copy_image(source, destination)
    assert stored_manifest(destination) == stored_manifest(source)
    options = CopyOptions(manifest_type=media_types.OCI_MANIFEST)
    copy_image(source, destination, options=options)
    foreign, top = stored_manifest(destination)["layers"]
    assert foreign["mediaType"] == media_types.OCI_FOREIGN_LAYER + "+gzip"
    assert foreign["urls"] == URLS
    assert top["mediaType"] == media_types.OCI_LAYER + "+gzip"


@pytest.mark.parametrize("capabilities", [ARCHIVE, LAYOUT, DIRECTORY], ids=["tar", "oci", "dir"])
def test_a_foreign_layer_that_is_stored_is_none_any_more(
    capabilities: DestinationCapabilities,
) -> None:
    destination = MemoryImage(capabilities=capabilities)
    copy_image(foreign_source(), destination)
    layer = stored_manifest(destination)["layers"][0]
    assert Digest.parse(layer["digest"]) in destination.blobs
    assert "urls" not in layer
    assert "foreign" not in layer["mediaType"]
    assert "nondistributable" not in layer["mediaType"]


@pytest.mark.parametrize("docker", [True, False])
def test_unless_digests_are_to_be_preserved(docker: bool) -> None:
    for capabilities in (DIRECTORY, KEEPING):
        assert_copied_byte_for_byte(foreign_source(docker=docker), capabilities, PRESERVE)


def test_then_a_signed_image_with_foreign_layers_stays_signed() -> None:
    source = foreign_source()
    source.image_signatures[None] = (b"signature",)
    error = assert_nothing_is_stored(source, UnsupportedByDestination, DIRECTORY)
    assert "--remove-signatures" in str(error)
    destination = assert_copied_byte_for_byte(source, DIRECTORY, PRESERVE)
    assert destination.image_signatures == source.image_signatures


@pytest.mark.parametrize(
    ("urls", "hosts"),
    [
        (["https://mcr.microsoft.com:443/v2/x"], '"mcr.microsoft.com"'),
        (["https://a.example/x", "http://b.example/x", "http://a.example/y"], '"a.example", "b.'),
        (["https://[broken", "\x1b[1m"], '"\\x1b[1m"'),
        (["https://[broken"], "a URL"),
        ([], "a URL"),
    ],
)
def test_a_foreign_layer_that_the_source_lacks(urls: list[str], hosts: str) -> None:
    source = foreign_source(urls=urls)
    del source.blobs[parsed(BASE[0])]
    for options in (None, PRESERVE):
        error = assert_nothing_is_stored(source, SourceNotFound, DIRECTORY, options)
        assert str(error).startswith(
            f'"{digest(BASE[0])}": there is no such blob; it is a foreign layer, '
            f"to be fetched from {hosts}"
        )
        assert "from a registry to dir: does that" in str(error)


def test_any_other_layer_that_the_source_lacks_is_just_missing() -> None:
    source = foreign_source()
    del source.blobs[parsed(TOP[0])]
    error = assert_nothing_is_stored(source, SourceNotFound, DIRECTORY)
    assert str(error) == f'"{digest(TOP[0])}": there is no such blob'


# --- Windows images ------------------------------------------------------------------------------


def windows_source() -> MemoryImage:
    """An image of Windows as Microsoft has them: its base layer is foreign."""

    def edit(document: Json) -> None:
        document["layers"][0] |= {"mediaType": FOREIGN, "urls": ["https://mcr.microsoft.com/x"]}

    def edit_config(config: Json) -> None:
        config |= {"os.version": "10.0.20348.1547", "os.features": ["win32k"]}

    return source_of(
        BASE, TOP, docker=True, edit=edit, edit_config=edit_config, platform="windows/amd64"
    )


def test_a_windows_image_is_copied_byte_for_byte() -> None:
    assert_copied_byte_for_byte(windows_source(), DIRECTORY, PRESERVE)
    assert_copied_byte_for_byte(windows_source(), KEEPING, PRESERVE)


def test_a_windows_image_goes_into_an_archive_with_its_config_as_it_is() -> None:
    source = windows_source()
    destination = MemoryImage(capabilities=ARCHIVE)
    copy_image(source, destination)
    config = Digest.parse(stored_manifest(source)["config"]["digest"])
    assert destination.blobs == {
        config: source.blobs[config],
        parsed(BASE[1]): BASE[1],
        parsed(TOP[1]): TOP[1],
    }


def test_a_windows_image_of_an_index_is_chosen_by_its_platform() -> None:
    source = index_of("linux/amd64", "windows/amd64")
    destination = MemoryImage(capabilities=ARCHIVE)
    copy_image(source, destination, options=CopyOptions(platform=Platform("windows", "amd64")))
    assert parsed(b"windows/amd64") in destination.blobs


def test_a_destination_that_runs_images_refuses_those_of_another_system() -> None:
    running = DestinationCapabilities(must_match_runtime_os=True)
    error = assert_nothing_is_stored(windows_source(), UnsupportedByDestination, running)
    assert str(error) == (
        '"memory:image": the image is for "windows", this machine runs linux '
        "(oci: and dir: take it; --platform chooses another of a multi-platform image)"
    )


# --- encrypted layers, and blobs that are no layers ----------------------------------------------

ENCRYPTED = media_types.OCI_LAYER + "+gzip+encrypted"
ATTESTATION = "application/vnd.in-toto+json"


@pytest.mark.parametrize("kind", [ENCRYPTED, ATTESTATION])
def test_what_cannot_be_decompressed_is_copied_byte_for_byte(kind: str) -> None:
    ciphertext = (b"not to be understood", b"plain")
    for capabilities in (DIRECTORY, LAYOUT, KEEPING):
        for options in (None, PRESERVE):
            source = source_of(ciphertext, layer_type=kind)
            assert_copied_byte_for_byte(source, capabilities, options)


@pytest.mark.parametrize(
    ("capabilities", "options", "way_out"),
    [
        (ARCHIVE, None, "oci: and dir: take it as it is"),
        (DIRECTORY, TO_DOCKER, "leave out --format"),
    ],
)
def test_or_refused(
    capabilities: DestinationCapabilities, options: CopyOptions | None, way_out: str
) -> None:
    layer = f'layer {digest(BASE[0])} of "memory:source" is unsupported'
    source = source_of(BASE, layer_type=ENCRYPTED)
    error = assert_nothing_is_stored(source, UnsupportedImage, capabilities, options)
    assert str(error) == (
        f"{layer}: it is encrypted, which cannot be undone here "
        f'({way_out}; "skopeo copy --decryption-key" decrypts)'
    )
    source = source_of(BASE, layer_type=ATTESTATION)
    error = assert_nothing_is_stored(source, UnsupportedImage, capabilities, options)
    assert str(error) == (
        f'{layer}: its type "{ATTESTATION}" is no file system layer\'s ({way_out})'
    )
    assert f"read {digest(BASE[0])[7:15]}" not in source.log


# --- artifacts -----------------------------------------------------------------------------------

CHART = "application/vnd.cncf.helm.config.v1+json"
DOCKER_PLUGIN = "application/vnd.docker.plugin.v1+json"


def artifact(kind: str = CHART, *, docker: bool = False) -> MemoryImage:
    """An artifact: its config is no image's, and no JSON that could be taken for one."""

    def edit(document: Json) -> None:
        config = b"[]"
        source.blobs[parsed(config)] = config
        document["config"] = {"mediaType": kind, "digest": digest(config), "size": len(config)}

    source = MemoryImage("source")
    source.manifest = source_of(BASE, docker=docker, edit=edit).manifest
    source.blobs[parsed(BASE[0])] = BASE[0]
    return source


def test_an_artifact_is_copied_byte_for_byte() -> None:
    for capabilities in (DIRECTORY, LAYOUT, KEEPING):
        assert_copied_byte_for_byte(artifact(), capabilities)
        assert_copied_byte_for_byte(artifact(), capabilities, PRESERVE)
    assert_copied_byte_for_byte(artifact(DOCKER_PLUGIN, docker=True), DIRECTORY)


@pytest.mark.parametrize(
    ("source", "capabilities", "options", "way_out"),
    [
        (artifact(), ARCHIVE, None, "oci: and dir: take it as it is"),
        (artifact(), DIRECTORY, TO_DOCKER, "leave out --format"),
        (artifact(docker=True), LAYOUT, None, "dir: takes it as it is"),
    ],
)
def test_an_artifact_is_refused(
    source: MemoryImage,
    capabilities: DestinationCapabilities,
    options: CopyOptions | None,
    way_out: str,
) -> None:
    error = assert_nothing_is_stored(source, UnsupportedImage, capabilities, options)
    assert str(error) == (
        f'"memory:source" is unsupported: it is an artifact of type "{CHART}", not an image '
        f"({way_out})"
    )


# --- signatures ----------------------------------------------------------------------------------


def signed() -> MemoryImage:
    source = source_of(BASE)
    source.image_signatures[None] = (b"signature", b"another")
    return source


def test_signatures_are_copied_byte_for_byte() -> None:
    destination = assert_copied_byte_for_byte(signed(), DIRECTORY)
    assert destination.image_signatures == {None: (b"signature", b"another")}


def test_signatures_that_cannot_be_stored() -> None:
    for options in (None, PRESERVE):
        source = signed()
        error = assert_nothing_is_stored(source, UnsupportedByDestination, KEEPING, options)
        assert str(error) == (
            '"memory:image": storing signatures is not supported '
            "(--remove-signatures copies the image without them)"
        )
        assert f"read {digest(BASE[0])[7:15]}" not in source.log


def test_signatures_that_would_be_void_are_refused_before_a_layer_is_read() -> None:
    index = index_of("linux/amd64", base=[BASE])
    index.image_signatures[None] = (b"signature",)
    everything = evolve(TO_DOCKER, instances=Instances.ALL)
    for source, options in ((signed(), TO_DOCKER), (index, everything)):
        error = assert_nothing_is_stored(source, UnsupportedByDestination, DIRECTORY, options)
        assert str(error) == (
            '"memory:image": the manifest would change, and its signatures be void '
            "(--remove-signatures copies the image without them)"
        )
        assert f"read {digest(BASE[0])[7:15]}" not in source.log


def test_signatures_are_left_behind_where_that_is_asked_for() -> None:
    without = CopyOptions(remove_signatures=True)
    assert assert_copied_byte_for_byte(signed(), DIRECTORY, without).image_signatures == {}
    copy_image(signed(), MemoryImage(capabilities=ARCHIVE), options=without)


# --- digests -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("docker", "capabilities", "options", "way_out"),
    [
        (True, ARCHIVE, PRESERVE, "dir: takes it as it is"),
        (True, LAYOUT, PRESERVE, "dir: takes it as it is"),
        (False, ARCHIVE, PRESERVE, "oci: and dir: take it as it is"),
        (False, DIRECTORY, evolve(TO_DOCKER, preserve_digests=True), "leave out --format"),
    ],
)
def test_digests_that_cannot_be_preserved(
    docker: bool, capabilities: DestinationCapabilities, options: CopyOptions, way_out: str
) -> None:
    source = source_of(BASE, docker=docker)
    error = assert_nothing_is_stored(source, UnsupportedByDestination, capabilities, options)
    assert str(error).endswith(f", so digests cannot be preserved ({way_out})")
    assert f"read {digest(BASE[0])[7:15]}" not in source.log
