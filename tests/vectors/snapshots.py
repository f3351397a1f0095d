"""Vectors of snapshots: the list that travels as the body of a change of kind 2, and the pieces it names.

Written from the prose at the head of the engine's `record/snapshot.rs`.
"""

VERSION = 1
MAX_PIECES = 8_192
MAX_HEADS = 1_000
MAX_PIECE_BYTES = 20 << 20


def make(v):
    """`v` is the module of the protocol's own vectors."""
    return {"snapshots.json": ("Lists of snapshots, and pieces.", lambda: vectors(v))}


def vectors(v):
    yield from lists(v)
    yield from pieces(v)


# ---- lists ----------------------------------------------------------------------------------------------------------

def author(v, name):
    return [v.label(f"device {name}"), v.label(f"life {name}", 8)]


def fields(v):
    """A list that is good: two authors, four pieces, two documents."""
    authors = sorted([author(v, "anne"), author(v, "bruno")])
    covers = [[one, 1, last, v.label(f"tip {last}")] for one, last in zip(authors, (700, 2**40))]
    mailbox = v.label("mailbox of pieces")

    def piece(priority, name, size, holds):
        return [priority, mailbox, v.label(f"blob {name}"), v.label(f"key {name}"), size, size + 60, holds]

    listed = [piece(0, "emergency", 900, []), piece(1, "this year", 70_000, [[0, 2, 2], [1, 9, 400]]),
              piece(1, "documents", 3_000, []), piece(2, "the rest", 250_000, [[0, 3, 700]])]
    heads = sorted([v.label("head one"), v.label("head two")])
    shards = sorted([[v.label("shard one", 16), 2, heads], [v.label("shard two", 16), 0, heads[:1]]])
    return {"version": VERSION, "lamport": 2**41, "covers": covers, "pieces": listed, "shards": shards}


def encode(v, f):
    return v.cbor([f["version"], f["lamport"], f["covers"], f["pieces"], f["shards"]])


def lists(v):
    def good(name, f):
        yield {"name": f"list: {name}", "type": "list", "expect": "ok", "bytes": encode(v, f), "lamport": f["lamport"],
               "covers": [{"device": c[0][0], "life": c[0][1], "last": c[2], "tip": c[3]} for c in f["covers"]],
               "pieces": [{"priority": p[0], "blob": p[2], "key": p[3], "size": p[4], "holds": p[6]} for p in f["pieces"]],
               "shards": [{"shard": s[0], "piece": s[1], "heads": s[2]} for s in f["shards"]]}

    yield from good("two authors, four pieces", fields(v))
    yield from good("nothing but edits of one author", fields(v) | {
        "covers": fields(v)["covers"][:1], "pieces": [fields(v)["pieces"][2]],
        "shards": [[fields(v)["shards"][0][0], 0, [v.label("the only head")]]]})
    yield from good("a relay of nothing: an author whose changes all wait", fields(v) | {"pieces": [], "shards": []})

    def bad(name, spoil, expect="refused"):
        f = fields(v)
        spoil(f)
        return {"name": f"list: {name}", "type": "list", "expect": expect, "bytes": encode(v, f)}

    def put(*path_and_value):
        *path, last, value = path_and_value

        def spoil(f):
            for step in path:
                f = f[step]
            f[last] = value
        return spoil

    def swap(where):
        def spoil(f):
            f[where][0], f[where][1] = f[where][1], f[where][0]
        return spoil

    yield bad("a later version", put("version", 2))
    yield bad("nobody covered", put("covers", []))
    yield bad("authors out of order", swap("covers"))
    yield bad("an author twice", lambda f: f["covers"].insert(0, f["covers"][0]))
    yield bad("not from the first change", put("covers", 0, 1, 2))
    yield bad("covers no change", put("covers", 0, 2, 0))
    yield bad("more than a database can count", put("covers", 0, 2, 2**63))
    yield bad("priorities out of order", swap("pieces"))
    yield bad("a priority nobody knows", put("pieces", 3, 0, 3))
    yield bad("a piece twice", lambda f: f["pieces"].append(f["pieces"][3]))
    yield bad("an empty piece", put("pieces", 0, 4, 0))
    yield bad("a piece over the limit", put("pieces", 0, 4, MAX_PIECE_BYTES + 1))
    yield bad("sealed to fewer bytes", put("pieces", 0, 5, 900))
    yield bad("sealed to far more bytes", put("pieces", 0, 5, 900 + 900 // 8 + 4_097))
    yield bad("a run of nobody", put("pieces", 1, 6, 0, 0, 2))
    yield bad("a run from nothing", put("pieces", 1, 6, 0, 1, 0))
    yield bad("a run backwards", put("pieces", 1, 6, 1, 2, 8))
    yield bad("a run that is not covered", put("pieces", 3, 6, 0, 2, 701))
    yield bad("a document in no piece", put("shards", 0, 1, 4))
    yield bad("a document without heads", put("shards", 0, 2, []))
    yield bad("heads out of order", lambda f: next(s for s in f["shards"] if len(s[2]) == 2)[2].reverse())
    yield bad("documents out of order", swap("shards"))
    yield bad("too many heads", put("shards", 0, 2, sorted(v.label(f"head {n}") for n in range(MAX_HEADS + 1))))

    whole = encode(v, fields(v))
    yield {"name": "list: cut short", "type": "list", "expect": "malformed", "bytes": whole[:-1]}
    yield {"name": "list: something behind it", "type": "list", "expect": "not-canonical", "bytes": whole + b"\x00"}
    # The version in two bytes instead of one.
    yield {"name": "list: a long number", "type": "list", "expect": "not-canonical",
           "bytes": whole[:1] + b"\x18\x01" + whole[2:]}


# ---- pieces ---------------------------------------------------------------------------------------------------------

def pieces(v):
    shard = [v.label("shard one", 16), "laboratory", 2026, b"an automerge document"]
    kept = [False, b"a header", v.label("signature", 64), b"\x00a body"]
    extract = [True, b"another header", v.label("another signature", 64), b"\x00some of a body"]

    def piece(name, expect, value):
        return {"name": f"piece: {name}", "type": "piece", "expect": expect, "bytes": v.cbor(value)}

    yield piece("a document, a change and an extract", "ok", [VERSION, [shard], [kept, extract]]) | {
        "shards": [{"shard": shard[0], "category": shard[1], "year": shard[2], "saved": shard[3]}],
        "changes": [{"extract": k[0], "header": k[1], "signature": k[2], "body": k[3]} for k in (kept, extract)]}
    yield piece("nothing", "ok", [VERSION, [], []]) | {"shards": [], "changes": []}
    yield piece("a later version", "refused", [2, [shard], [kept]])
    yield piece("a category without end", "refused", [VERSION, [[shard[0], "x" * 65, 2026, b""]], []])
    yield piece("a year that is none", "malformed", [VERSION, [[shard[0], "laboratory", 65_536, b""]], []])
    yield piece("a short signature", "malformed", [VERSION, [], [[False, b"a header", bytes(63), b""]]])
    whole = v.cbor([VERSION, [shard], [kept]])
    yield {"name": "piece: cut short", "type": "piece", "expect": "malformed", "bytes": whole[:-1]}
    yield {"name": "piece: something behind it", "type": "piece", "expect": "not-canonical", "bytes": whole + b"\xf4"}
