import Carnet
import Foundation

/// The vaults' anchors, one small file each, outside the vaults' folders: who puts an old copy of a vault back does not put these
/// back. They hold nothing secret.
struct Anchors: Sendable {
    let folder: URL

    func load(_ vault: String) throws -> Data? {
        let file = try file(vault)
        return FileManager.default.fileExists(atPath: file.path) ? try Data(contentsOf: file) : nil
    }

    /// Stores whole or not at all, and returns what reading it again gives.
    func store(_ vault: String, _ anchor: Data) throws -> Data {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try anchor.write(to: file(vault), options: .atomic)
        return try Data(contentsOf: file(vault))
    }

    /// The name comes from the library; a name that is none must still not lead out of the folder.
    private func file(_ vault: String) throws -> URL {
        guard !vault.isEmpty, vault.allSatisfy({ "0123456789abcdef".contains($0) }) else { throw HostError.Failed }
        return folder.appendingPathComponent(vault)
    }
}
