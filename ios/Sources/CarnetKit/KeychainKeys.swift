#if canImport(Security)
import Carnet
import Foundation
import Security

/// Guards the vault's key with a key of the Secure Enclave, kept in the Keychain of this phone only.
///
/// The key asks for no face or finger, because a background sync has nobody to ask; it never leaves the Enclave, and is usable
/// once the phone was unlocked after it was started. Before that every call is `Locked`. A key that is gone (a restore to another
/// phone) is `KeyLost`: the app offers recovery. No key is made except for a new vault, and none is ever deleted here. Where there
/// is no Enclave (the simulator) the Keychain itself guards the key.
public final class KeychainKeys: KeyStore {
    private let tag: Data
    private let anchors: Anchors

    public init(tag: String = "health.carnet.vault", anchors: URL) {
        self.tag = Data(tag.utf8)
        self.anchors = Anchors(folder: anchors)
    }

    public func wrap(key: Data) throws -> Data {
        let mine = try existing() ?? make()
        guard let open = SecKeyCopyPublicKey(mine),
              let wrapped = SecKeyCreateEncryptedData(open, Self.algorithm, key as CFData, nil)
        else { throw HostError.Failed }
        return wrapped as Data
    }

    public func unwrap(wrapped: Data) throws -> Data {
        guard let mine = try existing() else { throw HostError.KeyLost }
        var error: Unmanaged<CFError>?
        guard let key = SecKeyCreateDecryptedData(mine, Self.algorithm, wrapped as CFData, &error) else {
            throw Self.hostError(error?.takeRetainedValue())
        }
        return key as Data
    }

    public func loadAnchor(vault: String) throws -> Data? {
        try Self.lend { try anchors.load(vault) }
    }

    public func storeAnchor(vault: String, anchor: Data) throws -> Data {
        try Self.lend { try anchors.store(vault, anchor) }
    }

    private static let algorithm = SecKeyAlgorithm.eciesEncryptionCofactorVariableIVX963SHA256AESGCM

    private func existing() throws -> SecKey? {
        let query: [CFString: Any] = [
            kSecClass: kSecClassKey,
            kSecAttrApplicationTag: tag,
            kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
            kSecReturnRef: true,
        ]
        var found: CFTypeRef?
        switch SecItemCopyMatching(query as CFDictionary, &found) {
        case errSecSuccess: return (found as! SecKey)
        case errSecItemNotFound: return nil
        case errSecInteractionNotAllowed: throw HostError.Locked
        default: throw HostError.Failed
        }
    }

    private func make() throws -> SecKey {
        if let key = generate(inEnclave: true) ?? generate(inEnclave: false) { return key }
        throw HostError.Failed
    }

    private func generate(inEnclave: Bool) -> SecKey? {
        let afterFirstUnlock = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
        guard let access = SecAccessControlCreateWithFlags(nil, afterFirstUnlock, inEnclave ? .privateKeyUsage : [], nil) else { return nil }
        var attributes: [CFString: Any] = [
            kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrKeySizeInBits: 256,
            kSecPrivateKeyAttrs: [
                kSecAttrIsPermanent: true,
                kSecAttrApplicationTag: tag,
                kSecAttrAccessControl: access,
            ] as [CFString: Any],
        ]
        if inEnclave { attributes[kSecAttrTokenID] = kSecAttrTokenIDSecureEnclave }
        return SecKeyCreateRandomKey(attributes as CFDictionary, nil)
    }

    /// What a failure of the Keychain means to the library. The failure itself goes no further.
    private static func hostError(_ error: CFError?) -> HostError {
        switch error.map(CFErrorGetCode) {
        case Int(errSecInteractionNotAllowed)?: .Locked
        case Int(errSecParam)?, Int(errSecDecode)?: .WrongKey
        default: .Failed
        }
    }

    private static func lend<T>(_ work: () throws -> T) throws -> T {
        do { return try work() } catch { throw (error as? HostError) ?? HostError.Failed }
    }
}
#endif
