"""File names that come out of lists, tables and archives."""

import re

IMAGE_SUFFIXES = (
    *('.jpg', '.jpeg', '.jpe', '.png', '.bmp', '.tif', '.tiff'),
    *('.webp', '.ppm', '.pgm', '.pbm', '.jp2', '.gif'),
)
"""How the names of image files end, in small letters."""

UNREAD_SUFFIXES = ('.heic', '.heif', '.avif')
"""Those of images, as phones write them, that no decoder here reads."""


def is_safe(name: str) -> bool:
    """Whether a relative name stays inside the folder it is put in, on any system."""
    parts = re.split(r'[/\\]', name)
    return bool(name) and not (
        '..' in parts or name[0] in '/\\' or re.match(r'^[A-Za-z]:', name) or '\0' in name
    )


def is_litter(name: str) -> bool:
    """Whether macOS put a file or folder beside those that it packed or copied."""
    parts = name.split('/')
    return '__MACOSX' in parts or parts[-1].startswith('._')
