"""An Outlook message, as small as its format lets it be: a compound file of a few streams.

The format: https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb and ms-oxmsg.
"""

import struct
from pathlib import Path

_SECTOR, _SMALL = 512, 64
_CONTENT_AT = b"here"
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SUBJECT, _BODY, _CLASS = 0x0037, 0x1000, 0x001A
_TEXT = 0x001F


def write_msg(path: Path, subject: str, body: str) -> Path:
    """A message that says so, without recipients and attachments."""
    texts = {_CLASS: "IPM.Note", _SUBJECT: subject, _BODY: body}
    streams = {"__properties_version1.0": _properties(texts)}
    for tag, text in texts.items():
        streams[f"__substg1.0_{tag:04X}{_TEXT:04X}"] = text.encode("utf-16-le")
    path.write_bytes(_compound(streams))
    return path


def _properties(texts: dict[int, str]) -> bytes:
    entries = [
        struct.pack("<HHIII", _TEXT, tag, 6, len(text.encode("utf-16-le")) + 2, 0)
        for tag, text in texts.items()
    ]
    return bytes(32) + b"".join(entries)


def _compound(streams: dict[str, bytes]) -> bytes:
    """Sectors: the table of sectors, the folder, the table of small sectors, those themselves."""
    small = [_padded(data, _SMALL) for data in streams.values()]
    chains, starts = _chains(small, _SMALL)
    content = _padded(b"".join(small), _SECTOR)
    folder = _padded(_folder(streams, starts, len(content)), _SECTOR)
    table, (_, folder_at, chains_at, content_at) = _chains(
        [bytes(_SECTOR), folder, bytes(_SECTOR), content], _SECTOR
    )
    head = struct.pack(
        "<8s16xHHHHH6x9I109I",
        *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6),
        *(0, 1, folder_at, 0, 4096, chains_at, 1, _END, 0, 0),
        *[_FREE] * 108,
    )
    folder = folder.replace(_CONTENT_AT, struct.pack("<I", content_at), 1)
    return head + _table([_FAT, *table[1:]]) + folder + _table(chains) + content


def _chains(parts: list[bytes], size: int) -> tuple[list[int], list[int]]:
    """For each sector the next one of its part, and where each part starts."""
    table, starts = list[int](), list[int]()
    for part in parts:
        starts.append(len(table))
        table += [*range(len(table) + 1, len(table) + len(part) // size), _END]
    return table, starts


def _folder(streams: dict[str, bytes], starts: list[int], size: int) -> bytes:
    entries = [_entry("Root Entry", 5, _FREE, 1, *struct.unpack("<I", _CONTENT_AT), size)]
    for number, (name, data) in enumerate(streams.items(), 1):
        after = number + 1 if number < len(streams) else _FREE
        entries.append(_entry(name, 2, after, _FREE, starts[number - 1], len(data)))
    return b"".join(entries)


def _entry(name: str, kind: int, after: int, child: int, start: int, size: int) -> bytes:
    shown = name.encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII36xIQ", shown, len(shown) + 2, kind, 1, _FREE, after, child, start, size
    )


def _table(numbers: list[int]) -> bytes:
    return struct.pack("<128I", *numbers, *[_FREE] * (128 - len(numbers)))


def _padded(data: bytes, size: int) -> bytes:
    return data + bytes(-len(data) % size)
