// The Swift phone of the record that a Kotlin and a Swift phone share: is let in, writes, and holds the same at the end.
// `tests/phones` calls the steps of both sides in turn: `join`, `write`, `compare`, with a folder and a relay.

import Carnet
import Foundation

struct Shared {
    let folder: URL
    let relay: String

    func step(_ name: String) async throws {
        switch name {
        case "join": try await join()
        case "write": try await write()
        case "compare": try await compare()
        default: throw Failure(description: "no step \(name)")
        }
    }

    /// Shows its code in a file, which the Kotlin phone reads.
    private func join() async throws {
        let own = folder.appendingPathComponent("swift")
        let vault = try await Vault.join(
            folder: own.appendingPathComponent("vault").path, keys: try FileKeyStore(own.appendingPathComponent("keys")), network: nil,
            deviceName: "Swift phone", relay: relay, wait: 60, observer: CodeFile(folder.appendingPathComponent("code")))
        try await sync(vault)
    }

    private func write() async throws {
        let vault = try await openVault(folder.appendingPathComponent("swift"))
        try await sync(vault)
        let row = try await observation(vault)
        _ = try await vault.annotate(on: row.id, text: "écrit en Swift")
        try await sync(vault)
    }

    private func compare() async throws {
        let vault = try await openVault(folder.appendingPathComponent("swift"))
        try await sync(vault)
        let notes = try await vault.detail(id: observation(vault).id).notes.map(\.text)
        try expect(notes == ["écrit en Swift", "écrit en Kotlin"], "\(notes)")
        let kotlin = try Data(contentsOf: folder.appendingPathComponent("fingerprint"))
        let swift = try await vault.fingerprint()
        try expect(kotlin == swift, "the fingerprints differ")
        say("Swift: holds what the Kotlin phone wrote, with the same fingerprint")
    }

    private func observation(_ vault: Vault) async throws -> ListRow {
        let rows = try await vault.list(filter: Filter(kind: "Observation"))
        try expect(rows.count == 1, "the record of the Kotlin phone is here: \(rows.count) rows")
        return rows[0]
    }

    private func sync(_ vault: Vault) async throws {
        _ = try await vault.sync(relay: relay, deadline: nil, cancel: nil, observer: nil)
    }
}

private final class CodeFile: JoinObserver {
    private let file: URL

    init(_ file: URL) { self.file = file }

    func onCode(code: String) throws { try code.write(to: file, atomically: true, encoding: .utf8) }
}
