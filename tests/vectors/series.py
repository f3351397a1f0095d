"""Vectors of series segments and of the names of samples.

Written from the prose at the head of the engine's `record/series/segment.rs`, `column.rs` and `sample.rs`.
"""

import random
from functools import reduce
from math import gcd

import zstandard
from blake3 import blake3

ABSENT = ["not-a-number", "positive-infinity", "negative-infinity", "unknown", "error"]
WIDTH = {"blood-pressure": 4}


def make(_):
    return {"series.json": ("Segments of series: the bytes and the samples they hold.", vectors)}


# ---- numbers and columns --------------------------------------------------------------------------------------------

def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def fold(number):
    return number * 2 if number >= 0 else -number * 2 - 1


def plane(data, packed):
    if packed:
        frame = zstandard.ZstdCompressor(level=7).compress(data)
        return b"\x01" + varint(len(frame)) + frame
    return b"\x00" + varint(len(data)) + data


def column(numbers, packed=False):
    if len(set(numbers)) <= 1:
        return b"\x00" + varint(numbers[0] if numbers else 0)
    width = (max(numbers).bit_length() + 7) // 8
    planes = [plane(bytes(n >> (8 * at) & 0xFF for n in numbers), packed) for at in range(width)]
    return bytes([width]) + b"".join(planes)


def steps(numbers):
    return [b - a for a, b in zip(numbers[:1] + numbers, numbers)]


def stepped(numbers, packed):
    step = reduce(gcd, numbers, 0) or 1
    return varint(step) + column([n // step for n in numbers], packed)


# ---- segments -------------------------------------------------------------------------------------------------------

def decimal(text):
    """A decimal's mantissa and places."""
    whole, _, part = text.partition(".")
    return int(whole + part), len(part)


def numbers_of(sample, width):
    reading = sample[3]
    if isinstance(reading, dict):
        return [None] * width
    if isinstance(reading, int):
        return [(reading, 0)]
    return [None if text is None else decimal(text) for text in reading]


def segment(metric, samples, packed=False, version=1):
    width = WIDTH.get(metric, 1)
    starts = [s[0] for s in samples]
    out = bytes([version]) + varint(len(samples)) + varint(fold(starts[0] if starts else 0))
    out += stepped(steps(starts), packed)
    out += stepped([s[1] - s[0] for s in samples], packed)
    out += column([0 if s[2] is None else fold(s[2]) + 1 for s in samples], packed)
    out += column([ABSENT.index(s[3]["absent"]) + 1 if isinstance(s[3], dict) else 0 for s in samples], packed)
    for at in range(width):
        before, mantissas, places = 0, [], []
        for s in samples:
            number = numbers_of(s, width)[at]
            places.append(0 if number is None else number[1] + 1)
            before = before if number is None else number[0]
            mantissas.append(before)
        differences = [b - a for a, b in zip([0] + mantissas, mantissas)]
        out += column(places, packed) + column([fold(d) for d in differences], packed)
    out += column([s[4] for s in samples], packed)
    known, ids, before = [], b"", None
    for s in samples:
        known.append(0 if s[5] is None else 2 if s[5] == before else 1)
        ids += bytes.fromhex(s[5]) if known[-1] == 1 else b""
        before = s[5]
    out += column(known, packed) + ids
    versions = [s[6] for s in samples]
    return out + column([fold(b - a) for a, b in zip([0] + versions, versions)], packed)


def name_of(system, native):
    hasher = blake3(derive_key_context="carnet/1 sample id")
    return hasher.update(len(system).to_bytes(8, "big") + system.encode() + native).digest(8).hex()


def identity(sample):
    if sample[5] is not None:
        return sample[5]
    hasher = blake3(derive_key_context="carnet/1 sample without id")
    hasher.update(sample[0].to_bytes(8, "big", signed=True) + sample[1].to_bytes(8, "big", signed=True))
    reading = sample[3]
    if isinstance(reading, dict):
        parts = [(4, ABSENT.index(reading["absent"]), 0)]
    elif isinstance(reading, int):
        parts = [(3, reading, 0)]
    elif len(reading) == 1:
        parts = [(0, *decimal(reading[0]))]
    else:
        parts = [(2, 0, 0) if text is None else (1, *decimal(text)) for text in reading]
    for tag, value, places in parts:
        hasher.update(bytes([tag, places]) + value.to_bytes(8, "big", signed=True))
    return hasher.digest(8).hex()


# ---- vectors --------------------------------------------------------------------------------------------------------

START = 1_795_451_845_000


def pulse(start, text, offset=60, quality=0, name=None, version=0):
    return [start, start, offset, [text], quality, name, version]


def walk(count, jitter, seed):
    chance, start, value, samples = random.Random(seed), START, 70, []
    for _ in range(count):
        start += 5_000 + chance.randrange(-jitter, jitter + 1)
        value = min(180, max(45, value + chance.choice([-1, 0, 0, 0, 1])))
        samples.append(pulse(start, str(value)))
    return samples


def vectors():
    def good(name, metric, samples, packed=False, **more):
        yield {"name": name, "expect": "ok", "metric": metric, "packed": packed, "bytes": segment(metric, samples, packed),
               "samples": samples, **more}

    yield from good("nothing", "heart-rate", [])
    one = pulse(START, "72")
    yield from good("one sample", "heart-rate", [one], identity_of=0, identity=identity(one))
    yield from good("before 1970, no offset", "heart-rate", [pulse(-5_000, "60", None), pulse(-1_000, "61", -210)])
    yield from good("whole seconds", "heart-rate", [pulse(START + n * 1_000, str(60 + n % 3)) for n in range(20)])
    yield from good("jittered milliseconds, packed", "heart-rate", walk(500, 1_000, 1), packed=True)
    weights = [pulse(START + n * 86_400_000, text) for n, text in enumerate(["70", "70.0", "69.85", "-0.5", "123456789.123456"])]
    yield from good("decimals as written", "weight", weights, identity_of=1, identity=identity(weights[1]))
    steps_ = [[START + n * 600_000, START + n * 600_000 + 300_000 + n, 120, [str(400 - n)], 1, None, 0] for n in range(12)]
    yield from good("spans", "steps", steps_)
    pressure = [[START, START, 60, ["121", "79", None, "64"], 0, None, 0],
                [START + 60_000, START + 60_000, 60, ["16.1", "10.5", "12.4", None], 2, None, 0],
                [START + 90_000, START + 90_000, 60, {"absent": "not-a-number"}, 2, None, 0]]
    yield from good("components, some missing", "blood-pressure", pressure, identity_of=0, identity=identity(pressure[0]))
    night = [[START + n * 1_800_000, START + (n + 1) * 1_800_000, 60, stage, 0, None, 0] for n, stage in enumerate([0, 3, 4, 3, 5, 2])]
    yield from good("states", "sleep", night, identity_of=4, identity=identity(night[4]))
    reasons = [[START + n, START + n, None, {"absent": reason}, 0, None, 0] for n, reason in enumerate(ABSENT)]
    yield from good("every reason why there is no number", "blood-glucose", reasons, identity_of=3, identity=identity(reasons[3]))
    names = [name_of("health-connect", bytes([n]) * 16) for n in (1, 1, 1, 2)]
    named = [pulse(START + n * 1_000, str(70 + n), name=name, version=v)
             for n, (name, v) in enumerate(zip(names + [None] + names, [9, 9, 9, 2**45, 0, 1, 1, 1, 0]))]
    yield from good("ids and versions", "heart-rate", named, identity_of=3, identity=names[3])
    yield from good("all marks", "heart-rate", [pulse(START + n, "1", quality=1 << n) for n in range(16)])

    def bad(name, metric, data):
        yield {"name": name, "expect": "refused", "metric": metric, "bytes": data}

    whole = segment("heart-rate", [pulse(START + n * 1_000, str(60 + n)) for n in range(3)])
    yield from bad("a later version", "heart-rate", segment("heart-rate", [one], version=2))
    yield from bad("a byte more", "heart-rate", whole + b"\0")
    yield from bad("a byte less", "heart-rate", whole[:-1])
    yield from bad("more samples than it may hold", "heart-rate", b"\x01" + varint(65_537) + whole[2:])
    yield from bad("beyond the year 2200", "heart-rate", segment("heart-rate", [pulse(7_258_118_400_000, "1")]))
    yield from bad("longer than a month", "steps", segment("steps", [[0, 32 * 86_400_000, None, ["1"], 0, None, 0]]))
    yield from bad("an offset of 19 hours", "heart-rate", segment("heart-rate", [pulse(0, "1", 19 * 60)]))
    yield from bad("a state that is not in the list", "sleep", segment("sleep", [[0, 0, None, 8, 0, None, 0]]))
    yield from bad("sixteen digits", "weight", segment("weight", [pulse(0, "1234567890123456")]))
    yield from bad("thirteen places", "weight", segment("weight", [pulse(0, "0.1234567890123")]))
    yield from bad("the id before the first", "heart-rate", segment("heart-rate", [one])[:-4] + b"\0\2\0\0")
    yield from bad("a number in two bytes that fits in one", "heart-rate", b"\x01\x81\x00" + segment("heart-rate", [one])[2:])
