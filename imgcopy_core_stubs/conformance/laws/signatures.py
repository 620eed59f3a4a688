"""Signatures: stored and read, or refused in the words of `signatures_refusal`."""

from typing import Final

from imgcopy_core_stubs.conformance.capabilities import SIGNATURES, SIGNATURES_TO_READ
from imgcopy_core_stubs.conformance.checking import require_stored
from imgcopy_core_stubs.conformance.images import image_for
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.laws.indexes import store_index
from imgcopy_core_stubs.conformance.storing import commit, put_image
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import calling, expecting, require
from imgcopy_core_stubs.errors import UnsupportedByDestination

_SIGNATURES: Final = (b"\x89PGP the first signature", b"\x00\xff the second")


@law(About.DESTINATION, "no signatures are always accepted")
def no_signatures(subject: Subject) -> None:
    """An empty sequence of signatures changes nothing, whether signatures can be stored or not."""
    image = image_for(subject.capabilities)
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        put_image(destination, image)
        with calling("put_signatures of none", "refuse only if there are signatures"):
            destination.put_signatures(())
        commit(destination)
    found = require_stored(subject, spot, image).signatures
    require(not found, "no signature to be stored", found, "store what is given, nothing else")


def _refuses_signatures(subject: Subject) -> None:
    """Where `signatures_refusal` is a text, they raise `UnsupportedByDestination` that says so."""
    image = image_for(subject.capabilities)
    refusal = subject.capabilities.signatures_refusal
    advice = "mix NoSignatures in before ImageDestination, or declare signatures_refusal=None"
    with subject.destination(subject.new_spot()) as destination:
        put_image(destination, image)
        with expecting("put_signatures", UnsupportedByDestination, advice=advice):
            try:
                destination.put_signatures(_SIGNATURES)
            except UnsupportedByDestination as error:
                require(
                    refusal and refusal in str(error),
                    f"the refusal to say {refusal!r}",
                    str(error),
                    "raise UnsupportedByDestination(name, capabilities.signatures_refusal)",
                )
                raise


@law(
    About.DESTINATION,
    "signatures are stored or refused",
    capability=SIGNATURES,
    otherwise=_refuses_signatures,
)
def signatures(subject: Subject) -> None:
    """Signatures are stored byte for byte and in their order."""
    image = image_for(subject.capabilities)
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        put_image(destination, image)
        with calling("put_signatures"):
            destination.put_signatures(_SIGNATURES)
        commit(destination)
    found = require_stored(subject, spot, image).signatures
    advice = "store every signature, or declare a signatures_refusal"
    require(found == _SIGNATURES, "both signatures to be stored", f"{len(found)}: {found}", advice)


def _no_signatures_to_read(subject: Subject) -> None:
    """Where none can be stored, `signatures` gives none."""
    with subject.source(subject.readable_spot()) as source:
        with calling("signatures"):
            found = list(source.signatures())
        advice = "inherit signatures from ImageSource, which gives none"
        require(not found, "no signatures", found, advice)


@law(
    About.SOURCE,
    "signatures are what is stored",
    capability=SIGNATURES_TO_READ,
    otherwise=_no_signatures_to_read,
)
def signatures_to_read(subject: Subject) -> None:
    """`signatures` gives those of a manifest, byte for byte and in their order.

    Those of the top-level one and, where indexes are stored, of each that an index names.
    """
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        put_image(destination, image_for(subject.capabilities))
        with calling("put_signatures"):
            destination.put_signatures(_SIGNATURES)
        commit(destination)
    with subject.source(spot) as source, calling("signatures"):
        found = tuple(source.signatures())
    require(found == _SIGNATURES, "both signatures", found, "give what put_signatures stored")
    if subject.capabilities.stores_indexes:
        _signatures_of_an_instance(subject)


def _signatures_of_an_instance(subject: Subject) -> None:
    """Those of a manifest that an index names are neither the index's nor another one's."""
    spot, _, images = store_index(subject, signatures=_SIGNATURES)
    whose = {"the index": None, "instance 0": images[0].manifest.digest}
    signed = images[1].manifest.digest
    advice = "keep the signatures of each manifest apart, by put_signatures' instance_digest"
    with subject.source(spot) as source:
        with calling("signatures of an instance"):
            found = tuple(source.signatures(signed))
        require(found == _SIGNATURES, "both signatures of an instance", found, advice)
        for name, digest in whose.items():
            with calling(f"signatures of {name}"):
                found = tuple(source.signatures(digest))
            require(not found, f"no signatures of {name}", found, advice)
