"""The text of a file whose writer did not say how it is encoded."""

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decoded(content: bytes) -> tuple[str, str]:
    """The text of a file and the name of its encoding, in lines that end with a line feed.

    By its byte order mark; else UTF-16, if every other byte is zero; else UTF-8; else Windows-1252,
    which holds the letters of Latin-1.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _lines(content[len(mark) :].decode(encoding, "replace")), encoding
    encoding = _unmarked(content)
    return _lines(content.decode(encoding, "replace")), encoding


def _unmarked(content: bytes) -> str:
    head = content[:4096]
    if len(head) > 1 and head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    if len(head) > 1 and head[0::2].count(0) > len(head) // 4:
        return "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def _lines(text: str) -> str:
    """Without what old systems put at line ends and the file's end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign for sign in text if sign >= " " or sign in "\n\t")
