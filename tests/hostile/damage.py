"""Hostile files out of sound ones: what disks, networks, other programs and people do to them, by a number."""

from __future__ import annotations

import re
import struct
import zipfile
from io import BytesIO

import numpy as np

NUMBERS = ("nan", "inf", "-inf", "-1", "0", "-0.0", "1e308", "-1e308", "1e-320", "1e999", "9" * 30, "9" * 5000,
           "0x10", "true", '"text"', "[]", "{}", "[1, 2]", "null", "1979-05-27", "65536", "2147483648")  # fmt: skip
WORDS = ("", "\0", "ä" * 50, "x" * 100_000, "../../etc/passwd", "%s%n{0}", "\ud7ff\U0010ffff", "nan", "'\"\\", "\n\n",
         "CsI_Tl_500um", "edge", "gone.toml", "[" * 3000, "{" * 3000, "{a=" * 2000, '{"a":' * 2000, "<a>" * 2000,
         "1970-01-01T00:00:00+99:99", "0000-00-00")  # fmt: skip
WHOLE = (0, 1, 2, 3, 4, 7, 8, 12, 16, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1,
         2**63, 2**64 - 1, 2**28, 2**40)  # fmt: skip
LONGEST = 4 * 2**20  # bytes of a damaged file
_TEXTS = ("criteria", "curve", "scintillator", "panel", "beam", "scene", "limits", "published", "about", "pipeline",
          "defect map, csv", "defect map, json", "defect map, xml", "mesh, text", "mesh, obj", "mesh, ply")  # fmt: skip


def damaged(name: str, whole: dict[str, bytes], rng: np.random.Generator) -> bytes:
    """The named file after one to four harms.

    Parameters
    ----------
    name : str
        Of a file among `whole`.
    whole : dict of str to bytes
        Sound files.
    rng : numpy.random.Generator
        Same state, same harm.

    Returns
    -------
    content : bytes
    """
    content = whole[name]
    for _ in range(int(rng.integers(1, 5))):
        harms = [*_ANY, *_ANY_STRUCTURE]
        if name.startswith(_TEXTS):
            harms = [*_TEXT, *_TEXT, *_TEXT, *_ANY]
        elif name.startswith("TIFF") or name.endswith("tif"):
            harms += [_change_tiff_tag] * 8 + [_replace_number] * 3
        elif name.startswith("npy"):
            harms += [_change_npy_head] * 8
        elif name.startswith("calibration set"):
            harms += [_change_member] * 10
        harm = harms[int(rng.integers(len(harms)))]
        content = harm(content, rng)[:LONGEST] or b"\0"
        if rng.random() < 0.02:
            other = list(whole.values())[int(rng.integers(len(whole)))]
            content = content[: int(rng.integers(len(content) + 1))] + other[int(rng.integers(len(other))) :]
    return content


def _place(content: bytes, rng: np.random.Generator) -> int:
    """Anywhere, but half of the time in the first 512 bytes, where heads are."""
    end = min(len(content), 512) if rng.random() < 0.5 else len(content)
    return int(rng.integers(max(end, 1)))


def _flip(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content or b"\0")
    for _ in range(int(rng.integers(1, 9))):
        changed[_place(content, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _byte(content: bytes, rng: np.random.Generator) -> bytes:
    place = _place(content, rng)
    return content[:place] + bytes([int(rng.integers(256))]) + content[place + 1 :]


def _cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _lengthen(content: bytes, rng: np.random.Generator) -> bytes:
    return content + rng.bytes(int(rng.integers(1, 5000)))


def _blank(content: bytes, rng: np.random.Generator) -> bytes:
    place, length = _place(content, rng), int(rng.integers(1, 600))
    return content[:place] + bytes([int(rng.choice([0, 255, 32]))]) * length + content[place + length :]


def _drop(content: bytes, rng: np.random.Generator) -> bytes:
    place = _place(content, rng)
    return content[:place] + content[place + int(rng.integers(1, 64)) :]


def _double(content: bytes, rng: np.random.Generator) -> bytes:
    place, length = _place(content, rng), int(rng.integers(1, 2000))
    return content[: place + length] + content[place:]


def _whole_number(content: bytes, rng: np.random.Generator) -> bytes:
    size = int(rng.choice([1, 2, 4, 8]))
    place = _place(content, rng) // 2 * 2
    number = int(WHOLE[int(rng.integers(len(WHOLE)))]) % 2 ** (8 * size)
    return content[:place] + number.to_bytes(size, "big" if rng.random() < 0.2 else "little") + content[place + size :]


def _change_tiff_tag(content: bytes, rng: np.random.Generator) -> bytes:
    """Type, count or value of one tag of the first directory, as `WHOLE` has it."""
    if len(content) < 16 or content[:2] not in (b"II", b"MM"):
        return _whole_number(content, rng)
    order, big = "<" if content[:2] == b"II" else ">", b"\x2b" in content[2:4]
    (start,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", content, 8 if big else 4)
    head, entry = (8, 20) if big else (2, 12)
    if start + head > len(content):
        return _whole_number(content, rng)
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", content, start)
    place = start + head + entry * int(rng.integers(max(1, min(count, 30))))
    part, size = [(0, 2), (2, 2), (4, 8 if big else 4), (12 if big else 8, 8 if big else 4)][int(rng.integers(4))]
    number = int(WHOLE[int(rng.integers(len(WHOLE)))]) % 2 ** (8 * size)
    if part == 2:
        number = int(rng.integers(20))
    value = number.to_bytes(size, "little" if order == "<" else "big")
    return content[: place + part] + value + content[place + part + size :]


def _change_npy_head(content: bytes, rng: np.random.Generator) -> bytes:
    """Shape, type or order in the head of an array, whose length is kept."""
    end = content.find(b"\n")
    head = content[10 if content[6:7] == b"\x01" else 12 : end].decode("latin-1")
    words = [*NUMBERS, "|O", "<U9", "<f2", "<c16", "<i8", "<M8", "(24, -30)", f"({2**20}, {2**20})", "(1,)", "(0, 30)",
             "(24, 0)", f"({2**62},)", "(" * 300, "__import__('os')", "[('a', '<i4')]"]  # fmt: skip
    found = list(re.finditer(r"'<?[a-z]+\d?'|\d+|True|False|\([^)]*\)", head))
    if not found:
        return _byte(content, rng)
    match = found[int(rng.integers(len(found)))]
    changed = head[: match.start()] + words[int(rng.integers(len(words)))] + head[match.end() :]
    encoded = changed.rstrip().encode("latin-1", "replace")[:60_000] + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(encoded)) + encoded + content[end + 1 :]


def _change_member(content: bytes, rng: np.random.Generator) -> bytes:
    """One array inside a calibration set, packed again with the right check sum."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = {info.filename: archive.read(info)[:LONGEST] for info in archive.infolist()[:50]}
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError, KeyError):
        return _flip(content, rng)
    name = list(members)[int(rng.integers(len(members)))] if members else "none"
    if rng.random() < 0.5:
        name = next((key for key in members if "description" in key or "head" in key), name)
    inside = members.get(name) or b"\0"
    if name.startswith("description") or b"{" in inside[100:200]:
        start = inside.find(b"\n") + 1
        text = _TEXT[int(rng.integers(len(_TEXT)))](inside[start:] or b"\0", rng)
        buffer = BytesIO()
        np.save(buffer, np.frombuffer(text, np.uint8))
        members[name] = buffer.getvalue()
    else:
        members[name] = (_change_npy_head if rng.random() < 0.5 else _whole_number)(inside, rng)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key, value in members.items():
            archive.writestr(key, value)
    return buffer.getvalue()


def _replace_number(content: bytes, rng: np.random.Generator) -> bytes:
    """A number in a text by another one, or by what is none."""
    found = list(re.finditer(rb"-?\d+\.?\d*(e-?\d+)?", content[:100_000]))
    if not found:
        return _flip(content, rng)
    match = found[int(rng.integers(len(found)))]
    return content[: match.start()] + NUMBERS[int(rng.integers(len(NUMBERS)))].encode() + content[match.end() :]


def _replace_word(content: bytes, rng: np.random.Generator) -> bytes:
    found = list(re.finditer(rb"[A-Za-z_]{2,}", content[:100_000]))
    if not found:
        return _flip(content, rng)
    match = found[int(rng.integers(len(found)))]
    word = WORDS[int(rng.integers(len(WORDS)))].encode("utf-8", "surrogatepass")
    return content[: match.start()] + word + content[match.end() :]


def _drop_line(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.split(b"\n")
    del lines[int(rng.integers(len(lines)))]
    return b"\n".join(lines)


def _double_line(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.split(b"\n")
    lines.insert(int(rng.integers(len(lines))), lines[int(rng.integers(len(lines)))])
    return b"\n".join(lines)


_ANY = (_flip, _byte, _cut, _lengthen, _blank, _drop, _double)
_ANY_STRUCTURE = (_whole_number,) * 4
_TEXT = (_replace_number, _replace_number, _replace_word, _drop_line, _double_line)
