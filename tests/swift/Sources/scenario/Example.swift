// The README's example. It begins below; a test of the house compares the two.

import Carnet
import CarnetKit
import Foundation

// The same in Swift; here, cancelling the task stops the sync, and what changes is a stream.
func example(folder: String, keys: KeyStore, file: String, relay: String) async throws -> [ListRow] {
    let vault = try await Vault.create(
        folder: folder, keys: keys, network: nil, deviceName: "iPhone", person: "Tom Petit", birthDate: nil)
    let record = try await vault.persons()[0].record
    _ = try await vault.importFiles(record: record, paths: [file], cancel: nil, observer: nil)

    for await _ in try vault.changes() {
        let rows = try await vault.list(filter: Filter(record: record, limit: 50, dated: true))
        _ = try await cancellable { cancel in
            try await vault.sync(relay: relay, deadline: 25, cancel: cancel, observer: nil)
        }
        return rows
    }
    return []
}

let exampleTests: [Test] = [
    ("the example of the README runs", {
        try await inFolder { folder in
            let relay = try Relay(folder.appendingPathComponent("relay"))
            defer { relay.stop() }
            let keys = try FileKeyStore(folder.appendingPathComponent("keys"))
            let rows = try await example(
                folder: folder.appendingPathComponent("vault").path, keys: keys, file: try laboratory(folder), relay: relay.url)
            try expect(rows.map(\.kind) == ["Observation"], "one row")
        }
    }),
]
