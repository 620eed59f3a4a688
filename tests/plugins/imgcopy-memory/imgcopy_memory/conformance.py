"""Where the conformance kit tries the transport, and how it finds out what is stored there."""

import os
import sqlite3
from contextlib import closing

from imgcopy_core_stubs import Transport
from imgcopy_core_stubs.conformance import Place, StoredImage


def place(transport: Transport) -> Place:
    """Return a place of which every law makes new files in directories of its own."""
    return Place(transport, lambda directory: f"{directory}/images.sqlite:app", read_back)


def read_back(reference: str) -> StoredImage | None:
    """Return what the file has under a name. Uses no code of the transport, on purpose."""
    path, _, name = reference.rpartition(":")
    if not os.path.exists(path):
        return None
    with closing(sqlite3.connect(path)) as store:
        blobs = store.execute("SELECT digest, content FROM blob").fetchall()
        query = "SELECT manifest FROM image WHERE name = ?"
        found = store.execute(query, (name,)).fetchone()
    return StoredImage(manifest=found[0], blobs=blobs) if found else None
