"""Free memory that stays in this machine, so that nobody who is measured pays for fetching it.

A virtual machine gives free memory back to its host, in whole blocks of 2 MiB, some two seconds
after they got free (Linux's free page reporting). Whoever takes it next waits for the host: 2 s for
a file of 1 GB that takes 0.35 s else; and two cores wait for each other there, so that it hides
all that a copy does. A block that is in use in part stays. So here is one page of each of many
blocks, kept in use for as long as the rounds last; the rest of these blocks is free, and here.
"""

import contextlib
import mmap
import os
from collections.abc import Iterator
from typing import Final

_BLOCK: Final = 2 * 1024 * 1024
_PAGE: Final = mmap.PAGESIZE
_TIMES: Final = 3
"""How much is kept here, in relation to an archive: its pages, and what else takes some of them."""


@contextlib.contextmanager
def settled_memory(archive: int) -> Iterator[None]:
    """Have free memory for archives of a size in bytes, in all, that stays in this machine.

    On a machine with little memory less is kept: never more than half of what is free.
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * _PAGE
    size = min(_TIMES * archive, free // 2) // _BLOCK * _BLOCK
    with mmap.mmap(-1, max(size, _BLOCK), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)  # or the kept page would be the whole block
        something = b"\1" * _BLOCK
        blocks = range(0, len(memory), _BLOCK)
        for block in blocks:
            memory[block : block + _BLOCK] = something
        for block in blocks:
            memory.madvise(mmap.MADV_DONTNEED, block + _PAGE, _BLOCK - _PAGE)
        yield
