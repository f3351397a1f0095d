// Code of the app that does not behave: the library answers with an error that says what to do, loses nothing, and lets no
// health data out.

import Carnet
import CarnetKit
import Foundation

private struct Foreign: Error, CustomStringConvertible {
    let description = canary
}

private final class Behaving: ProgressObserver {
    private let behave: @Sendable () throws -> Void
    init(_ behave: @escaping @Sendable () throws -> Void) { self.behave = behave }
    func onProgress(progress: CallProgress) throws { try behave() }
}

private final class Sending: Transport {
    private let behave: @Sendable (HttpReply) throws -> Void
    init(_ behave: @escaping @Sendable (HttpReply) throws -> Void) { self.behave = behave }
    func send(request: TransportRequest, reply: HttpReply) throws { try behave(reply) }
}

private func isHostFailed(_ error: Error) -> Bool {
    if case VaultError.HostFailed = error { return true }
    return false
}

let hostileTests: [Test] = [
    ("a key store that fails in any way is HostFailed and loses nothing", {
        try await inFolder { folder in
            do {
                let (vault, record) = try await newVault(folder)
                _ = try await vault.importFiles(record: record, paths: [try laboratory(folder)], cancel: nil, observer: nil)
            }
            let failures: [@Sendable (Data) throws -> Data] = [
                { _ in throw Foreign() }, { _ in Data() }, { _ in Data(count: 1 << 20) }, { _ in throw HostError.Failed },
            ]
            for unwrap in failures {
                let keys = try Replaced(folder.appendingPathComponent("keys"), unwrap)
                let error = try await failure("open") { try await openVault(folder, keys: keys) }
                try expect(isHostFailed(error), "HostFailed, not \(error)")
                try expect(!"\(error)".contains(canary), "the foreign text is dropped")
            }
            let rows = try await openVault(folder).list(filter: Filter())
            try expect(rows.count == 1, "nothing is lost")
        }
    }),
    ("a background window before the first unlock ends in Locked at once", {
        try await inFolder { folder in
            _ = try await newVault(folder)
            let began = Date()
            let outcome = await BackgroundSync.run {
                try await openVault(folder, keys: Replaced(folder.appendingPathComponent("keys")) { _ in throw HostError.Locked })
            }
            try expect(Date().timeIntervalSince(began) < 1, "at once")
            guard case .failure(VaultError.Locked) = outcome else { throw Failure(description: "\(outcome)") }
            try expect(BackgroundSync.again(outcome), "another window helps")
            _ = try await openVault(folder)
        }
    }),
    ("observers that throw, block or call back in do not stop an import", {
        try await inFolder { folder in
            let (vault, record) = try await newVault(folder)
            let observers: [@Sendable () throws -> Void] = [
                { throw Foreign() }, { Thread.sleep(forTimeInterval: 3_600) }, { _ = vault.isLocked() },
            ]
            for (number, behave) in observers.enumerated() {
                let file = try heartRates(folder, count: 50, from: number * 50)
                let report = try await vault.importFiles(record: record, paths: [file], cancel: nil, observer: Behaving(behave))
                try expect(report.files[0].new == 50, "all are imported")
            }
        }
    }),
    ("what is no id and no code is an error without its text", {
        try await inFolder { folder in
            let (vault, record) = try await newVault(folder)
            let errors = [
                try await failure("id") { try await vault.detail(id: canary) },
                try await failure("path") { try await vault.importFiles(record: record, paths: ["/" + canary], cancel: nil, observer: nil) },
                try await failure("date") { try await vault.addPerson(name: "Zoé", birthDate: canary) },
                try await failure("code") { try await vault.pair(code: canary) },
                try await failure("relay") { try await vault.sync(relay: "http://" + canary, deadline: 5, cancel: nil, observer: nil) },
            ]
            for error in errors {
                try expect(error is VaultError, "\(type(of: error))")
                try expect(!"\(error) \(error.localizedDescription)".contains(canary), "without its text")
            }
        }
    }),
    ("a network of the app is used, and its failures are errors", {
        try await inFolder { folder in
            let failures: [@Sendable (HttpReply) throws -> Void] = [
                { _ in throw Foreign() }, { _ in }, { $0.fail(error: .Offline) }, { $0.complete(status: 200, headers: [], body: Data(canary.utf8)) },
            ]
            for (number, behave) in failures.enumerated() {
                let keys = try FileKeyStore(folder.appendingPathComponent("keys-\(number)"))
                let vault = try await Vault.create(
                    folder: folder.appendingPathComponent("v\(number)").path, keys: keys, network: Sending(behave),
                    deviceName: "phone", person: "Tom", birthDate: nil)
                let error = try await failure("sync") { try await vault.sync(relay: "http://relay.example", deadline: 3, cancel: nil, observer: nil) }
                try expect(error is VaultError && !"\(error)".contains(canary), "\(error)")
            }
        }
    }),
    ("fifty tasks use one vault", {
        try await inFolder { folder in
            let (vault, record) = try await newVault(folder)
            let file = try heartRates(folder, count: 50)
            _ = try await vault.importFiles(record: record, paths: [file], cancel: nil, observer: nil)
            let rows = try await vault.list(filter: Filter())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for row in rows { group.addTask { _ = try await vault.annotate(on: row.id, text: "vu") } }
                try await group.waitForAll()
            }
            let notes = try await vault.stats(record: record).notes
            try expect(notes == 50, "all were written")
        }
    }),
    ("a thousand openings and closings leave nothing behind", {
        try await inFolder { folder in
            _ = try await newVault(folder)
            for _ in 0..<100 { _ = try await openVault(folder) }
            let before = try held()
            for _ in 0..<1_000 { _ = try await openVault(folder) }
            let after = try held()
            say("        1,000 openings: \(before) -> \(after)")
            try expect(after.files <= before.files + 8 && after.threads <= before.threads + 8, "files or threads grow")
            try expect(after.kilobytes <= before.kilobytes + 16 * 1024, "memory grows")
        }
    }),
]

/// What this process holds of the system.
private func held() throws -> (files: Int, threads: Int, kilobytes: Int) {
    Thread.sleep(forTimeInterval: 0.3)
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n")
    func number(_ key: String) -> Int {
        let line = status.first { $0.hasPrefix(key + ":") } ?? ""
        return Int(line.filter(\.isNumber)) ?? 0
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    return (files, number("Threads"), number("VmRSS"))
}
