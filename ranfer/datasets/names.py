"""File names that come out of lists, tables and archives."""

import re


def is_safe(name: str) -> bool:
    """Whether a relative name stays inside the folder it is put in, on any system."""
    parts = re.split(r'[/\\]', name)
    return bool(name) and not (
        '..' in parts or name[0] in '/\\' or re.match(r'^[A-Za-z]:', name) or '\0' in name
    )
