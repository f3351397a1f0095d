"""Vectors of the formats that the engine's `seal` and `roster` rooms document: attachments, pairing, operations, passphrases.

Written from the prose at the head of `seal/attachment.rs`, `seal/pairing`, `roster/operation.rs` and `seal/passphrase.rs`.
"""

from argon2.low_level import Type, hash_secret_raw
from blake3 import blake3
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha_seal

from hpke import Sender, xwing_public

CHUNK = 65536
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def make(v):
    """`v` is the module of the protocol's own vectors."""
    return {
        "attachments.json": ("Sealed documents.", lambda: attachments(v)),
        "pairing.json": ("Codes, and one whole pairing.", lambda: pairing(v)),
        "operations.json": ("Bodies of changes of kind 3.", lambda: operations(v)),
        "passphrases.json": ("Keys wrapped under a passphrase.", lambda: passphrases(v)),
    }


# ---- attachments ----------------------------------------------------------------------------------------------------

def document(length):
    return bytes((i * 31 + i // 251) % 256 for i in range(length))


def stream(key, prefix, plaintext):
    chunks = [plaintext[at:at + CHUNK] for at in range(0, len(plaintext), CHUNK)] or [b""]
    sealed = [xchacha_seal(chunk, b"", prefix + number.to_bytes(4, "big") + bytes([number == len(chunks) - 1]), key)
              for number, chunk in enumerate(chunks)]
    return prefix, sealed


def attachments(v):
    key, prefix = v.label("attachment key"), v.label("attachment prefix", 19)

    def padded(data):
        return data + b"\x80" + bytes(v.padded_len(len(data) + 1) - len(data) - 1)

    for length in (0, 1, 100, 127, 128, 4095, 4096, 65535, 65536, 65537, 200_000):
        head, chunks = stream(key, prefix, padded(document(length)))
        sealed = head + b"".join(chunks)
        vector = {"name": f"{length} bytes", "expect": "ok", "key": key, "prefix": prefix, "length": length,
                  "blob": blake3(sealed).digest(), "sealed_size": len(sealed)}
        yield vector | ({"sealed": sealed} if len(sealed) < 1024 else {})

    def bad(name, head, chunks):
        return {"name": name, "expect": "unopened", "key": key, "sealed": head + b"".join(chunks)}

    head, chunks = stream(key, prefix, padded(document(100)))
    yield bad("cut in the prefix", head[:18], [])
    yield bad("nothing but the prefix", head, [])
    yield bad("cut by a byte", head, [chunks[0][:-1]])
    yield bad("another key", *stream(v.label("another key"), prefix, padded(document(100))))
    yield bad("no marker", *stream(key, prefix, bytes(128)))
    yield bad("marker in the wrong class", *stream(key, prefix, document(100) + b"\x80" + bytes(155)))
    yield bad("unpadded", *stream(key, prefix, document(100) + b"\x80"))
    yield bad("something after the marker's zeros", *stream(key, prefix, padded(document(100))[:-1] + b"\x01"))
    yield bad("the last chunk does not say that it is the last", head,
              [xchacha_seal(padded(document(100)), b"", prefix + bytes(5), key)])
    yield bad("counted from one", head, [xchacha_seal(padded(document(100)), b"", prefix + b"\0\0\0\1\1", key)])
    yield bad("the counter little-endian, the chunk as the 256th", head,
              [xchacha_seal(padded(document(100)), b"", prefix + b"\0\0\1\0\1", key)])


# ---- pairing --------------------------------------------------------------------------------------------------------

def code_bytes(secret, commitment, scheme, rest, version=1):
    content = bytes([version]) + secret + commitment + bytes([scheme]) + rest
    return content + blake3(content, derive_key_context="carnet/1 pairing-code").digest()[:3]


def code_text(data):
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    symbols = "".join(ALPHABET[int(bits[at:at + 5], 2)] for at in range(0, len(bits), 5))
    return "-".join(symbols[at:at + 5] for at in range(0, len(symbols), 5))


class Rendezvous:
    """The mailbox of a code and what is sealed for it."""

    def __init__(self, v, secret, commitment):
        self.v = v
        self.secrets = {kind: v.hkdf(secret, f"carnet/1 pairing {kind}") for kind in ("read", "write", "retire")}
        self.record = v.derive_key("carnet/1 pairing-record", commitment)
        self.compartment = v.compartment_id(self.record, "pairing")
        derived = v.derive_epoch(self.secrets["read"], self.record, self.compartment, [])
        self.mailbox, self.epoch, self.key = derived["mailbox"], derived["epoch"], derived["content_key"]

    def seal(self, message, name):
        outer = [1, 1, self.mailbox, self.epoch, self.v.label(f"pairing nonce {name}", 24)]
        plaintext = self.v.pad(self.v.frame(message))
        return self.v.cbor(outer + [xchacha_seal(plaintext, self.v.associated_data(outer), outer[4], self.key)])


def pairing(v):
    yield from codes(v)
    secret, ephemeral_seed = v.label("pairing secret", 16), v.label("pairing ephemeral")
    ephemeral, kem_seed = xwing_public(ephemeral_seed), v.label("new phone kem")
    card = [v.PAUL.device, xwing_public(kem_seed), "Fairphone de Paul", 0]
    commitment = v.derive_key("carnet/1 pairing-hello", ephemeral + v.cbor(card))[:16]
    meeting = Rendezvous(v, secret, commitment)
    signature = v.sign(v.PAUL.seed, b"carnet/1 pairing hello\0" + meeting.mailbox + ephemeral + v.cbor(card))
    hello = v.cbor([1, 1, ephemeral, card, signature])
    transcript = blake3(hello).digest()

    account = v.label("account")
    record = account
    epochs = []
    for name in ("devices", "keyring"):
        secrets = [v.label(f"{name} {kind}") for kind in ("read", "write", "retire")]
        derived = v.derive_epoch(secrets[0], record, v.compartment_id(record, name), [])
        epochs.append([name, [derived["epoch"], [], secrets]])
    floor = [[record, v.compartment_id(record, name), [[v.ANNE.device, v.ANNE.incarnation], seq]]
             for name, seq in (("devices", 2), ("keyring", 300))]
    account_keys = v.cbor([1, 0, v.label("account kem")])
    welcome = v.cbor([1, account, account_keys, epochs, v.ANNE.device, floor])
    psk = v.hkdf(secret, "carnet/1 pairing psk")
    sender = Sender(ephemeral, v.label("pairing randomness", 64), b"carnet/1 pairing welcome\0" + transcript, psk,
                    b"carnet/1 pairing")
    answer = v.cbor([2, 1, sender.wrap(welcome)])
    mac = blake3(transcript + blake3(answer).digest(), key=sender.export(b"carnet/1 pairing ack")).digest()
    relay = b"relay.example:8443"
    yield {
        "name": "a whole pairing", "type": "pairing", "expect": "ok", "secret": secret, "commitment": commitment,
        "text": code_text(code_bytes(secret, commitment, 0, relay)), "ephemeral_seed": ephemeral_seed,
        "mailbox": meeting.mailbox, "epoch": meeting.epoch, "write_secret": meeting.secrets["write"],
        "retire_secret": meeting.secrets["retire"], "device": v.PAUL.device, "device_name": card[2], "kem": card[1],
        "transcript": transcript, "hello": meeting.seal(hello, "hello"), "account": account,
        "account_keys": account_keys, "introducer": v.ANNE.device, "floor": v.cbor(floor), "epochs": [grant[0] for _, grant in epochs],
        "welcome_message": answer, "welcome": meeting.seal(answer, "welcome"), "mac": mac,
        "ack": meeting.seal(v.cbor([3, 1, mac]), "ack"),
    }


def codes(v):
    secret, commitment = v.label("code secret", 16), v.label("code commitment", 16)

    def code(name, expect, text, relay=""):
        return {"name": name, "type": "code", "expect": expect, "text": text, "secret": secret,
                "commitment": commitment, "relay": relay}

    for scheme, prefix in enumerate(("https://", "http://")):
        for rest in ("r", "relay.example", "127.0.0.1:65535/deep/path", "a" * 190):
            text = code_text(code_bytes(secret, commitment, scheme, rest.encode()))
            yield code(f"{prefix}{rest[:20]}", "ok", text, prefix + rest)
    good = code_bytes(secret, commitment, 0, b"relay.example")
    text = code_text(good)
    yield code("as people type it", "ok", text.lower().replace("-", " ").replace("0", "o").replace("1", "l"),
               "https://relay.example")
    yield code("a wrong checksum", "malformed", code_text(good[:-1] + bytes([good[-1] ^ 1])))
    yield code("scheme 2", "malformed", code_text(code_bytes(secret, commitment, 2, b"relay.example")))
    yield code("no relay", "malformed", code_text(code_bytes(secret, commitment, 0, b"")))
    yield code("a relay with a space", "malformed", code_text(code_bytes(secret, commitment, 0, b"relay example")))
    yield code("a relay that is no text", "malformed", code_text(code_bytes(secret, commitment, 0, b"\xff\xfe")))
    yield code("cut", "malformed", text[:-2])
    yield code("a symbol that is none", "malformed", "U" + text[1:])
    yield code("version 2", "unknown-version", code_text(code_bytes(secret, commitment, 0, b"relay.example", 2)))


# ---- operations -----------------------------------------------------------------------------------------------------

def operations(v):
    kem_seed = v.label("account kem")
    kem = xwing_public(kem_seed)
    card = [v.ANNE.device, xwing_public(v.label("anne kem")), "T\u00e9l\u00e9phone d'Anne", 0]
    found_account = [0, [v.label("account nonce"), kem, card]]
    account = v.derive_key("carnet/1 account-id", v.cbor(found_account))
    found_record = [3, [v.label("record nonce"), account, kem, card]]
    record = v.derive_key("carnet/1 record-id", v.cbor(found_record))
    secrets = [v.label(f"roster {kind}") for kind in ("read", "write", "retire")]
    compartment = v.compartment_id(record, "roster")
    first = v.derive_epoch(secrets[0], record, compartment, [])
    info = b"carnet/1 epoch\0" + record + compartment + first["epoch"] + account
    wrapped = Sender(kem, v.label("wrap randomness", 64), info).wrap(v.cbor(secrets))
    mint = [4, [compartment, "roster", first["epoch"], [], [[account, wrapped]]]]
    later_secrets = [v.label(f"later {kind}") for kind in ("read", "write", "retire")]
    later = v.derive_epoch(later_secrets[0], record, compartment, [first["epoch"]])
    nonce = v.label("previous nonce", 24)
    previous = nonce + xchacha_seal(v.cbor([[first["epoch"], [], secrets[:1]]]), later["epoch"], nonce,
                                    later["previous_key"])
    info = b"carnet/1 epoch\0" + record + compartment + later["epoch"] + account
    rewrapped = Sender(kem, v.label("second wrap randomness", 64), info).wrap(v.cbor(later_secrets))
    rotate = [4, [compartment, "roster", later["epoch"], [first["epoch"]], [[account, rewrapped]], previous]]
    know = [2, [record, [first["epoch"], [], secrets]]]
    add = [1, [[v.PAUL.device, xwing_public(v.label("paul kem")), "Fiche de secours", 1]]]

    def body(*listed, version=1):
        return v.cbor([version, list(listed)])

    def case(name, expect, data, **more):
        return {"name": name, "expect": expect, "body": data} | more

    yield case("an account is founded, a device added, a record known", "ok", body(found_account, add, know),
               operations=3, account=account)
    yield case("a record is founded and its first epoch minted", "ok", body(found_record, mint), operations=2,
               record=record, account=account, kem_seed=kem_seed, epoch=first["epoch"], read_secret=secrets[0],
               write_secret=secrets[1], retire_secret=secrets[2])
    yield case("an epoch follows another", "ok", body(rotate), operations=1, record=record, account=account,
               kem_seed=kem_seed, epoch=later["epoch"], read_secret=later_secrets[0], write_secret=later_secrets[1],
               retire_secret=later_secrets[2], previous=first["epoch"], previous_secret=secrets[0])
    yield case("a device gets another name", "ok", body([5, [v.PAUL.device, "T\u00e9l\u00e9phone bleu"]]), operations=1)
    yield case("a name that would garble a terminal", "refused", body([5, [v.PAUL.device, "\x1b[2J"]]))
    chains = [[v.PAUL.device, v.PAUL.incarnation, v.compartment_id(record, name), 7] for name in ("general", "series")]
    chains.sort()
    yield case("a device is removed", "ok", body([6, [v.PAUL.device, chains]]), operations=1)
    yield case("chains, not sorted", "not-canonical", body([6, [v.PAUL.device, chains[::-1]]]))
    yield case("one chain with two ends", "not-canonical", body([10, [account, [chains[0], chains[0][:3] + [8]]]]))
    next_seed = v.label("account kem, generation 1")
    info = b"carnet/1 account key\0" + account + bytes([0, 0, 0, 1]) + v.PAUL.device
    keys = Sender(xwing_public(v.label("paul kem")), v.label("third wrap randomness", 64), info).wrap(v.cbor([1, 1, next_seed]))
    nonce = v.label("account previous nonce", 24)
    before = nonce + xchacha_seal(v.cbor([1, 0, kem_seed]), xwing_public(next_seed), nonce,
                                  v.hkdf(next_seed, "carnet/1 account previous"))
    yield case("an account's next key", "ok", body([7, [1, xwing_public(next_seed), [[v.PAUL.device, keys]], before]]),
               operations=1, account=account, device_kem=v.label("paul kem"), device_seed=v.PAUL.seed, next_seed=next_seed,
               kem_before=kem_seed)
    access, limited = [1], [0, ["general", "series"], "2027-01-31"]
    invitation_secret = v.label("invitation secret", 16)
    invitation_seed = v.hkdf(invitation_secret, "carnet/1 invitation")
    key = v.public_key(invitation_seed)
    grant = [first["epoch"], [], secrets[:1]]
    fields = [1, record, key, account, kem, v.ANNE.device, grant]
    said = b"carnet/1 acceptance\0" + v.cbor(fields)
    acceptance = fields + [v.sign(v.ANNE.seed, said), v.sign(invitation_seed, said)]
    yield case("somebody is invited and admitted", "ok", body([8, [key, limited, 1_800_000_000]], [9, [acceptance]]),
               operations=2)
    yield case("an acceptance the device did not sign", "signature",
               body([9, [fields + [v.sign(v.PAUL.seed, said), acceptance[8]]]]))
    yield case("an acceptance without the link's proof", "signature", body([9, [acceptance[:8] + [acceptance[7]]]]))
    yield case("compartments, not sorted", "not-canonical", body([8, [key, [0, ["series", "general"]], 0]]))
    yield case("an end on a day that is none", "refused", body([8, [key, [0, None, "2027-02-29"], 0]]))
    yield case("removed, changed, offered, taken, compared", "ok",
               body([10, [account, chains]], [11, [account, access, []]], [12, [account]], [13, [v.label("offer")]],
                    [14, [account]]), operations=5)
    yield case("a devices log is shown and a change adopted", "ok", body([15, [grant]], [16, [[v.label("late")]]]), operations=2)
    yield case("a devices log with its write secret", "refused", body([15, [[first["epoch"], [], secrets[:2]]]]))
    guard = [account, v.PAUL.device, v.label("sealed share", 1200)]
    yield case("somebody is called and becomes a guardian", "ok", body([17, ["Anne"]], [18, guard]), operations=2)
    yield case("a guardian's share that is none", "too-large", body([18, guard[:2] + [v.label("sealed share", 1649)]]))
    yield case("a guardian without a share", "malformed", body([18, guard[:2]]))
    yield case("a role of number 3", "malformed", body([11, [account, [3], []]]))
    yield case("version 2", "unknown-version", body(add, version=2))
    yield case("an operation of number 23", "unknown-version", body(add, [23, [v.label("what")]]))
    yield case("a later form of an operation", "unknown-version", body([1, [add[1][0]], 0]))
    yield case("empty", "malformed", b"")
    yield case("no operation", "too-large", body())
    yield case("cut", "malformed", body(add)[:-1])
    yield case("one byte too many", "not-canonical", body(add) + b"\0")
    yield case("the number in two bytes", "not-canonical", b"\x82\x18\x01" + body(add)[2:])
    yield case("a device without its kind", "malformed", body([1, [add[1][0][:3]]]))
    wraps = sorted([[v.label(f"account {n}"), wrapped] for n in range(2)])
    both = [4, [compartment, "roster", first["epoch"], [], wraps]]
    yield case("two accounts", "ok", body(both), operations=1)
    yield case("two accounts, not sorted", "not-canonical", body([4, both[1][:4] + [wraps[::-1]]]))
    yield case("an account twice", "not-canonical", body([4, both[1][:4] + [[wraps[0], wraps[0]]]]))
    yield case("a wrap of a kilobyte more", "too-large", body([4, both[1][:4] + [[[account, wrapped + bytes(1024)]]]]))


# ---- passphrases ----------------------------------------------------------------------------------------------------

def passphrases(v):
    salt, nonce, key = v.label("passphrase salt", 16), v.label("passphrase nonce", 24), v.label("a vault's key")

    def wrapped(passphrase, memory=19 << 10, passes=2, lanes=1, version=1):
        stretched = hash_secret_raw(passphrase, salt, passes, memory, lanes, 32, Type.ID)
        header = [version, memory, passes, lanes, salt, nonce]
        sealed = xchacha_seal(key, b"carnet/1 passphrase\0" + v.cbor(header), nonce, stretched)
        return v.cbor(header + [sealed])

    word = "cl\u00e9 d'\u00e9t\u00e9".encode()
    yield {"name": "the floor", "expect": "ok", "passphrase": word, "key": key, "wrapped": wrapped(word)}
    yield {"name": "four lanes, three passes", "expect": "ok", "passphrase": word, "key": key,
           "wrapped": wrapped(word, 32 << 10, 3, 4)}
    yield {"name": "another passphrase", "expect": "unopened", "passphrase": b"cle", "wrapped": wrapped(word)}
    yield {"name": "under the floor", "expect": "too-large", "passphrase": word, "wrapped": wrapped(word, 8 << 10)}
    yield {"name": "version 2", "expect": "unknown-version", "passphrase": word, "wrapped": wrapped(word, version=2)}
