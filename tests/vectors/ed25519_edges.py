"""Ed25519 signatures on which implementations disagree, made with plain curve arithmetic (RFC 8032, section 5.1).

Every encoding of the eight points of small order (canonical or not) as key and as commitment, keys and commitments of mixed order,
and scalars over the group order. `expect` is our rule: the cofactorless equation, a canonical scalar and commitment, no key and no
commitment of small order. The edge cases are those of "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020).
"""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P


def times(n, point):
    result = (0, 1)
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


def lift(y, odd):
    """The point with this y, its x odd or even; none when there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    if x * x % P != square:
        return None
    return (P - x if x % 2 != odd and x else x), y % P


def encode(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


BASE = lift(4 * pow(5, -1, P) % P, 0)


def small_order():
    """The eight points of small order, each with all its encodings, the canonical first."""
    generator = next(times(L, point) for y in range(2, 100) if (point := lift(y, 0)) and times(4 * L, point) != (0, 1))
    for n in range(8):
        point = times(n, generator)
        encodings = [encode(point)]
        for y in {point[1], point[1] + P}:
            for sign in (0, 1):
                # The sign of x = 0 is free; a y over the prime is another name of the same point.
                if y < 2**255 and (point[0] == 0 or point[0] & 1 == sign):
                    code = (y | sign << 255).to_bytes(32, "little")
                    if code not in encodings:
                        encodings.append(code)
        yield n, point, encodings


def challenge(commitment, key, message):
    return int.from_bytes(hashlib.sha512(commitment + key + message).digest(), "little") % L


def secret_of(label):
    return int.from_bytes(hashlib.sha512(b"carnet ed25519 edge: " + label.encode()).digest(), "little") % L


def messages(name):
    return (f"{name}, try {n}".encode() for n in range(10_000))


def cases():
    secret, nonce = secret_of("secret"), secret_of("nonce")
    key, commitment = times(secret, BASE), times(nonce, BASE)
    torsion = list(small_order())

    def case(name, expect, key, message, commitment, scalar):
        return {"name": name, "expect": expect, "key": key, "message": message,
                "signature": commitment + scalar.to_bytes(32, "little")}

    message = b"an honest signature"
    hashed = challenge(encode(commitment), encode(key), message)
    scalar = (nonce + hashed * secret) % L
    yield case("an honest signature", "ok", encode(key), message, encode(commitment), scalar)
    yield case("scalar plus the order", "signature", encode(key), message, encode(commitment), scalar + L)
    yield case("scalar plus eight times the order, as far as it fits", "signature", encode(key), message, encode(commitment),
               scalar + (2**256 - 1 - scalar) // L * L)
    yield case("scalar zero", "signature", encode(key), message, encode(commitment), 0)
    for n, point, encodings in torsion:
        for which, code in enumerate(encodings):
            name = f"key of small order, {n} times the generator, encoding {which}"
            # [S]B = R + [k]A holds without cofactor when k cancels A: every such key accepts some message.
            text = next(m for m in messages(name) if times(challenge(encode(commitment), code, m), point) == (0, 1))
            yield case(name, "signature", code, text, encode(commitment), nonce)
        for which, code in enumerate(encodings):
            name = f"commitment of small order, {n} times the generator, encoding {which}"
            hashed = challenge(code, encode(key), b"small commitment")
            yield case(name, "signature", encode(key), b"small commitment", code, hashed * secret % L)
            name = f"key and commitment of small order, {n} times the generator, encoding {which}"
            text = next(m for m in messages(name)
                        if add(point, times(challenge(code, code, m), point)) == (0, 1) or n == 0)
            yield case(name, "signature", code, text, code, 0)
    for n, point, _ in torsion[1:]:
        mixed = encode(add(key, point))
        name = f"key of mixed order, {n} times the generator"
        for expect, cancels in (("ok", True), ("signature", False)):
            text = next(m for m in messages(name + expect)
                        if (times(challenge(encode(commitment), mixed, m), point) == (0, 1)) == cancels)
            scalar = (nonce + challenge(encode(commitment), mixed, text) * secret) % L
            yield case(f"{name}, which the hash {'cancels' if cancels else 'does not cancel'}", expect, mixed, text,
                       encode(commitment), scalar)
        shifted = encode(add(commitment, point))
        name = f"commitment of mixed order, {n} times the generator"
        hashed = challenge(shifted, encode(key), b"mixed commitment")
        yield case(name, "signature", encode(key), b"mixed commitment", shifted, (nonce + hashed * secret) % L)
        name = f"key and commitment of mixed order that cancel, {n} times the generator"
        text = next(m for m in messages(name)
                    if add(point, times(challenge(shifted, mixed, m), point)) == (0, 1))
        yield case(name, "ok", mixed, text, shifted, (nonce + challenge(shifted, mixed, text) * secret) % L)
