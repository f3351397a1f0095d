#!/usr/bin/env python3
"""Prints what apps compile against: the public types of generated Kotlin or Swift and their members, one a line, without bodies,
without documentation, and without what UniFFI needs for itself.

    signatures.py kotlin target/bindings/kotlin/health/carnet/carnet.kt
    signatures.py swift ios/Generated/Carnet/Carnet.swift
"""

import re
import sys

TYPE = {
    "kotlin": re.compile(r"^(?:public |open |sealed |data |enum )*(?:class|interface|object|typealias|fun|suspend fun)\b"),
    "swift": re.compile(r"^(?:(?:open |public |final )+(?:class|struct|enum|protocol|typealias)|enum|public func)\b"),
}
# Kotlin: methods and fields, constructors of a companion, variants. Swift writes the members of a class at the line's beginning,
# and those of its protocol, which say the same, indented: constructors are of the first kind only.
MEMBER = {
    "kotlin": re.compile(r"^ {4}(?:suspend )?fun `|^ {4}va[lr] `|^ {5}suspend fun `|^ {4,8}(?:data )?(?:class|object) [A-Z]|^ {4}[A-Z_]+[,;]$"),
    "swift": re.compile(r"^(?: {4}(?:func|case|public let|public init)|public static func|public convenience init)\b"),
}
INTERNAL = re.compile(
    r"[Uu]ni[Ff]fi|Ffi[A-Z]|Rust[BC]|ForeignBytes|InternalException|Handle|NoPointer|Cleaner|Cleanable|JNA|Impl\b|"
    r"interface Disposable|object companion|allocationSize|func (?:read|write|lift|lower|hash)\b"
)


# What an app has in scope already: a type of ours under one of these names could not be named without its module.
TAKEN = set(
    "Any Array Bool Category Character Data Date Dictionary Double Duration Error Exception Float Int Iterator List Locale Long Map "
    "Never Notification Number Object Operation Optional Pair Port Progress Publisher Range Result Scanner Selector Sequence Set "
    "State String Subscription Task Text Thread Throwable Timer Unit URL UUID View Void".split()
)


def check_free(signature):
    """A public type's name must be free in both languages."""
    named = re.search(r"\b(?:class|interface|struct|enum|protocol|typealias) (\w+)", signature)
    if named and named[1] in TAKEN:
        sys.exit(f"signatures.py: {named[1]} is a name that Kotlin or Swift has already")


def whole(lines, index):
    """A declaration on one line, however many it stands on."""
    text = lines[index].rstrip()
    while text.count("(") > text.count(")") and index + 1 < len(lines):
        index += 1
        piece = lines[index].strip()
        text += " " + piece.split("//")[0]
    text = re.sub(r"(?<=\S) +", " ", text)
    if "typealias" not in text:
        text = re.sub(r" ?(?:\{.*| = (?!nil|null|false).*|=$)$", "", text)
    return re.sub(r",? \)", ")", text.replace("( ", "(")).rstrip()


def signatures(language, lines):
    """The types, each followed by its members; a type of UniFFI's own is passed over with all that is in it."""
    shown = False
    for index, line in enumerate(lines):
        if TYPE[language].match(line):
            shown = not INTERNAL.search(line)
            if shown:
                check_free(line)
                yield re.sub(r"^((?:public )?data class \w+) ?\(.*", r"\1", whole(lines, index))
        elif shown and MEMBER[language].match(line) and not INTERNAL.search(line):
            yield "    " + whole(lines, index).strip().rstrip(",;")
        elif line.startswith(("internal ", "private ", "fileprivate ")):
            shown = False


def main():
    language, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        lines = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL).splitlines()
    print("\n".join(signatures(language, lines)))


main()
