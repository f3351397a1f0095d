// What the tests share: a relay, a key store on files, samples, a folder that goes away.

import Carnet
import Foundation

/// The programs under test; `tests/swift/run` says where.
let programs = URL(fileURLWithPath: ProcessInfo.processInfo.environment["CARNET_PROGRAMS"] ?? "target/debug")

/// Prints at once: of a test that hangs it can be told which it is.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

struct Failure: Error, CustomStringConvertible {
    let description: String
}

/// A relay of its own on a free port; stop it at the end of the test.
final class Relay {
    let url: String
    private let process = Process()

    init(_ folder: URL) throws {
        process.executableURL = programs.appendingPathComponent("carnet-relay")
        process.arguments = ["--data", folder.path, "--listen", "127.0.0.1:0"]
            + ["--session-rate", "--network-rate", "--registration-rate"].flatMap { [$0, "0"] }
        let said = Pipe()
        process.standardOutput = said
        process.standardError = said
        try process.run()
        var text = ""
        while !text.contains("\n") {
            let more = said.fileHandleForReading.availableData
            if more.isEmpty { throw Failure(description: "the relay ended at its start") }
            text += String(decoding: more, as: UTF8.self)
        }
        guard let start = text.range(of: "http://") else { throw Failure(description: "the relay says no address") }
        url = String(text[start.lowerBound...].prefix { !$0.isWhitespace })
    }

    /// Not waited for: on Linux `waitUntilExit` may not return on a thread of a task.
    func stop() { process.terminate() }
}

/// What a phone's key store does, with a file in place of its hardware.
final class FileKeyStore: KeyStore {
    private let folder: URL
    private let secret: [UInt8]

    init(_ folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appendingPathComponent("secret")
        if !FileManager.default.fileExists(atPath: file.path) {
            try Data((0..<32).map { _ in UInt8.random(in: 0...255) }).write(to: file)
        }
        self.folder = folder
        secret = [UInt8](try Data(contentsOf: file))
    }

    func wrap(key: Data) throws -> Data { Data(zip(key, secret).map { $0 ^ $1 }) }
    func unwrap(wrapped: Data) throws -> Data { try wrap(key: wrapped) }

    func loadAnchor(vault: String) throws -> Data? {
        try? Data(contentsOf: folder.appendingPathComponent(vault))
    }

    func storeAnchor(vault: String, anchor: Data) throws -> Data {
        let file = folder.appendingPathComponent(vault)
        try anchor.write(to: file, options: .atomic)
        return try Data(contentsOf: file)
    }
}

/// A key store whose answer to `unwrap` is replaced.
final class Replaced: KeyStore {
    private let honest: FileKeyStore
    private let replaced: @Sendable (Data) throws -> Data

    init(_ folder: URL, _ replaced: @escaping @Sendable (Data) throws -> Data) throws {
        honest = try FileKeyStore(folder)
        self.replaced = replaced
    }

    func wrap(key: Data) throws -> Data { try honest.wrap(key: key) }
    func unwrap(wrapped: Data) throws -> Data { try replaced(wrapped) }
    func loadAnchor(vault: String) throws -> Data? { try honest.loadAnchor(vault: vault) }
    func storeAnchor(vault: String, anchor: Data) throws -> Data { try honest.storeAnchor(vault: vault, anchor: anchor) }
}

func inFolder(_ test: (URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("carnet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await test(folder)
}

func newVault(_ folder: URL, person: String = "Tom Petit") async throws -> (Vault, RecordId) {
    let keys = try FileKeyStore(folder.appendingPathComponent("keys"))
    let vault = try await Vault.create(
        folder: folder.appendingPathComponent("vault").path, keys: keys, network: nil, deviceName: "phone", person: person, birthDate: nil)
    return (vault, try await vault.persons()[0].record)
}

func openVault(_ folder: URL, keys: KeyStore? = nil) async throws -> Vault {
    let own = try FileKeyStore(folder.appendingPathComponent("keys"))
    return try await Vault.open(folder: folder.appendingPathComponent("vault").path, keys: keys ?? own, network: nil)
}

/// A file of `count` heart rates, ids from `from` on.
func heartRates(_ folder: URL, count: Int, from: Int = 0) throws -> String {
    let lines = (from..<from + count).map { number in
        let minute = "2026-01-\(two(1 + number / 1440 % 28))T\(two(number / 60 % 24)):\(two(number % 60)):00+01:00"
        return #"{"resourceType":"Observation","id":"hr-\#(number)","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"effectiveDateTime":"\#(minute)","valueQuantity":{"value":\#(60 + number % 40),"unit":"/min"}}"#
    }
    let file = folder.appendingPathComponent("heart-\(from)-\(count).ndjson")
    try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
    return file.path
}

private func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

/// A word of a record that must never be in an error.
let canary = "Ferritine-canari"

func laboratory(_ folder: URL) throws -> String {
    let file = folder.appendingPathComponent("bilan.json")
    let text = """
        {"resourceType":"Bundle","type":"collection","entry":[
        {"fullUrl":"urn:uuid:2","resource":{"resourceType":"Observation","id":"f","status":"final",
         "code":{"coding":[{"system":"http://loinc.org","code":"2276-4","display":"\(canary)"}]},
         "effectiveDateTime":"2026-02","valueQuantity":{"value":12.50,"unit":"ng/mL"}}}]}
        """
    try text.write(to: file, atomically: true, encoding: .utf8)
    return file.path
}
