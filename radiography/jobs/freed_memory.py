"""Memory that a long job gives back and asks for again, kept by the process in between."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h in the GNU C library
_LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> None:
    """Have the C library keep what is freed, for a process that allocates whole pictures again and again.

    By default it gives each picture back to the system, which clears every page of the next one: a fifth of the
    processor time of many frames. The peak grows by some percent, since what was kept may not fit what is asked for
    next, so that commands of one frame do without. Nothing is done where the C library is not the GNU one.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _LARGEST_INT)
