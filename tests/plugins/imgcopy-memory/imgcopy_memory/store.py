"""The SQLite file: what is in it, and how it is opened."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from imgcopy_core_stubs import ImgcopyError

TABLES = """
CREATE TABLE IF NOT EXISTS image (name TEXT PRIMARY KEY, manifest BLOB, media_type TEXT);
CREATE TABLE IF NOT EXISTS blob (digest TEXT PRIMARY KEY, content BLOB);
"""


def open_store(path: str, mode: str) -> sqlite3.Connection:
    """Open the file: `ro` reads one that is there, `rwc` writes one and makes it if need be.

    imgcopy reads in threads of its own, so the connection is not bound to the one that opened it.
    """
    uri = f"{Path(path).absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def look_up(path: str, query: str, key: str, error: Callable[[str, str], ImgcopyError]) -> Any:
    """Return the row that a query finds, or None; raise an `error` if SQLite has a complaint."""
    if not os.path.exists(path):
        return None
    try:
        with closing(open_store(path, "ro")) as store:
            return store.execute(query, (key,)).fetchone()
    except sqlite3.Error as complaint:
        raise error(path, str(complaint)) from complaint
