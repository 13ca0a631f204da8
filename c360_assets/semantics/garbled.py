"""Text whose UTF-8 was once read as another encoding: `Müller` that stands as `MÃ¼ller`.

What does so is the system that wrote the file, so the file itself is sound and its encoding right.
Whether a text is garbled, and what it was, is the judgement of the `ftfy` library. Encodings of
whole files belong to `ingest`.
"""

import re

# Two signs beside each other, as the first and a further byte of one letter read in the encodings
# of Western and Eastern Europe, of the Macintosh and of DOS; next to no name has them so.
_FURTHER_BYTES = (
    "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸЂЃѓЉЊЌЋЏђљњќћџЎўЈҐЁЄЇІіґёєјЅѕї"
    "≠ÆØ∞≤≥∂∑∏π∫Ωæø√≈∆\u2500-\u259fÇéâäàåçêëèïîìÄÅ"
)
SUSPECT = f"[Â-ôĂРСГ√¬├┬─╨╤][{_FURTHER_BYTES}]"  # of `re` and RE2 alike
_SUSPECT = re.compile(SUSPECT)
_LOST = "\ufffd"  # what stands for a byte that is gone


def mended_text(text: str) -> str:
    """The text as it was written; itself where it is not garbled, or letters of it are lost."""
    if _SUSPECT.search(text) is None:
        return text
    # Imported here, as it compiles its patterns, which most tenants never need.
    import ftfy

    mended = ftfy.fix_encoding(text)
    return text if _LOST in mended else mended
