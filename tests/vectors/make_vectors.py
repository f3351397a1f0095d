#!/usr/bin/env python3
"""Writes the test vectors of the Carnet protocol, version 1.

A second implementation of the prose that opens `core/wire/src/lib.rs`. It calls nothing of the Rust code and shares no
CBOR, padding or key derivation with it: where the two disagree, the prose decides. Every input is derived from a label,
so a second run writes the same files.

    python3 -m venv /tmp/vectors && /tmp/vectors/bin/pip install -r requirements.txt
    /tmp/vectors/bin/python make_vectors.py            writes *.json beside this file, and the fuzzer's seeds
    /tmp/vectors/bin/python make_vectors.py --check    writes nothing, fails where a file differs
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import ed25519_edges
import people
import rooms
import series
import snapshots
import zstandard
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha_seal

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent / "fuzz" / "corpus" / "envelope"
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
EXPECTED = {"ok", "malformed", "not-canonical", "too-large", "unknown-version", "signature", "unopened", "body",
            "body-hash", "record", "fork", "gap", "refused"}


# ---- canonical CBOR -------------------------------------------------------------------------------------------------

def head(major, argument):
    """The shortest head of a CBOR item."""
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << (8 * size):
            return bytes([major << 5 | info]) + argument.to_bytes(size, "big")
    raise ValueError("the argument is over 64 bits")


def cbor(value):
    """Integers from 0, booleans, null, byte strings, text and arrays: all that the structures here are made of."""
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return head(3, len(text)) + text
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    raise TypeError(type(value))


# ---- keys and ids ---------------------------------------------------------------------------------------------------

def label(text, length=32):
    """The fixed inputs: nobody's secrets."""
    return hashlib.shake_256(b"carnet test vector: " + text.encode()).digest(length)


def derive_key(context, material):
    return blake3(material, derive_key_context=context).digest()


def hkdf(secret, info):
    return HKDF(algorithm=SHA256(), length=32, salt=b"", info=info.encode()).derive(secret)


def public_key(seed):
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def sign(seed, message):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def change_id(header):
    return derive_key("carnet/1 change-id", header)


def compartment_id(record, name):
    return derive_key("carnet/1 compartment-id", record + name.encode())[:16]


def derive_epoch(read_secret, record, compartment, parents):
    commitment = hkdf(read_secret, "carnet/1 commit")
    material = record + compartment + commitment + b"".join(sorted(parents))
    return {
        "mailbox": hkdf(read_secret, "carnet/1 mailbox"),
        "relay_read_seed": hkdf(read_secret, "carnet/1 relay read"),
        "content_key": hkdf(read_secret, "carnet/1 content"),
        "commitment": commitment,
        "previous_key": hkdf(read_secret, "carnet/1 previous"),
        "epoch": derive_key("carnet/1 epoch-id", material),
    }


# ---- change, padding, envelope --------------------------------------------------------------------------------------

def padded_len(length):
    if length <= 4096:
        return max(128, -(-length // 128) * 128)
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    return (length + (1 << low_bits) - 1) >> low_bits << low_bits


def frame(inner):
    return struct.pack(">I", len(inner)) + inner


def pad(framed):
    return framed + bytes(padded_len(len(framed)) - len(framed))


def header_list(f):
    """The elements of a header from its JSON-like fields."""
    author = [f["device"], f["incarnation"]]
    seen = [[[device, incarnation], seq] for device, incarnation, seq in f["seen"]]
    return [f["version"], f["record"], f["compartment"], author, f["seq"], f["prev"], seen, f["frontier"],
            f["lamport"], f["kind"], f["body_hash"]]


def associated_data(outer):
    return b"carnet/1 envelope\0" + cbor(outer)


class Device:
    """An author: a key pair and a life."""

    def __init__(self, name):
        self.seed = label(f"device {name}")
        self.device = public_key(self.seed)
        self.incarnation = label(f"incarnation {name}", 8)

    def sign(self, header):
        return sign(self.seed, b"carnet/1 change\0" + header)


ANNE, PAUL = Device("anne"), Device("paul")
RECORD = label("record")
COMPARTMENT = compartment_id(RECORD, "general")
ZEROS = bytes(32)
STORED = b"\x00" + b"Glycemie a jeun : 0,92 g/L"


def fields(device=ANNE, body=STORED, **changed):
    base = {
        "version": 1, "record": RECORD, "compartment": COMPARTMENT, "device": device.device,
        "incarnation": device.incarnation, "seq": 1, "prev": ZEROS, "seen": [], "frontier": [], "lamport": 1,
        "kind": 1, "body_hash": blake3(body).digest(),
    }
    unknown = changed.keys() - base.keys()
    assert not unknown, unknown
    return base | changed


ELEMENTS = {}  # of every header that was signed, by its bytes


def signed(f, body=STORED, device=ANNE):
    """A change, signed."""
    header = cbor(header_list(f))
    ELEMENTS[header] = header_list(f)
    return {"header": header, "signature": device.sign(header), "body": body}


def inner_list(change):
    """What travels of a change: record, compartment and the hash of the body do not."""
    version, _, _, author, seq, prev, seen, frontier, lamport, kind, _ = ELEMENTS[change["header"]]
    return [version, author, seq, prev, seen, frontier, lamport, kind, change["signature"], change["body"]]


def inner_bytes(change):
    return cbor(inner_list(change))


class Epoch:
    """One epoch of the compartment and how its envelopes are sealed."""

    def __init__(self, name, parents=()):
        self.read_secret = label(f"read secret {name}")
        derived = derive_epoch(self.read_secret, RECORD, COMPARTMENT, list(parents))
        self.mailbox, self.epoch, self.key = derived["mailbox"], derived["epoch"], derived["content_key"]

    def seal(self, plaintext, name, **outer_changed):
        """Seals under the outer fields as they are; `after` names fields changed once it is sealed."""
        after = outer_changed.pop("after", {})
        outer = {"version": 1, "suite": 1, "mailbox": self.mailbox, "epoch": self.epoch,
                 "nonce": label(f"nonce {name}", 24)} | outer_changed
        ciphertext = xchacha_seal(plaintext, associated_data(list(outer.values())), outer["nonce"], self.key)
        return cbor(list((outer | after).values()) + [ciphertext])


FIRST = Epoch("first")
SECOND = Epoch("second", [FIRST.epoch])


# ---- the files ------------------------------------------------------------------------------------------------------

def ids():
    compartments = [(RECORD, name) for name in ("general", "private", "series", "sant\u00e9 mentale", "")]
    yield from ({"name": f"compartment '{name}'", "type": "compartment", "record": record, "compartment_name": name,
                 "id": compartment_id(record, name)} for record, name in compartments)
    for name, length in (("empty", 0), ("one byte", 1), ("a chunk", 1024), ("two chunks and a byte", 2049)):
        data = label(f"id {name}", length)
        yield {"name": f"change, {name}", "type": "change", "bytes": data, "id": change_id(data)}
        yield {"name": f"envelope, {name}", "type": "envelope", "bytes": data, "id": blake3(data).digest()}
        yield {"name": f"blob, {name}", "type": "blob", "bytes": data, "id": blake3(data).digest()}


def epochs():
    others = [label(f"parent {n}") for n in range(3)]
    cases = [("first", []), ("second", [FIRST.epoch]), ("merge of three", sorted(others)),
             ("merge of three, listed in another order", sorted(others, reverse=True))]
    for name, parents in cases:
        shared = name.split(",")[0]
        secrets = {kind: label(f"{kind} secret {shared}") for kind in ("read", "write", "retire")}
        derived = derive_epoch(secrets["read"], RECORD, COMPARTMENT, parents)
        write_seed = hkdf(secrets["write"], "carnet/1 relay write")
        retire_seed = hkdf(secrets["retire"], "carnet/1 relay retire")
        yield {
            "name": name, "record": RECORD, "compartment": COMPARTMENT, "parents": parents,
            "read_secret": secrets["read"], "write_secret": secrets["write"], "retire_secret": secrets["retire"],
            **derived,
            "relay_read_key": public_key(derived["relay_read_seed"]),
            "relay_write_seed": write_seed, "relay_write_key": public_key(write_seed),
            "relay_retire_seed": retire_seed, "relay_retire_key": public_key(retire_seed),
        }


def good_headers():
    previous = change_id(cbor(header_list(fields())))
    authors = sorted([(ANNE.device, ANNE.incarnation, 3), (PAUL.device, PAUL.incarnation, 2**32),
                      (PAUL.device, label("another life", 8), 23)])
    heads = sorted(label(f"roster head {n}") for n in range(3))
    yield "the first of a chain", fields()
    yield "the second of a chain", fields(seq=2, prev=previous, lamport=2)
    yield "with a past", fields(seq=24, prev=previous, seen=authors, frontier=heads, lamport=256)
    yield "the greatest numbers", fields(seq=2**64 - 1, prev=previous, lamport=2**64 - 1, kind=255)
    yield "roster operations", fields(kind=3)
    yield "an unknown kind is read, stored and reported", fields(kind=200)


def headers():
    for name, f in good_headers():
        header = cbor(header_list(f))
        seen = [{"device": d, "incarnation": i, "seq": s} for d, i, s in f["seen"]]
        yield {"name": name, "expect": "ok", "fields": f | {"seen": seen}, "header": header,
               "change_id": change_id(header), "seed": ANNE.seed, "device": ANNE.device,
               "signature": ANNE.sign(header)}
    yield from bad_headers()
    yield from bad_signatures()


def bad_headers():
    good = cbor(header_list(fields()))
    previous = label("some change")
    authors = sorted([(ANNE.device, ANNE.incarnation, 1), (PAUL.device, PAUL.incarnation, 1)])
    heads = sorted(label(f"roster head {n}") for n in range(2))

    def bad(name, expect, header):
        return {"name": name, "expect": expect, "header": header}

    def spoiled(**changed):
        return cbor(header_list(fields(**changed)))

    def element(index, value):
        elements = header_list(fields())
        elements[index] = value
        return cbor(elements)

    yield bad("sequence number 0", "not-canonical", spoiled(seq=0))
    yield bad("first, yet with a previous change", "not-canonical", spoiled(prev=previous))
    yield bad("second, yet without a previous change", "not-canonical", spoiled(seq=2))
    yield bad("seen is not sorted", "not-canonical", spoiled(seen=authors[::-1]))
    yield bad("seen lists an author twice", "not-canonical", spoiled(seen=[authors[0], authors[0][:2] + (2,)]))
    yield bad("frontier is not sorted", "not-canonical", spoiled(frontier=heads[::-1]))
    yield bad("frontier lists a head twice", "not-canonical", spoiled(frontier=[heads[0], heads[0]]))
    yield bad("version 2", "unknown-version", spoiled(version=2))
    yield bad("version 2 with another layout", "unknown-version", cbor([2, "something else"]))
    yield bad("version 0", "unknown-version", spoiled(version=0))
    yield bad("empty", "malformed", b"")
    yield bad("truncated", "malformed", good[:-1])
    yield bad("one byte too many", "not-canonical", good + b"\0")
    yield bad("one element too few", "malformed", cbor(header_list(fields())[:-1]))
    yield bad("one element too many", "not-canonical", cbor(header_list(fields()) + [0]))
    yield bad("record of 31 bytes", "malformed", element(1, RECORD[:31]))
    yield bad("record of 33 bytes", "malformed", element(1, RECORD + b"\0"))
    yield bad("compartment of 32 bytes", "malformed", element(2, RECORD))
    yield bad("record as text", "malformed", element(1, "r" * 32))
    yield bad("kind over a byte", "malformed", element(9, 256))
    yield bad("version in two bytes", "not-canonical", good[:1] + b"\x18\x01" + good[2:])
    yield bad("record length in three bytes", "not-canonical", good[:2] + b"\x59\x00\x20" + good[4:])
    yield bad("indefinite array", "not-canonical", b"\x9f" + good[1:] + b"\xff")
    yield bad("tagged record", "not-canonical", good[:2] + b"\xc2" + good[2:])
    yield bad("a map in place of seen", "not-canonical",
              b"".join([head(4, 11)] + [b"\xa0" if i == 6 else cbor(e) for i, e in enumerate(header_list(fields()))]))
    yield bad("a float as the kind", "not-canonical",
              b"".join([head(4, 11)] + [b"\xf9\x3c\x00" if i == 9 else cbor(e)
                                        for i, e in enumerate(header_list(fields()))]))
    yield bad("seen claims 2^60 authors", "malformed",
              b"".join([head(4, 11)] + [head(4, 2**60) if i == 6 else cbor(e)
                                        for i, e in enumerate(header_list(fields()))]))
    yield bad("101 roster heads", "too-large", spoiled(frontier=sorted(label(f"head {n}") for n in range(101))))


def bad_signatures():
    header = cbor(header_list(fields()))
    signature = ANNE.sign(header)
    scalar = int.from_bytes(signature[32:], "little")
    malleable = signature[:32] + (scalar + ED25519_ORDER).to_bytes(32, "little")
    # The neutral element as key and as R with S = 0 satisfies the equation for every message; verify_strict refuses it.
    neutral = b"\x01" + bytes(31)

    def bad(name, signature, device=ANNE.device, header=header):
        return {"name": name, "expect": "signature", "header": header, "device": device, "signature": signature}

    yield bad("signature of another header", ANNE.sign(cbor(header_list(fields(lamport=2)))))
    yield bad("signature by another device", PAUL.sign(header))
    yield bad("signature without its domain", sign(ANNE.seed, header))
    yield bad("signature under the session domain", sign(ANNE.seed, b"carnet/1 session\0" + header))
    yield bad("one bit of the signature", bytes([signature[0] ^ 1]) + signature[1:])
    yield bad("scalar over the group order", malleable)
    weak = fields(device=type("Weak", (), {"device": neutral, "incarnation": ANNE.incarnation}))
    yield bad("key of small order", neutral + bytes(32), neutral, cbor(header_list(weak)))


def padding():
    lengths = {0, 1, 4, 127, 128, 129, 3967, 3968, 3969, 4095, 4096, 4097, 4352, 4353, 2**22 - 2**16, 2**22 - 2**16 + 1,
               2**24 + 1, 2**30, 2**31 - 1}
    for power in range(8, 26):
        lengths |= {2**power - 1, 2**power, 2**power + 1, 3 << (power - 1)}
    yield from ({"length": length, "padded": padded_len(length)} for length in sorted(lengths))


def plaintexts():
    change = signed(fields())
    inner = inner_bytes(change)
    padded = pad(frame(inner))

    def bad(name, expect, plaintext):
        return {"name": name, "expect": expect, "plaintext": plaintext}

    def good(name, length):
        body = b"\x00" + label(f"body {name}", length - 1)
        change_of = signed(fields(body=body), body)
        return {"name": name, "expect": "ok", "plaintext": pad(frame(inner_bytes(change_of))), **change_of}

    without_body = len(frame(inner_bytes(signed(fields(body=bytes(200)), bytes(200))))) - 200
    full = good("a body that fills its class", 384 - without_body)
    assert len(full["plaintext"]) == 384 and full["plaintext"][-1] == full["body"][-1] != 0
    yield full
    yield good("a body one byte over a class", 385 - without_body)
    yield good("a body of one byte", 1)
    yield good("a body over 4 KiB", 5000)
    yield bad("padding is not zero at its end", "not-canonical", padded[:-1] + b"\x01")
    start = len(frame(inner))
    assert start < len(padded)
    yield bad("padding is not zero at its start", "not-canonical", padded[:start] + b"\x80" + padded[start + 1:])
    yield bad("no padding", "not-canonical", frame(inner))
    yield bad("padding of another class", "not-canonical", padded + bytes(128))
    yield bad("empty", "malformed", b"")
    yield bad("shorter than its length field", "malformed", b"\0\0\0")
    yield bad("length over what is there", "malformed", struct.pack(">I", len(padded) - 3) + padded[4:])
    yield bad("the greatest length", "malformed", b"\xff\xff\xff\xff" + padded[4:])
    yield bad("length in the other byte order", "malformed", struct.pack("<I", len(inner)) + padded[4:])
    yield bad("length one short, so that the padding begins with a byte of the body", "not-canonical", struct.pack(">I", len(inner) - 1) + padded[4:])
    yield bad("length one long", "not-canonical", struct.pack(">I", len(inner) + 1) + padded[4:])
    short = inner_bytes(change | {"signature": change["signature"][:63]})
    yield bad("signature of 63 bytes", "malformed", pad(frame(short)))
    yield bad("an eleventh element", "not-canonical", pad(frame(cbor(inner_list(change) + [b""]))))
    yield bad("nine elements", "malformed", pad(frame(cbor(inner_list(change)[:-1]))))
    yield bad("version 2 with another layout", "unknown-version", pad(frame(cbor([2, "something else"]))))
    yield bad("zeros only", "malformed", bytes(128))


def zstd(data, level=3):
    return zstandard.ZstdCompressor(level=level, write_content_size=True).compress(data)


def bodies():
    text = "Ordonnance : param\u00e9trage du traitement, un comprim\u00e9 matin et soir. ".encode() * 40

    def body(name, expect, encoded, **more):
        return {"name": name, "expect": expect, "body": encoded, "body_hash": blake3(encoded).digest(), **more}

    yield body("stored", "ok", b"\x00" + text[:60], plain=text[:60])
    yield body("stored and empty", "ok", b"\x00", plain=b"")
    yield body("zstd", "ok", b"\x01" + zstd(text), plain=text)
    yield body("zstd of nothing", "ok", b"\x01" + zstd(b""), plain=b"")
    compressor = zstandard.ZstdCompressor(level=19, write_content_size=False, write_checksum=True)
    streaming = compressor.compressobj()
    yield body("zstd without the content size, with a checksum", "ok",
               b"\x01" + streaming.compress(text) + streaming.flush(), plain=text)
    yield body("no compression byte", "body", b"")
    yield body("unknown compression", "body", b"\x03" + text[:60])
    yield body("zstd cut short", "body", b"\x01" + zstd(text)[:-5])
    yield body("not a zstd frame", "body", b"\x01" + text[:60])
    yield body("bytes after the zstd frame", "body", b"\x01" + zstd(text) + b"\0")
    yield body("zstd of 33 MiB, over the limit", "too-large", b"\x01" + zstd(bytes(33 << 20)))


def opened(change, plain):
    return {**change, "change_id": change_id(change["header"]), "plain": plain}


def envelopes():
    first = signed(fields())
    plaintext = pad(frame(inner_bytes(first)))
    text = "Vaccin antit\u00e9tanique, rappel dans 20 ans. ".encode() * 30
    packed = b"\x01" + zstd(text)
    second = signed(fields(body=packed, seq=2, prev=change_id(first["header"]), lamport=2), packed)
    pauls = signed(fields(PAUL, seen=[(ANNE.device, ANNE.incarnation, 1)], lamport=2), device=PAUL)

    def vector(name, expect, under, envelope, **more):
        return {"name": name, "expect": expect, "read_secret": under.read_secret, "envelope": envelope,
                "envelope_id": blake3(envelope).digest(), **more}

    def sealed(name, change, under, plain=STORED[1:]):
        return vector(name, "ok", under, under.seal(pad(frame(inner_bytes(change))), name), mailbox=under.mailbox,
                      epoch=under.epoch, nonce=label(f"nonce {name}", 24), opened=opened(change, plain))

    yield sealed("first change", first, FIRST)
    yield sealed("second change, compressed", second, FIRST, text)
    yield sealed("another author, who has seen the first", pauls, FIRST)
    yield sealed("the first change again under the next epoch: same change id", first, SECOND)
    yield vector("unknown suite: read and stored, not opened", "unopened", FIRST,
                 FIRST.seal(plaintext, "unknown suite", suite=77))

    yield vector("version 2", "unknown-version", FIRST, FIRST.seal(plaintext, "version 2", version=2))
    good = FIRST.seal(plaintext, "good")
    yield vector("truncated", "malformed", FIRST, good[:-1])
    yield vector("empty", "malformed", FIRST, b"")
    yield vector("one byte too many", "not-canonical", FIRST, good + b"\0")
    yield vector("suite in three bytes", "not-canonical", FIRST, good[:2] + b"\x19\x00\x01" + good[3:])
    yield vector("ciphertext as text", "malformed", FIRST,
                 cbor([1, 1, FIRST.mailbox, FIRST.epoch, bytes(24), "x" * 144]))
    yield vector("nonce of 12 bytes", "malformed", FIRST, cbor([1, 1, FIRST.mailbox, FIRST.epoch, bytes(12), bytes(144)]))
    for field, value in (("epoch", SECOND.epoch), ("mailbox", SECOND.mailbox), ("suite", 2),
                         ("nonce", label("another nonce", 24))):
        envelope = FIRST.seal(plaintext, f"moved {field}", after={field: value})
        yield vector(f"{field} replaced after sealing", "unopened", FIRST, envelope)
    yield vector("sealed under another epoch's key", "unopened", SECOND, good)
    yield vector("one bit of the ciphertext", "unopened", FIRST, good[:-20] + bytes([good[-20] ^ 1]) + good[-19:])
    yield vector("ciphertext shorter than its tag", "unopened", FIRST,
                 cbor([1, 1, FIRST.mailbox, FIRST.epoch, bytes(24), bytes(15)]))

    inside = [
        ("padding is not zero", "not-canonical", plaintext[:-1] + b"\x01"),
        ("no padding", "not-canonical", frame(inner_bytes(first))),
        ("plaintext too short for its length", "malformed", b"\0\0\0\x80" + bytes(124)),
        ("signature by another device", "signature",
         pad(frame(inner_bytes(first | {"signature": PAUL.sign(first["header"])})))),
        ("signature of another header", "signature",
         pad(frame(inner_bytes(first | {"signature": second["signature"]})))),
        ("body replaced", "signature", pad(frame(inner_bytes(first | {"body": b"\x00Glycemie a jeun : 1,92 g/L"})))),
        ("body hash of the inflated body", "signature",
         pad(frame(inner_bytes(signed(fields(body_hash=blake3(text).digest()), packed))))),
        ("header with sequence number 0", "not-canonical", pad(frame(inner_bytes(signed(fields(seq=0)))))),
        ("header with unsorted seen", "not-canonical", pad(frame(inner_bytes(signed(fields(
            seen=sorted([(ANNE.device, ANNE.incarnation, 1), (PAUL.device, PAUL.incarnation, 1)])[::-1])))))),
        ("header of version 2", "unknown-version", pad(frame(inner_bytes(signed(fields(version=2)))))),
        ("an inner that is not CBOR", "malformed", pad(frame(b"\xff\xff"))),
        ("header of another record", "signature", pad(frame(inner_bytes(signed(fields(record=label("another"))))))),
        ("header of another compartment", "signature",
         pad(frame(inner_bytes(signed(fields(compartment=compartment_id(RECORD, "private"))))))),
    ]
    for name, expect, bad_plaintext in inside:
        yield vector(name, expect, FIRST, FIRST.seal(bad_plaintext, name))


def chains():
    """Headers of one author in order of arrival; `accepted` says how many form an unbroken chain."""
    first = cbor(header_list(fields()))
    second = cbor(header_list(fields(seq=2, prev=change_id(first), lamport=2)))
    third = cbor(header_list(fields(seq=3, prev=change_id(second), lamport=3)))
    other_second = cbor(header_list(fields(seq=2, prev=change_id(first), lamport=9)))
    wrong_prev = cbor(header_list(fields(seq=2, prev=label("some change"), lamport=2)))
    other_life = cbor(header_list(fields(incarnation=label("another life", 8))))
    yield {"name": "unbroken", "expect": "ok", "headers": [first, second, third], "accepted": 3}
    yield {"name": "the same header twice is harmless", "expect": "ok", "headers": [first, second, second, third],
           "accepted": 3}
    yield {"name": "prev names another change", "expect": "fork", "headers": [first, wrong_prev], "accepted": 1}
    yield {"name": "two changes with one sequence number", "expect": "fork", "headers": [first, second, other_second],
           "accepted": 2}
    yield {"name": "a change is missing", "expect": "gap", "headers": [first, third], "accepted": 1}
    yield {"name": "a second life starts its own chain", "expect": "ok", "headers": [first, other_life, second],
           "accepted": 3}


def sessions():
    nonce, mailbox = label("challenge"), FIRST.mailbox
    seeds = {"read": hkdf(label("read secret first"), "carnet/1 relay read"),
             "write": hkdf(label("write secret first"), "carnet/1 relay write"),
             "retire": hkdf(label("retire secret first"), "carnet/1 relay retire")}
    for number, (access, seed) in enumerate(seeds.items()):
        for origin in ("https://relay.example", "http://127.0.0.1:8080"):
            message = b"carnet/1 session\0" + cbor([nonce, origin, mailbox, number])
            yield {"name": f"{access} at {origin}", "nonce": nonce, "origin": origin, "mailbox": mailbox,
                   "access": access, "signed": message, "seed": seed, "key": public_key(seed),
                   "signature": sign(seed, message)}


def messages():
    nonce, token, signature = label("challenge"), label("token"), label("signature", 64)
    mailbox, other = FIRST.mailbox, SECOND.mailbox
    keys = [label(f"key {n}") for n in range(3)]
    envelope = FIRST.seal(pad(frame(inner_bytes(signed(fields())))), "message")
    good = {
        "challenge": [nonce, 60],
        "open-session": [nonce, "https://relay.example", [[mailbox, *keys, 0]], [[mailbox, 0, signature],
                                                                               [mailbox, 2, signature]]],
        "session": [token, 3600, [other]],
        "exchange": [[envelope], [[mailbox, 0], [other, 2**40]], 4 << 20],
        "exchange-reply": [7, [[0, [12]], [1, [2]]], [[mailbox, 0, 12, [[11, b"\x01\x02"], [12, envelope]]],
                                                      [other, 5, 0, []]]],
        "wait": [[[mailbox, 0], [other, 2**40]], 55],
        "waited": [7, [other]],
        "retire": [mailbox, [label("envelope 1"), label("envelope 2")], [label("blob 1")]],
        "retired": [3],
        "close": [[[mailbox, label("reads from now on"), label("retires from now on")]]],
        "closed": [[label("not there")]],
        "delete": [mailbox],
        "problem": [3, "open a session first"],
    }
    for kind, value in good.items():
        encoded = cbor(value)
        yield {"name": kind, "type": kind, "expect": "ok", "bytes": encoded}
        yield {"name": f"{kind}, truncated", "type": kind, "expect": "malformed", "bytes": encoded[:-1]}
        yield {"name": f"{kind}, one byte too many", "type": kind, "expect": "not-canonical", "bytes": encoded + b"\0"}
        yield {"name": f"{kind}, one element too many", "type": kind, "expect": "not-canonical",
               "bytes": cbor(value + [0])}
        yield {"name": f"{kind}, one element too few", "type": kind, "expect": "malformed", "bytes": cbor(value[:-1])}
        yield {"name": f"{kind}, indefinite", "type": kind, "expect": "not-canonical",
               "bytes": b"\x9f" + encoded[1:] + b"\xff"}

    def bad(name, kind, expect, encoded):
        return {"name": name, "type": kind, "expect": expect, "bytes": encoded}

    yield bad("push claims 2^60 envelopes", "exchange", "malformed", head(4, 3) + head(4, 2**60))
    yield bad("1,001 envelopes", "exchange", "too-large", cbor([[b""] * 1001, [], 0]))
    yield bad("2^60 retired envelopes", "retire", "malformed", head(4, 3) + cbor(mailbox) + head(4, 2**60))
    yield bad("a mailbox closed to half a key", "close", "malformed", cbor([[[mailbox, label("reads")[:16], label("retires")]]]))
    yield bad("a retired envelope named by a number", "retire", "malformed", cbor([mailbox, [1], []]))
    yield bad("a wait of 2^16 seconds", "wait", "malformed", cbor([[], 2**16]))
    yield bad("nested a thousand deep", "exchange", "too-large", b"\x81" * 1000)
    yield bad("unknown access", "open-session", "malformed", cbor([nonce, "o", [], [[mailbox, 3, signature]]]))
    yield bad("origin is not UTF-8", "open-session", "malformed",
              head(4, 4) + cbor(nonce) + b"\x62\xc3\x28" + cbor([]) + cbor([]))
    yield bad("unknown result of a push", "exchange-reply", "malformed", cbor([7, [[2, [0]]], []]))


def stream_tag(secret, role, first, second):
    return blake3(b"carnet/1 stream tag\0" + bytes([role]) + first + second, key=hkdf(secret, "carnet/1 peer")).digest()[:16]


def stream_channel(secrets, first, second, clear):
    """The key of a channel from the secrets in common, which go in the order of the initiator's tags."""
    ordered = sorted(secrets, key=lambda secret: stream_tag(secret, 0, first, second))
    parts = [blake3(b"carnet/1 stream key\0" + first + second, key=hkdf(secret, "carnet/1 peer")).digest() for secret in ordered]
    return derive_key("carnet/1 stream channel", blake3(clear).digest() + b"".join(parts))


def stream_frame(channel, role, count, more, payload, nonce):
    associated = b"carnet/1 stream frame\0" + bytes([role]) + struct.pack(">Q", count)
    return nonce + xchacha_seal(bytes([more]) + payload, associated, nonce, channel)


def streams():
    first, second = label("stream nonce of the initiator"), label("stream nonce of the responder")
    author = [label("stream device"), label("stream incarnation", 8)]
    turn = [[[1, [[author, 300, label("stream tip")]]]], [label("stream envelope", 40)], [[label("stream blob"), 7]],
            [[label("stream part"), 0, 5, b"bytes"]], False, True]
    for name, count in (("one epoch in common", 1), ("five epochs in common", 5)):
        secrets = [label(f"stream secret {number}") for number in range(count)]
        hellos = [cbor([1, first]), cbor([1, second])]
        tags = [cbor(sorted([stream_tag(secret, role, first, second) for secret in secrets]
                            + [label(f"stream decoy {role} {number}", 16) for number in range(8 - count)])) for role in (0, 1)]
        channel = stream_channel(secrets, first, second, hellos[0] + hellos[1] + tags[1] + tags[0])
        digest = blake3(cbor([cbor([[author, 300, label("stream tip")]]), b"", label("stream digest")])).digest()
        messages = [(0, 0, 0, cbor([digest, True])), (1, 0, 1, b"the first part of "), (1, 1, 0, b"a message"), (0, 1, 0, cbor(turn))]
        yield {"name": name, "initiator_nonce": first, "responder_nonce": second, "read_secrets": secrets,
               "initiator_hello": hellos[0], "responder_hello": hellos[1],
               "initiator_tag_frame": tags[0], "responder_tag_frame": tags[1],
               "initiator_tags": [stream_tag(secret, 0, first, second) for secret in secrets],
               "responder_tags": [stream_tag(secret, 1, first, second) for secret in secrets],
               "channel": channel,
               "frames": [{"role": role, "count": number, "more": more, "payload": payload,
                           "sealed": stream_frame(channel, role, number, more, payload, label(f"stream frame {role} {number}", 24))}
                          for role, number, more, payload in messages]}


def sync_record(kind, data):
    whole = bytes([kind]) + struct.pack(">I", len(data)) + data
    return whole + blake3(whole).digest()[:8]


def sync_files():
    beginning = b"carnet-sync\0\x01"
    records = [(1, label("an envelope in a file", 90)), (2, label("an id") + label("a document", 70_000)), (200, b"of a later version")]
    whole = beginning + b"".join(sync_record(*record) for record in records)
    listed = [{"kind": kind, "bytes": data} for kind, data in records]
    yield {"name": "three records", "file": whole, "records": listed, "expect": "ok"}
    yield {"name": "none", "file": beginning, "records": [], "expect": "ok"}
    yield {"name": "cut short", "file": whole[:-1], "records": listed[:2], "expect": "malformed"}
    yield {"name": "a flipped bit in the second", "file": whole[:5000] + bytes([whole[5000] ^ 4]) + whole[5001:], "records": listed[:1], "expect": "malformed"}
    yield {"name": "a kind of nought", "file": beginning + sync_record(0, b""), "records": [], "expect": "malformed"}
    yield {"name": "a later version", "file": b"carnet-sync\0\x02", "records": [], "expect": "unknown-version"}


FILES = {
    "streams.json": ("Tags, channel key and frames of a direct stream.", streams),
    "sync-files.json": ("Sync files and their records.", sync_files),
    "ids.json": ("Ids derived by hashing.", ids),
    "epochs.json": ("What an epoch's three secrets give, and its id.", epochs),
    "headers.json": ("Header bytes, change ids and signatures.", headers),
    "padding.json": ("Padded lengths.", padding),
    "plaintexts.json": ("Framed and padded inner changes.", plaintexts),
    "bodies.json": ("Bodies as they travel.", bodies),
    "envelopes.json": ("Whole envelopes with a fixed nonce.", envelopes),
    "chains.json": ("Headers of one compartment in order of arrival.", chains),
    "sessions.json": ("What a mailbox key signs to open a session.", sessions),
    "messages.json": ("Bodies of requests and answers.", messages),
}


# The formats of the engine's rooms, and signatures for the published sets' folder.
FILES |= rooms.make(sys.modules[__name__])
FILES |= people.make(sys.modules[__name__])
FILES |= snapshots.make(sys.modules[__name__])
FILES |= series.make(sys.modules[__name__])
FILES["standard/ed25519-edges.json"] = ("Ed25519 signatures on which implementations disagree.", ed25519_edges.cases)


def plain_json(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(item) for item in value]
    # 64-bit numbers go as text: not every JSON reader keeps them exactly.
    return str(value) if isinstance(value, int) and value > 2**53 else value


def render(about, make):
    vectors = [plain_json(vector) for vector in make()]
    names = [vector["name"] for vector in vectors if "name" in vector]
    assert all(vector.get("expect", "ok") in EXPECTED for vector in vectors)
    assert len(names) == len(set(names)), "every vector has its own name"
    return json.dumps({"about": about, "vectors": vectors}, indent=1, ensure_ascii=False) + "\n"


def seeds():
    """The good inputs, one a file: where the fuzzer of the envelope decoder starts from."""
    for make, field in ((headers, "header"), (plaintexts, "plaintext"), (envelopes, "envelope"), (messages, "bytes")):
        for vector in make():
            if vector["expect"] == "ok" and len(vector[field]) < 1024:
                slug = "".join(c if c.isalnum() else "-" for c in vector["name"].split(":")[0])
                yield CORPUS / f"{make.__name__.removesuffix('s')}-{slug}", vector[field]


def main():
    check = sys.argv[1:] == ["--check"]
    files = [(HERE / name, render(*rest).encode()) for name, rest in FILES.items()] + list(seeds())
    for path, data in files:
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        elif not path.exists() or path.read_bytes() != data:
            sys.exit(f"{path.name} differs from what this script writes")


if __name__ == "__main__":
    main()
