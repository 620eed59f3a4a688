"""Validation: everything of an image or a place read and verified, and every problem reported."""

import contextlib
import tarfile
from collections.abc import Iterable, Iterator

from attrs import frozen

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs._copy_blob import read_document
from imgcopy_core_stubs._decompressed_apart import DecompressedApart
from imgcopy_core_stubs.compression import Compression, sniff_stream
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import (
    InvalidDocument,
    SourceError,
    SourceReadFailed,
    UnsupportedImage,
)
from imgcopy_core_stubs.examination import Outcome, Verdict
from imgcopy_core_stubs.image_config import choose_fitting
from imgcopy_core_stubs.instances import (
    INDEX_DEPTH,
    nested_too_deeply,
    read_instance,
)
from imgcopy_core_stubs.manifest import (
    ImageIndex,
    ImageManifest,
    parse_config,
    parse_manifest,
)
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.streams import CHUNK, ByteStream, ReadAhead, VerifyingStream
from imgcopy_core_stubs.transport import BlobInfo, ImageReference, ImageSource


@frozen
class Validation:
    """What was read, and what is wrong with it."""

    problems: tuple[SourceError, ...]
    """Everything that is wrong, in the order of the manifest; of a blob its first problem."""
    images: int
    """How many images there are: more than one below an index."""
    blobs: int
    """How many different blobs were read and verify."""
    size: int
    """The sum of their sizes in bytes, as they are stored."""
    verdicts: tuple[Verdict, ...] = ()
    """What other programs would make of the images."""


def validate_image(
    source: ImageSource,
    what: str,
    *,
    platform: Platform | None = None,
    layer_limit: int | None = None,
) -> Validation:
    """Read and verify an image, or an index and all its images.

    Digests and sizes of manifests, configs and layers are verified, layers are decompressed and
    held against the config's diff IDs, and there must be as many of these as there are layers. A
    layer's content must begin as a tar does.

    Args:
        source: The image; only its own operations are used, as a copy would.
        what: Its name for error messages.
        platform: Choose one image of an index, and validate it alone, or require that a single
            one is for it; None: validate all.
        layer_limit: The most bytes that a layer may decompress to; None: any number.

    Raises:
        RegistryError: The network fails, which says nothing about the image.
    """
    findings = _Findings()
    _Validator(source, what, findings, layer_limit).check_all(platform)
    return findings.result()


def validate_place(
    reference: ImageReference,
    what: str,
    *,
    options: object | None = None,
    platform: Platform | None = None,
    layer_limit: int | None = None,
) -> Validation:
    """Read and verify all images at a place, and have its transport examine it as a whole.

    A layer that several images share is read once. Where an image has a problem, the only verdicts
    left are those that a program refuses: the others verify what they read, and would refuse too.

    Args:
        reference: The place. If it names one of several images there, that one is validated.
        what: Its name for error messages.
        options: An instance of the transport's `source_options`; None: the defaults.
        platform: As for `validate_image`, of each image.
        layer_limit: As for `validate_image`.

    Raises:
        RegistryError: The network fails, which says nothing about the images.
    """
    findings = _Findings()
    with findings.collecting(what), reference.open_images(options) as images:
        all_verify = True  # of those that are listed
        with findings.collecting(what):
            references = images.references()
            for image in references:
                name = what if len(references) == 1 else f"{image.scheme}:{image}"
                with findings.collecting(name), image.open_source(options) as source:
                    _Validator(source, name, findings, layer_limit).check_all(platform)
            all_verify = not findings.problems
        examination = images.examine()
        findings.problems += examination.problems
        findings.verdicts = [
            verdict
            for verdict in examination.verdicts
            if all_verify or verdict.outcome is Outcome.REFUSES
        ]
    return findings.result()


class _Findings:
    """What was found so far, of all images."""

    def __init__(self) -> None:
        self.problems: list[SourceError] = []
        self.verdicts: list[Verdict] = []
        self.images = 0
        self.verified: dict[Digest, int] = {}
        # Images share configs; what one says is kept where its image has as many layers.
        self.diff_ids: dict[tuple[Digest, int, bool], tuple[Digest, ...]] = {}
        # Images share layers; each is read once for each size and diff ID that it is said to have.
        self.checked: set[tuple[Digest | None, int | None, Digest | None]] = set()
        # Indexes in indexes may name a manifest very often; each is read once at each depth.
        self.checked_instances: set[tuple[Digest, int, str, int]] = set()

    def result(self) -> Validation:
        return Validation(
            tuple(_without_repetitions(self.problems)),
            images=self.images,
            blobs=len(self.verified),
            size=sum(self.verified.values()),
            verdicts=tuple(self.verdicts),
        )

    @contextlib.contextmanager
    def collecting(self, what: str) -> Iterator[None]:
        """Note a problem with `what` instead of raising it."""
        try:
            yield
        except SourceError as error:
            self.problems.append(error)
        except OSError as error:
            self.problems.append(SourceReadFailed(what, error))


def _without_repetitions(problems: Iterable[SourceError]) -> Iterable[SourceError]:
    """Return problems, each once: what is wrong with a place is often wrong with several images."""
    unique: dict[tuple[type[SourceError], str], SourceError] = {}
    for problem in problems:
        unique.setdefault((type(problem), str(problem)), problem)
    return unique.values()


class _Validator:
    def __init__(
        self, source: ImageSource, what: str, findings: _Findings, layer_limit: int | None
    ) -> None:
        self._source = source
        self._what = what
        self._findings = findings
        self._layer_limit = layer_limit

    def check_all(self, platform: Platform | None) -> None:
        with self._findings.collecting(f"manifest of {quote(self._what)}"):
            if platform is not None:
                chosen = choose_fitting(self._source, platform, self._what)
                self.check_image(chosen, quote(self._what))
            else:
                what = f"manifest of {quote(self._what)}"
                parsed = parse_manifest(self._source.manifest(), what)
                self.check(parsed, quote(self._what))

    def check(self, parsed: ImageManifest | ImageIndex, what: str, *, depth: int = 0) -> None:
        if isinstance(parsed, ImageManifest):
            self.check_image(parsed, what)
            return
        if depth == INDEX_DEPTH:
            raise nested_too_deeply(self._what)
        for descriptor in parsed.manifests:
            key = (descriptor.digest, descriptor.size, descriptor.media_type, depth)
            if key in self._findings.checked_instances:
                continue
            self._findings.checked_instances.add(key)
            name = f"{descriptor.digest} of {quote(self._what)}"
            with self._findings.collecting(f"manifest {name}"):
                instance = read_instance(self._source, descriptor, self._what)
                self.check(instance, name, depth=depth + 1)

    def check_image(self, manifest: ImageManifest, what: str) -> None:
        self._findings.images += 1
        diff_ids: tuple[Digest, ...] = ()
        with self._findings.collecting(f"config of {what}"):
            diff_ids = self._check_config(manifest, what)
        blobs = self._source.layer_infos_for_copy(manifest)
        if blobs is None:
            blobs = [BlobInfo.of(layer) for layer in manifest.layers]
        for index, blob in enumerate(blobs):
            diff_id = diff_ids[index] if diff_ids else None
            check = (blob.digest, blob.size, diff_id)
            if check not in self._findings.checked:
                self._findings.checked.add(check)
                name = f"layer {index + 1} ({blob.digest}) of {what}"
                with self._findings.collecting(name):
                    self._check_layer(blob, diff_id, name, of_image=manifest.is_image)

    def _check_config(self, manifest: ImageManifest, what: str) -> tuple[Digest, ...]:
        """Verify the config, and return the diff IDs of an image's layers."""
        name = f"config of {what}"
        key = (manifest.config.digest, manifest.config.size, manifest.is_image)
        known = self._findings.diff_ids.get(key)
        if known is not None and len(known) == len(manifest.layers):
            return known
        raw = read_document(self._source, manifest.config, name)
        self._findings.verified[manifest.config.digest] = len(raw)
        if not manifest.is_image:
            return ()
        diff_ids = parse_config(raw, name).diff_ids
        if len(diff_ids) != len(manifest.layers):
            problem = f"has {len(diff_ids)} diff IDs for {len(manifest.layers)} layers"
            raise InvalidDocument(name, "$.rootfs.diff_ids", problem)
        self._findings.diff_ids[key] = diff_ids
        return diff_ids

    def _check_layer(
        self, blob: BlobInfo, diff_id: Digest | None, what: str, *, of_image: bool
    ) -> None:
        is_encrypted = media_types.is_encrypted(blob.media_type)
        beginning = None
        stored = VerifyingStream(self._source.blob(blob), what, digest=blob.digest, size=blob.size)
        with stored:
            if of_image and not is_encrypted:
                beginning = self._check_content(stored, diff_id, what)
            _read_to_end(stored)
        self._findings.verified[stored.digest] = stored.bytes_read
        if is_encrypted:
            raise UnsupportedImage(what, "it is encrypted, so its content cannot be verified")
        if beginning is not None and media_types.is_layer(blob.media_type):
            _check_beginning(beginning, what)

    def _check_content(self, stored: VerifyingStream, diff_id: Digest | None, what: str) -> bytes:
        """Decompress a layer and hold it against its diff ID; return its first 512 bytes."""
        compression, stream = sniff_stream(stored)
        if compression is Compression.NONE:
            stream = ReadAhead(stream)
        else:
            meanwhile = stored.hash_later()
            stream = DecompressedApart(stream, compression, what, meanwhile=meanwhile)
        name = f"the content of {what}"
        content = VerifyingStream(stream, name, digest=diff_id, limit=self._layer_limit)
        with content:
            beginning = _read_block(content)
            _read_to_end(content)
        return beginning


def _check_beginning(block: bytes, what: str) -> None:
    """Refuse a layer that programs do not take for a tar: one that was compressed twice, say.

    Zeros, which end a tar, and no bytes at all they take for an empty one.
    """
    if not any(block) and len(block) in (0, tarfile.BLOCKSIZE):
        return
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        raise UnsupportedImage(what, "its content is no tar archive") from None


def _read_block(stream: ByteStream) -> bytes:
    block = b""
    while len(block) < tarfile.BLOCKSIZE and (more := stream.read(tarfile.BLOCKSIZE - len(block))):
        block += more
    return block


def _read_to_end(stream: ByteStream) -> None:
    while stream.read(CHUNK):
        pass
