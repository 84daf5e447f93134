"""Transformations: what is done to a value before the operator sees it."""

from stockade.prevent.seclang.problem import Place, close_to, refused

NAMES = [
    "base64Decode",
    "base64DecodeExt",
    "base64Encode",
    "cmdLine",
    "compressWhitespace",
    "cssDecode",
    "escapeSeqDecode",
    "hexDecode",
    "hexEncode",
    "htmlEntityDecode",
    "jsDecode",
    "length",
    "lowercase",
    "md5",
    "none",
    "normalizePath",
    "normalizePathWin",
    "parityEven7bit",
    "parityOdd7bit",
    "parityZero7bit",
    "removeComments",
    "removeCommentsChar",
    "removeNulls",
    "removeWhitespace",
    "replaceComments",
    "replaceNulls",
    "sha1",
    "sqlHexDecode",
    "trim",
    "trimLeft",
    "trimRight",
    "uppercase",
    "urlDecode",
    "urlDecodeUni",
    "urlEncode",
    "utf8toUnicode",
]
"""Every transformation there is."""

_BY_LOWER = {name.lower(): name for name in NAMES} | {
    "normalisepath": "normalizePath",
    "normalisepathwin": "normalizePathWin",
}


def named(name: str, place: Place) -> str:
    """The transformation of that name, in its usual spelling.

    Raises:
        SecLangError: there is none.
    """
    found = _BY_LOWER.get(name.lower())
    if found is None:
        raise refused(place, "t", "expected a transformation", name, close_to(name, NAMES))
    return found
