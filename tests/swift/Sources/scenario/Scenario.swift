// One story through the generated Swift: two phones of one person, a second person, a relay between them.

import Carnet
import CarnetKit
import Foundation

typealias Test = (String, @Sendable () async throws -> Void)

func expect(_ holds: Bool, _ what: String) throws {
    if !holds { throw Failure(description: what) }
}

/// The error that a call fails with; none is a failure of the test.
func failure<T>(_ what: String, _ call: () async throws -> T) async throws -> Error {
    do { _ = try await call() } catch { return error }
    throw Failure(description: "\(what): nothing was thrown")
}

let scenarioTests: [Test] = [
    ("a record is imported, read, written about and handed over", {
        try await inFolder { folder in
            let (vault, record) = try await newVault(folder)
            let report = try await vault.importFiles(record: record, paths: [try laboratory(folder)], cancel: nil, observer: nil)
            try expect(report.files[0].new == 1, "one new resource")
            let row = try await vault.list(filter: Filter(kind: "Observation"))[0]
            try expect(row.value == "12.50" && row.when == "2026-02", "decimals and partial dates as written")
            let found = try await vault.search(text: "canari", filter: Filter())
            try expect(found == [row], "search finds it")

            _ = try await vault.annotate(on: row.id, text: "à revoir en mars")
            try await vault.correct(on: row.id, field: "value", value: "15")
            let detail = try await vault.detail(id: row.id)
            try expect(detail.notes.map(\.text) == ["à revoir en mars"], "the note is there")
            try expect(detail.row.value == "15" && detail.original.contains("12.50"), "the source stands beside the correction")

            let out = folder.appendingPathComponent("export.json").path
            let written = try await vault.exportFile(record: record, format: .fhir, path: out)
            try expect(written == 1, "one resource handed over")
            try expect(try String(contentsOfFile: out, encoding: .utf8).contains(canary), "as it was")
            let problems = try await vault.verify(rebuild: true).problems
            try expect(problems.isEmpty, "verify finds nothing: \(problems)")
        }
    }),
    ("two phones of one person pair and sync both ways", {
        try await inFolder { folder in
            let relay = try Relay(folder.appendingPathComponent("relay"))
            defer { relay.stop() }
            let (first, record) = try await newVault(folder.appendingPathComponent("a"))
            _ = try await first.importFiles(record: record, paths: [try laboratory(folder)], cancel: nil, observer: nil)
            _ = try await first.sync(relay: relay.url, deadline: nil, cancel: nil, observer: nil)

            let second = try await pair(first, folder.appendingPathComponent("b"), relay.url)
            _ = try await second.sync(relay: relay.url, deadline: nil, cancel: nil, observer: nil)
            let row = try await second.list(filter: Filter(kind: "Observation"))[0]
            _ = try await second.annotate(on: row.id, text: "vu sur l'autre téléphone")
            _ = try await second.syncBackground(deadline: 25, cancel: nil)
            let report = try await BackgroundSync.run { first }.get()
            try expect(report.stored > 0, "the background stored something")
            _ = try await first.mergeInbox(deadline: nil, cancel: nil, observer: nil)
            let (mine, theirs) = (try await first.fingerprint(), try await second.fingerprint())
            try expect(mine == theirs, "both hold the same")
        }
    }),
    ("a recovery kit is made, checked and opens the account on a blank phone", {
        try await inFolder { folder in
            let relay = try Relay(folder.appendingPathComponent("relay"))
            defer { relay.stop() }
            let (vault, record) = try await newVault(folder.appendingPathComponent("a"))
            _ = try await vault.importFiles(record: record, paths: [try laboratory(folder)], cancel: nil, observer: nil)
            _ = try await vault.sync(relay: relay.url, deadline: nil, cancel: nil, observer: nil)
            let sheet = try await vault.makeKit(name: "tiroir", relay: nil)
            _ = try await vault.sync(relay: nil, deadline: nil, cancel: nil, observer: nil)
            let kit = try await vault.checkKit(text: sheet.english)
            try expect(kit == Kit(id: sheet.kit, name: "tiroir", ready: true), "the words are of the kit")
            let kits = try await vault.kits()
            try expect(kits == [kit], "it is the only one")

            let blank = folder.appendingPathComponent("b")
            let again = try await Vault.recover(
                folder: blank.appendingPathComponent("vault").path, keys: try FileKeyStore(blank.appendingPathComponent("keys")), network: nil,
                deviceName: "new phone", kit: sheet.code, relay: nil, cancel: nil, observer: nil)
            let (mine, theirs) = (try await vault.list(filter: Filter()), try await again.list(filter: Filter()))
            try expect(!mine.isEmpty && mine == theirs, "the records are there")
        }
    }),
    ("somebody else is invited and reads the record", {
        try await inFolder { folder in
            let relay = try Relay(folder.appendingPathComponent("relay"))
            defer { relay.stop() }
            let (host, record) = try await newVault(folder.appendingPathComponent("a"))
            let (guest, _) = try await newVault(folder.appendingPathComponent("b"), person: "Denis Petit")
            _ = try await host.importFiles(record: record, paths: [try laboratory(folder)], cancel: nil, observer: nil)
            _ = try await host.makeKit(name: "tiroir", relay: relay.url)
            _ = try await host.sync(relay: relay.url, deadline: nil, cancel: nil, observer: nil)
            let link = try await host.invite(record: record, access: Access(role: .reader), name: "Tom", relay: nil)
            _ = try await host.sync(relay: nil, deadline: nil, cancel: nil, observer: nil)
            _ = try await guest.acceptInvitation(link: link, name: "Denis", cancel: nil, observer: nil)
            for _ in 0..<3 {
                for vault in [guest, host] { _ = try await vault.sync(relay: relay.url, deadline: nil, cancel: nil, observer: nil) }
            }
            let members = try await host.members(record: record)
            try expect(members.map(\.name) == ["Tom", "Denis"], "both are members")
            let rows = try await guest.list(filter: Filter(record: record, kind: "Observation"))
            try expect(rows.map(\.value) == ["12.50"], "the guest reads what was imported")
        }
    }),
    ("changes and progress come as streams", {
        try await inFolder { folder in
            let (vault, record) = try await newVault(folder)
            var changes = try vault.changes().makeAsyncIterator()
            await changes.next()
            let file = try heartRates(folder, count: 2_000)
            var done: UInt64 = 0
            for try await step in steps({ cancel, observer in
                try await vault.importFiles(record: record, paths: [file], cancel: cancel, observer: observer)
            }) {
                if case .done(let report) = step { done = report.files[0].new }
            }
            try expect(done == 2_000, "the last step is the answer")
            await changes.next()
        }
    }),
]

/// The code that a joining phone shows.
private final class Code: JoinObserver {
    let codes: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() { (codes, continuation) = AsyncStream.makeStream(of: String.self) }

    func onCode(code: String) throws { continuation.yield(code) }
}

private func pair(_ with: Vault, _ folder: URL, _ relay: String) async throws -> Vault {
    let code = Code()
    let keys = try FileKeyStore(folder.appendingPathComponent("keys"))
    async let joined = Vault.join(
        folder: folder.appendingPathComponent("vault").path, keys: keys, network: nil, deviceName: "second phone", relay: relay,
        wait: 30, observer: code)
    for await shown in code.codes {
        _ = try await with.pair(code: shown)
        break
    }
    return try await joined
}
