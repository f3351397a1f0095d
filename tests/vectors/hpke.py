"""HPKE (RFC 9180) with X-Wing (draft-connolly-cfrg-xwing-kem), HKDF-SHA-256 and ChaCha20-Poly1305: what secrets are wrapped with.

Written from the two documents, with prescribed randomness, so that vectors come out the same every time.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from kyber_py.ml_kem import ML_KEM_768

SUITE = b"HPKE" + bytes([0x64, 0x7A, 0, 1, 0, 3])
XWING_LABEL = b"\\.//^\\"


def x25519(secret, public):
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))


def x25519_public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def xwing_public(seed):
    expanded = hashlib.shake_256(seed).digest(96)
    encapsulation, _ = ML_KEM_768.key_derive(expanded[:64])
    return encapsulation + x25519_public(expanded[64:])


def xwing_encapsulate(public, random):
    """64 bytes of randomness give the shared secret and the encapsulated key."""
    lattice, curve = public[:1184], public[1184:]
    shared, ciphertext = ML_KEM_768._encaps_internal(lattice, random[:32])
    ephemeral = x25519_public(random[32:])
    combined = shared + x25519(random[32:], curve) + ephemeral + curve + XWING_LABEL
    return hashlib.sha3_256(combined).digest(), ciphertext + ephemeral


def extract(salt, label, secret):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + SUITE + label + secret, "sha256")


def expand(key, label, info, length):
    info = length.to_bytes(2, "big") + b"HPKE-v1" + SUITE + label + info
    out, block = b"", b""
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:length]


class Sender:
    """The sender's context: base mode, or psk mode where a psk is given."""

    def __init__(self, public, random, info, psk=b"", psk_id=b""):
        shared, self.encapsulated = xwing_encapsulate(public, random)
        mode = bytes([1 if psk else 0])
        context = mode + extract(b"", b"psk_id_hash", psk_id) + extract(b"", b"info_hash", info)
        secret = extract(shared, b"secret", psk)
        self.key = expand(secret, b"key", context, 32)
        self.nonce = expand(secret, b"base_nonce", context, 12)
        self.exporter = expand(secret, b"exp", context, 32)

    def wrap(self, secret):
        """The encapsulated key and the first message, as they lie in a wrap."""
        return self.encapsulated + ChaCha20Poly1305(self.key).encrypt(self.nonce, secret, b"")

    def export(self, context, length=32):
        return expand(self.exporter, b"sec", context, length)
