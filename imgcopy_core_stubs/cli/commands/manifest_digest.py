"""`imgcopy manifest-digest`: what a manifest in a file is named by."""

import click

from imgcopy_core_stubs.cli.base_command import BaseCommand
from imgcopy_core_stubs.cli.global_options import global_options
from imgcopy_core_stubs.cli.output import write_line
from imgcopy_core_stubs.errors import (
    InvalidDocument,
    SourceNotFound,
    SourceReadFailed,
    TooLarge,
    UnsupportedImage,
)
from imgcopy_core_stubs.json_documents import DOCUMENT_LIMIT, decode_json
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.quoting import quote


@click.command("manifest-digest", cls=BaseCommand, short_help="Print a manifest's digest.")
@click.argument("file")
@global_options
def command(file: str) -> None:
    """Print the digest of the manifest in FILE."""
    try:
        with open(file, "rb") as opened:
            raw = opened.read(DOCUMENT_LIMIT + 1)
    except FileNotFoundError:
        raise SourceNotFound(file) from None
    except OSError as error:
        raise SourceReadFailed(file, error) from error
    if len(raw) > DOCUMENT_LIMIT:
        raise TooLarge(f"manifest {quote(file)}", DOCUMENT_LIMIT)
    _refuse_schema1(raw, file)
    write_line(str(RawManifest(raw).digest))


def _refuse_schema1(raw: bytes, file: str) -> None:
    """Refuse a signed manifest of schema 1: it is named by the digest of a part of its bytes."""
    try:
        document = decode_json(raw, file)
    except InvalidDocument:
        return
    if document.get("schemaVersion") == 1:
        raise UnsupportedImage(f"manifest {quote(file)}", "it is a Docker schema 1 manifest")
