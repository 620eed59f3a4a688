"""Reusing blobs: only what is really there, and what is reused is part of the image."""

import contextlib

from attrs import evolve

from imgcopy_core_stubs.conformance.checking import require_nothing_else, require_stored
from imgcopy_core_stubs.conformance.images import Blob, build_image_for, image_for, layer, new_layer
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.storing import commit, put_blob, put_manifest
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import calling, expecting, require, require_instance
from imgcopy_core_stubs.errors import DestinationError, DestinationStateError
from imgcopy_core_stubs.transport import BlobInfo, ImageDestination


def try_reusing(
    destination: ImageDestination, blob: Blob, *, size: int | None = None
) -> BlobInfo | None:
    """Ask for a blob, and hold an answer against it; None: it has to be put."""
    info = evolve(blob.info, size=size)
    with calling("try_reusing_blob", "return None for whatever is not there"):
        answer = destination.try_reusing_blob(info, can_substitute=False)
    return _checked(answer, blob)


def _checked(answer: BlobInfo | None, blob: Blob) -> BlobInfo | None:
    if answer is None:
        return None
    require_instance(answer, BlobInfo, "try_reusing_blob")
    require(
        (answer.digest, answer.size) == (blob.digest, len(blob.content)),
        f"try_reusing_blob to return {blob.digest} of {len(blob.content)} bytes, or None",
        f"{answer.digest} of {answer.size}",
        "return the digest and size of what is stored; without can_substitute only the same blob",
    )
    return answer


@law(About.DESTINATION, "reuse without a digest is an error")
def reuse_without_digest(subject: Subject) -> None:
    """`try_reusing_blob` of a blob whose digest is unknown raises `DestinationStateError`."""
    advice = "begin with required_digest(info, name), or mix in NoReuse"
    with (
        subject.destination(subject.new_spot()) as destination,
        expecting("try_reusing_blob without a digest", DestinationStateError, advice=advice),
    ):
        destination.try_reusing_blob(BlobInfo(size=1), can_substitute=False)


@law(About.DESTINATION, "what is not there is not reused")
def only_what_is_there(subject: Subject) -> None:
    """`try_reusing_blob` returns None for a blob that is not at the place, nor was ever put."""
    image = build_image_for(subject.capabilities, [new_layer()])
    with subject.destination(subject.new_spot()) as destination:
        for can_substitute in (False, True):
            for size in (None, len(image.layers[0].content)):
                info = evolve(image.layers[0].info, size=size)
                with calling("try_reusing_blob", "return None for what is not there"):
                    found = destination.try_reusing_blob(info, can_substitute=can_substitute)
                advice = "look whether the blob is really there, and return None if not"
                require(found is None, "None for a blob that is not there", found, advice)


@law(About.DESTINATION, "what was put is known by its digest and size")
def what_was_put(subject: Subject) -> None:
    """A blob that was put is offered for reuse with its digest and size, or not at all."""
    image = image_for(subject.capabilities)
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        for blob in image.layers:
            put_blob(destination, blob)
            try_reusing(destination, blob)
            try_reusing(destination, blob, size=len(blob.content))
        put_manifest(destination, image)
        commit(destination)
    require_nothing_else(require_stored(subject, spot, image), image)


@law(About.DESTINATION, "a blob has its own size, whatever size is asked for")
def asked_with_another_size(subject: Subject) -> None:
    """A blob that was put is not offered with a wrong size because a manifest has that."""
    image = image_for(subject.capabilities)
    with subject.destination(subject.new_spot()) as destination:
        for blob in image.layers:
            put_blob(destination, blob)
            for size in (len(blob.content) - 1, len(blob.content) + 1):
                answer = None
                info = evolve(blob.info, size=size)
                with (
                    calling("try_reusing_blob", "return what is stored, or None"),
                    contextlib.suppress(DestinationError),  # it may say that there is no such blob
                ):
                    answer = destination.try_reusing_blob(info, can_substitute=False)
                _checked(answer, blob)


@law(About.DESTINATION, "what is reused is part of the image")
def reused_blobs_are_stored(subject: Subject) -> None:
    """A blob of an earlier image may be reused: then the new image has it too."""
    old = image_for(subject.capabilities)
    new = build_image_for(subject.capabilities, [layer(0), layer(7)])
    spot = subject.store(old)
    for target in (subject.new_spot(), spot):
        with subject.second_destination(target) as destination:
            if destination is None:
                continue
            for blob in new.layers:
                if try_reusing(destination, blob) is None:
                    put_blob(destination, blob)
            put_manifest(destination, new)
            with calling("commit where an image is", "replace it, or raise a DestinationError"):
                try:
                    destination.commit()
                except DestinationError:
                    if target is not spot:
                        raise
                    continue
        require_stored(subject, target, new)
