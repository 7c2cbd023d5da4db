"""Damaged variants of a PDF, the same for the same seed.

Half of them are made of the file with its streams unpacked, for damage to a packed stream seldom
gets past the unpacking. Does not know who reads them.
"""

import io
import random
import re
from collections.abc import Callable

import pikepdf
from pikepdf import Name

_REFERENCE = re.compile(rb"\b(\d+) 0 R\b")
_NUMBER = re.compile(rb"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
_EXTREMES = (b"0", b"-1", b"1e9", b"65536", b"2147483648", b"-99999999999999999999", b"0.0000001")


def unpacked(data: bytes) -> bytes:
    """The same document with every stream but the pictures in plain bytes."""
    with pikepdf.open(io.BytesIO(data)) as document:
        for held in document.objects:
            if isinstance(held, pikepdf.Stream) and held.get("/Subtype") != Name.Image:
                held.write(held.read_bytes())
        out = io.BytesIO()
        document.save(
            out, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none
        )
        return out.getvalue()


def flipped(data: bytes, chance: random.Random) -> bytes:
    """With up to 200 bits the other way."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 200)):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(8, len(data))]


def spliced(data: bytes, chance: random.Random) -> bytes:
    """With pieces of itself where they do not belong, over what was there or between it."""
    for _ in range(chance.randint(1, 6)):
        start, at = chance.randrange(len(data)), chance.randrange(9, len(data))
        piece = data[start : start + chance.randint(1, 4000)]
        data = data[:at] + piece + data[at + chance.choice([0, len(piece)]) :]
    return data


def swapped(data: bytes, chance: random.Random) -> bytes:
    """With references that lead to other objects of the file, also back to where they stand."""
    numbers = _REFERENCE.findall(data)
    share = chance.choice([0.02, 0.1, 0.5])

    def other(match: re.Match[bytes]) -> bytes:
        return (chance.choice(numbers) if chance.random() < share else match[1]) + b" 0 R"

    return _REFERENCE.sub(other, data)


def extreme(data: bytes, chance: random.Random) -> bytes:
    """With figures of its dictionaries and drawings that are out of all proportion."""
    share = chance.choice([0.001, 0.01, 0.1])

    def other(match: re.Match[bytes]) -> bytes:
        return chance.choice(_EXTREMES) if chance.random() < share else match[0]

    return _NUMBER.sub(other, data)


def nested(data: bytes, chance: random.Random) -> bytes:
    """With brackets that open thousands of times before they close, if they do."""
    opening, closing = chance.choice([(b"[", b"]"), (b"<<", b">>"), (b"(", b")"), (b"q ", b"Q ")])
    depth = chance.choice([600, 20_000])
    closed = depth * chance.randint(0, 1)
    at = chance.choice([match.start() for match in _NUMBER.finditer(data)])
    return data[:at] + opening * depth + closing * closed + data[at:]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(flipped, truncated, spliced, swapped, extreme, nested),
)


def mutants(data: bytes, count: int, seed: int) -> dict[str, bytes]:
    """`count` variants by a name that tells how each was made; one seed always gives the same."""
    plain, made = unpacked(data), dict[str, bytes]()
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        mutate = MUTATIONS[number % len(MUTATIONS)]
        of, kind = (plain, "plain") if number // len(MUTATIONS) % 2 else (data, "packed")
        changed = of
        while changed == of:
            changed = mutate(of, chance)
        made[f"{number:03}-{mutate.__name__}-{kind}"] = changed
    return made
