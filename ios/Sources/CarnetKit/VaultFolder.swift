import Foundation

/// Where the app's vault lies: a folder that is not backed up and, on a phone, is readable from the first unlock after a start
/// on, so that a background sync can work while the phone is locked again.
public enum VaultFolder {
    /// The folder of the vault, which need not exist, in a folder of this library's own.
    public static func url(in support: URL? = nil) throws -> URL {
        var own = try (support ?? applicationSupport()).appendingPathComponent("health.carnet", isDirectory: true)
        try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true, attributes: attributes)
        try excludeFromBackup(&own)
        return own.appendingPathComponent("vault", isDirectory: true)
    }

    private static func applicationSupport() throws -> URL {
        try FileManager.default.url(for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
    }

    #if os(iOS)
    private static var attributes: [FileAttributeKey: Any]? { [.protectionKey: FileProtectionType.completeUntilFirstUserAuthentication] }
    #else
    private static var attributes: [FileAttributeKey: Any]? { nil }
    #endif

    /// A copy on another phone is of no use there, because the key stays here, and a lure.
    private static func excludeFromBackup(_ folder: inout URL) throws {
        #if canImport(Darwin)
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        try folder.setResourceValues(values)
        #endif
    }
}
