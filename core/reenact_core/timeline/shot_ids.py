"""Names for shots that are unique and safe as file names, whatever the clips are called."""

import re
import unicodedata
import zlib
from collections.abc import Iterable

LONGEST = 60
"""Characters of an id before its number; leaves room for suffixes on any file system."""
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""


def shot_ids(names: Iterable[str]) -> list[str]:
    """An id for every name: itself where that is safe and new, else made so.

    The second clip of a name gets `-2`. Ids differ by more than upper and lower case. They depend
    on the names before and not on which of the clips are asked for.
    """
    taken: set[str] = set()
    ids = []
    for name in names:
        stem, number = _safe(name), 1
        shot_id = stem
        while shot_id.lower() in taken:
            number += 1
            shot_id = f"{stem}-{number}"
        taken.add(shot_id.lower())
        ids.append(shot_id)
    return ids


def _safe(name: str) -> str:
    """ASCII letters, digits, `.`, `_` and `-`; a hash stands for what was lost."""
    folded = unicodedata.normalize("NFKD", name)
    folded = "".join(sign for sign in folded if not unicodedata.combining(sign))
    lost = any(sign.isalnum() and not sign.isascii() for sign in folded)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", folded)
    stem = re.sub(r"\.{2,}", ".", re.sub(r"-{2,}", "-", stem)).strip("-.")
    if lost or len(stem) > LONGEST:
        mark = f"{zlib.crc32(name.encode('utf-8', 'surrogatepass')):08x}"
        stem = "-".join(part for part in (stem[:LONGEST].strip("-."), mark) if part)
    if not stem:
        return "clip"
    return f"clip-{stem}" if RESERVED.fullmatch(stem) else stem
