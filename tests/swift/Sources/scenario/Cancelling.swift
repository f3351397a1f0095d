// Cancelling at any moment: the call returns at once, holds no lock, and has lost nothing.

import Carnet
import CarnetKit
import Foundation

let cancelTests: [Test] = [
    ("a sync cancelled at a hundred moments returns within a quarter of a second and loses nothing", {
        try await inFolder { folder in
            let relay = try Relay(folder.appendingPathComponent("relay"))
            defer { relay.stop() }
            let (vault, record) = try await newVault(folder)
            // A second opening of the same vault, as a background worker's process has it.
            let worker = try await openVault(folder)
            let address = relay.url
            let moments = try await usualSync(vault, record, folder, address)
            var (latest, cancelled) = (0.0, 0)
            for round in 0..<100 {
                let file = try heartRates(folder, count: 20, from: round * 20)
                _ = try await vault.importFiles(record: record, paths: [file], cancel: nil, observer: nil)
                let work = Task {
                    try await cancellable { try await vault.sync(relay: address, deadline: nil, cancel: $0, observer: nil) }
                }
                try await Task.sleep(nanoseconds: UInt64.random(in: 0..<moments))
                let asked = Date()
                work.cancel()
                let outcome = await work.result
                latest = max(latest, Date().timeIntervalSince(asked))
                if case .failure(let error) = outcome {
                    guard case VaultError.Cancelled = error else { throw error }
                    cancelled += 1
                }
                let row = try await worker.list(filter: Filter(limit: 1))[0]
                _ = try await worker.annotate(on: row.id, text: "n° \(round)")
            }
            say("        cancelled \(cancelled) of 100 syncs; returned after at most \(Int(latest * 1_000)) ms")
            try expect(latest <= 0.25, "late: \(latest) s")
            try expect(cancelled >= 20, "only \(cancelled) were under way")
            _ = try await vault.sync(relay: relay.url, deadline: nil, cancel: nil, observer: nil)
            let stats = try await vault.stats(record: record)
            try expect(stats.versions == 2_200 && stats.notes == 100 && stats.unsent == 0, "nothing is lost: \(stats)")
        }
    }),
    ("a deadline ends a sync with a relay that does not answer", {
        try await inFolder { folder in
            let (vault, _) = try await newVault(folder)
            // An address that is reserved for documentation: nothing answers there, or nothing can be sent there.
            let began = Date()
            _ = try? await vault.sync(relay: "http://192.0.2.1", deadline: 1, cancel: nil, observer: nil)
            let took = Date().timeIntervalSince(began)
            try expect(took < 1.4, "\(took) s")
        }
    }),
]

/// How many nanoseconds a sync of one round takes here, the shortest of ten: a moment beyond it would cancel nothing. The first sync
/// is not usual, it registers the account.
private func usualSync(_ vault: Vault, _ record: RecordId, _ folder: URL, _ relay: String) async throws -> UInt64 {
    _ = try await vault.sync(relay: relay, deadline: nil, cancel: nil, observer: nil)
    var shortest = TimeInterval.infinity
    for round in 100..<110 {
        let file = try heartRates(folder, count: 20, from: round * 20)
        _ = try await vault.importFiles(record: record, paths: [file], cancel: nil, observer: nil)
        let began = Date()
        _ = try await vault.sync(relay: relay, deadline: nil, cancel: nil, observer: nil)
        shortest = min(shortest, Date().timeIntervalSince(began))
    }
    return UInt64(shortest * 1_000_000_000)
}
