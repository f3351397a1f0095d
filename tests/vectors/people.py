"""Vectors of what brings people together and back: recovery kits, guardians, emergency cards, invitations at a distance.

Written from the prose at the head of the engine's `seal/kit.rs`, `seal/guardians.rs`, `seal/emergency.rs` and `seal/invitation.rs`.
The word lists are BIP-39's, read from beside the engine; a test there holds their hashes.
"""

import hashlib
import unicodedata
from pathlib import Path

from blake3 import blake3
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha_seal

from hpke import Sender, xwing_public
from rooms import ALPHABET

LISTS = Path(__file__).resolve().parents[2] / "core/engine/src/seal/kit"
WORDS = {language: (LISTS / f"{language}.txt").read_text(encoding="utf-8").split() for language in ("english", "french")}
RELAY = b"\x00relay.example"


def make(v):
    """`v` is the module of the protocol's own vectors."""
    return {
        "kits.json": ("Recovery kits.", lambda: kits(v)),
        "guardians.json": ("Kits split for guardians.", lambda: guardians(v)),
        "emergency-cards.json": ("Emergency cards.", lambda: emergency_cards(v)),
        "invitations.json": ("One whole invitation at a distance.", lambda: invitations(v)),
    }


def code(domain, content):
    data = content + blake3(content, derive_key_context=domain).digest()[:3]
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    symbols = "".join(ALPHABET[int(bits[at:at + 5], 2)] for at in range(0, len(bits), 5))
    return "-".join(symbols[at:at + 5] for at in range(0, len(symbols), 5))


class Mailbox:
    def __init__(self, v, name, read, tag):
        self.v = v
        self.record = v.derive_key(f"carnet/1 {name}-record", tag)
        derived = v.derive_epoch(read, self.record, v.compartment_id(self.record, name), [])
        self.mailbox, self.epoch, self.key = derived["mailbox"], derived["epoch"], derived["content_key"]

    def seal(self, message, nonce):
        outer = [1, 1, self.mailbox, self.epoch, self.v.label(nonce, 24)]
        plaintext = self.v.pad(self.v.frame(message))
        return self.v.cbor(outer + [xchacha_seal(plaintext, self.v.associated_data(outer), outer[4], self.key)])


# ---- recovery kits --------------------------------------------------------------------------------------------------

def words(entropy, language):
    bits = "".join(f"{byte:08b}" for byte in entropy + hashlib.sha256(entropy).digest()[:1])
    chosen = [WORDS[language][int(bits[at:at + 11], 2)] for at in range(0, 264, 11)]
    return unicodedata.normalize("NFC", " ".join(chosen))


def without_accents(text):
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def kits(v):
    def good(name, entropy, text):
        seed = v.hkdf(entropy, "carnet/1 recovery signing")
        device = v.public_key(seed)
        box = Mailbox(v, "recovery", v.hkdf(entropy, "carnet/1 recovery read"), device)
        return {"name": name, "expect": "ok", "text": text, "entropy": entropy, "english": words(entropy, "english"),
                "french": words(entropy, "french"), "device": device,
                "kem": xwing_public(v.hkdf(entropy, "carnet/1 recovery kem")), "mailbox": box.mailbox,
                "code": code("carnet/1 recovery-code", b"\x01" + entropy + RELAY)}

    def bad(name, text, says):
        return {"name": name, "expect": "refused", "text": text, "says": says}

    zeros, ones, drawn = bytes(32), b"\xff" * 32, v.label("recovery kit")
    # Trezor's published vectors for BIP-39: 23 times "abandon" and "art", 23 times "zoo" and "vote".
    assert words(zeros, "english") == "abandon " * 23 + "art" and words(ones, "english") == "zoo " * 23 + "vote"
    yield good("zeros", zeros, words(zeros, "english"))
    yield good("ones", ones, words(ones, "english"))
    yield good("zeros in French", zeros, words(zeros, "french"))
    yield good("drawn, in French", drawn, words(drawn, "french"))
    yield good("without accents, in capitals", drawn, without_accents(words(drawn, "french")).upper())
    yield good("decomposed accents", drawn, unicodedata.normalize("NFD", words(drawn, "french")))
    short = " ".join(word[:4] for word in without_accents(words(drawn, "english")).split())
    yield good("four letters of each", drawn, short)
    listed = words(drawn, "english").split()
    yield good("numbered, with commas", drawn, "".join(f"{n}) {word},\n" for n, word in enumerate(listed, 1)))
    yield bad("a word that is none", " ".join(listed[:6] + ["zzzz"] + listed[7:]), "word 7 of")
    yield bad("the last word is none", " ".join(listed[:-1] + ["zzzz"]), "word 24 of")
    yield bad("three letters of a longer word", " ".join([listed[0][:3]] + listed[1:]), "word 1 of")
    yield bad("another last word", "abandon " * 23 + "abandon", "do not fit together")
    yield bad("23 words", " ".join(listed[:-1]), "24 words")
    yield bad("25 words", " ".join(listed + ["abandon"]), "24 words")


# ---- guardians ------------------------------------------------------------------------------------------------------

def field_tables():
    """Powers of the generator 3 of GF(2^8) and their logarithms."""
    power, value = [], 1
    for _ in range(255):
        power.append(value)
        value ^= value << 1
        value = (value ^ 0x11b if value > 255 else value) & 0xff
    return power, {value: exponent for exponent, value in enumerate(power)}


POWER, LOG = field_tables()


def times(a, b):
    return POWER[(LOG[a] + LOG[b]) % 255] if a and b else 0


def guardians(v):
    account = v.label("account")
    for needed, of in ((2, 3), (3, 5)):
        coefficients = [v.label(f"guardians {needed} of {of}: {at}") for at in range(needed)]
        values = []
        for number in range(1, of + 1):
            value, power = bytes(32), 1
            for coefficient in coefficients:
                value = bytes(byte ^ times(more, power) for byte, more in zip(value, coefficient))
                power = times(power, number)
            values.append(value)
        check = v.derive_key("carnet/1 guardian-secret", account + coefficients[0])
        commitments = [v.derive_key("carnet/1 guardian-share", account + bytes([needed, number]) + value)
                       for number, value in enumerate(values, 1)]
        shares = [v.cbor([1, account, needed, number, value, check, commitments]) for number, value in enumerate(values, 1)]
        yield {"name": f"{needed} of {of}", "expect": "ok", "account": account, "needed": needed, "of": of,
               "coefficients": coefficients, "shares": shares}


# ---- emergency cards ------------------------------------------------------------------------------------------------

def emergency_cards(v):
    secret, write, retire = v.label("card secret", 16), v.label("card write"), v.label("card retire")
    box = Mailbox(v, "emergency", v.hkdf(secret, "carnet/1 emergency read"), secret)
    content = "Allergie : p\u00e9nicilline".encode()
    yield {"name": "a card", "expect": "ok", "stored": v.cbor([1, secret, write, retire, "https://relay.example"]),
           "code": code("carnet/1 emergency-code", b"\x01" + secret + RELAY), "mailbox": box.mailbox, "epoch": box.epoch,
           "issue": 7, "content": content, "envelope": box.seal(v.cbor([1, 7, content]), "card nonce")}


# ---- invitations ----------------------------------------------------------------------------------------------------

def invitations(v):
    secret, host, guest, more = v.label("invitation secret", 16), b"who invites", b"who is invited", b"what they sign"
    box = Mailbox(v, "invitation", v.hkdf(secret, "carnet/1 invitation read"), secret)
    host_nonce, guest_nonce = v.label("host nonce"), v.label("guest nonce")
    commitment = v.derive_key("carnet/1 invitation-commit", guest_nonce + guest)
    transcript = v.derive_key("carnet/1 invitation-transcript", box.mailbox + commitment + host_nonce + guest_nonce
                              + blake3(host).digest() + blake3(guest).digest())
    bits = int.from_bytes(v.hkdf(transcript, "carnet/1 invitation words"), "big") >> (256 - 44)
    numbers = [bits >> shift & 0x7ff for shift in (33, 22, 11, 0)]
    seed, granted = v.label("guest account kem"), b"the roster's key"
    sender = Sender(xwing_public(seed), v.label("grant randomness", 64), b"carnet/1 invitation grant\0" + transcript)
    messages = {"commit": [1, 1, commitment], "offer": [2, 1, host_nonce, host],
                "answer": [3, 1, guest_nonce, guest, more], "grant": [4, 1, sender.wrap(granted)]}
    yield {"name": "an invitation", "expect": "ok", "code": code("carnet/1 invitation-code", b"\x01" + secret + RELAY),
           "mailbox": box.mailbox, "host": host, "guest": guest, "more": more, "host_nonce": host_nonce,
           "guest_nonce": guest_nonce, "kem_seed": seed, "granted": granted,
           "english": " ".join(WORDS["english"][number] for number in numbers),
           "french": " ".join(WORDS["french"][number] for number in numbers),
           } | {name: box.seal(v.cbor(message), f"invitation nonce {name}") for name, message in messages.items()}
