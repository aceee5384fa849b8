"""Plain CBOR: what the federation's messages are made of, checked before a decoder sees it.

RFC 8949 without tags (dates, fractions, bignums, regular expressions, shared references), without items of indefinite
length and without simple values but false, true and null. So a decoder meets nothing that it would compute with,
recurse into or reserve memory for. cbor2 has options for most of it from 6.1 on, which has no wheel for 32-bit ARM.
"""

from __future__ import annotations

MOST_ITEMS = 2048
MOST_DEPTH = 8
_NUMBER, _STRING, _ARRAY, _MAP = range(4)
_BY_MAJOR = (_NUMBER, _NUMBER, _STRING, _STRING, _ARRAY, _MAP)
_SIMPLE = (20, 21, 22, 25, 26, 27)
"""False, true, null, and floats of 2, 4 and 8 bytes."""


def _head(first: int) -> tuple[int, int, int] | None:
    """What an item's first byte says: its kind, its argument, the bytes of the argument that follow; None: not plain."""
    major, info = first >> 5, first & 31
    if major == 7:
        return (_NUMBER, 0, 1 << info - 24 if info > 24 else 0) if info in _SIMPLE else None
    if major == 6 or info > 27:
        return None
    return (_BY_MAJOR[major], info, 0) if info < 24 else (_BY_MAJOR[major], 0, 1 << info - 24)


_HEADS = tuple(_head(first) for first in range(256))


def check(data: bytes) -> None:
    """`ValueError` saying why these bytes are not one plain item of at most `MOST_ITEMS` and `MOST_DEPTH`."""
    to_come = [1]  # items at each depth
    at = items = 0
    while to_come:
        if not to_come[-1]:
            to_come.pop()
            continue
        if at >= len(data):
            raise ValueError("ends too early")
        head = _HEADS[data[at]]
        items += 1
        if head is None or items > MOST_ITEMS or len(to_come) > MOST_DEPTH:
            raise ValueError(_complaint(data[at], items))
        kind, argument, width = head
        at += 1 + width
        to_come[-1] -= 1
        if kind == _NUMBER:
            continue
        if width:
            argument = int.from_bytes(data[at - width : at], "big")
        if kind == _STRING:
            at += argument
        else:
            to_come.append(2 * argument if kind == _MAP else argument)
    if at != len(data):
        raise ValueError("ends too early" if at > len(data) else "has bytes after its end")


def _complaint(first: int, items: int) -> str:
    if items > MOST_ITEMS:
        return f"more than {MOST_ITEMS} items"
    if _HEADS[first] is not None:
        return f"nested deeper than {MOST_DEPTH}"
    if first >> 5 == 6:
        return "a tag"
    return "an item of indefinite length" if first & 31 == 31 else f"the byte {first:#04x}"
