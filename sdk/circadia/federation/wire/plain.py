"""Plain CBOR: what the federation's messages are made of, checked before a decoder sees it.

RFC 8949 without tags (dates, fractions, bignums, regular expressions, shared references), without items of indefinite
length and without simple values but false, true and null. So a decoder meets nothing that it would compute with,
recurse into or reserve memory for.
"""

from __future__ import annotations

MOST_ITEMS = 4096
MOST_DEPTH = 8
_INTEGERS, _STRINGS, _ARRAY, _MAP, _TAG = (0, 1), (2, 3), 4, 5, 6
_SIMPLE = (20, 21, 22, 25, 26, 27)
"""False, true, null, and floats of 2, 4 and 8 bytes."""


def check(data: bytes) -> None:
    """`ValueError` saying why these bytes are not one plain item of at most `MOST_ITEMS` and `MOST_DEPTH`."""
    to_come = [1]  # items at each depth
    at = items = 0
    while to_come:
        if not to_come[-1]:
            to_come.pop()
            continue
        to_come[-1] -= 1
        items += 1
        if items > MOST_ITEMS:
            raise ValueError(f"more than {MOST_ITEMS} items")
        major, value, at = _head(data, at)
        if major in {_ARRAY, _MAP}:
            to_come.append(value * (2 if major == _MAP else 1))
            if len(to_come) > MOST_DEPTH:
                raise ValueError(f"nested deeper than {MOST_DEPTH}")
        elif major in _STRINGS:
            at += value
            if at > len(data):
                raise ValueError("ends too early")
    if at != len(data):
        raise ValueError("bytes after its end")


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """An item's major type, its argument, and where its content begins."""
    if at >= len(data):
        raise ValueError("ends too early")
    major, info = data[at] >> 5, data[at] & 31
    if major == _TAG:
        raise ValueError("a tag")
    if major not in {*_INTEGERS, *_STRINGS, _ARRAY, _MAP} and info not in _SIMPLE:
        raise ValueError(f"simple value {info}")
    if info < 24:
        return major, info, at + 1
    if info > 27:
        raise ValueError("an item of indefinite length")
    end = at + 1 + (1 << (info - 24))
    if end > len(data):
        raise ValueError("ends too early")
    return major, int.from_bytes(data[at + 1 : end], "big"), end
