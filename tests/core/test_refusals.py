import pytest

from imgcopy_core_stubs import (
    BlobInfo,
    DestinationCapabilities,
    DestinationStateError,
    Digest,
    NoReuse,
    NoSignatures,
    UnsupportedByDestination,
    required_digest,
)

DIGEST = Digest("sha256", "0" * 64)


class Shelf(NoReuse, NoSignatures):
    capabilities = DestinationCapabilities(signatures_refusal="there is no room")

    def __str__(self) -> str:
        return "the shelf"


class SlowToPrint(NoReuse):
    """As an attrs class is whose attributes are an image's blobs."""

    def __str__(self) -> str:
        raise AssertionError("printed without need")


def test_nothing_is_reused_and_nothing_printed_for_that() -> None:
    assert SlowToPrint().try_reusing_blob(BlobInfo(DIGEST), can_substitute=True) is None
    assert required_digest(BlobInfo(DIGEST), SlowToPrint()) == DIGEST


def test_a_blob_without_a_digest_is_not_looked_for() -> None:
    with pytest.raises(DestinationStateError, match="digest is unknown") as caught:
        Shelf().try_reusing_blob(BlobInfo(size=5), can_substitute=False)
    assert caught.value.destination == "the shelf"


def test_signatures_are_refused_for_the_declared_reason() -> None:
    Shelf().put_signatures([])
    with pytest.raises(UnsupportedByDestination, match="there is no room") as caught:
        Shelf().put_signatures([b"signed"])
    assert caught.value.destination == "the shelf"
