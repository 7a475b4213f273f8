"""How the C library hands out memory."""

from __future__ import annotations

import ctypes
import platform

_MMAP_MAX = -4
_TRIM_THRESHOLD = -1


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for the next allocation instead of returning it.

    By default every tensor of 32 MiB or more is mapped anew and its pages are faulted in and zeroed
    at every step, which a training step on a CPU pays for. The process then stays as large as its
    largest step.

    Returns:
        bool: Whether it had an effect; False with another C library.
    """
    if platform.libc_ver()[0] != 'glibc':
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, -1))
