import Carnet
import Foundation

/// What the sample says, in French and English.
public enum Words: CaseIterable, Sendable {
    case empty, sync, synced, syncedInPart, noRelay, relay, name, begin, locked, offline, diskFull, keyLost, update, failed

    /// In the language of the phone; English where it is neither.
    public func pick(_ locale: Locale = .current) -> String {
        let (french, english) = both
        return Self.isFrench(locale) ? french : english
    }

    private var both: (String, String) {
        switch self {
        case .empty: ("Votre carnet est vide.", "Your record is empty.")
        case .sync: ("Synchroniser", "Sync")
        case .synced: ("À jour.", "Up to date.")
        case .syncedInPart: ("La suite viendra à la prochaine synchronisation.", "The rest comes with the next sync.")
        case .noRelay: ("Aucun relais : entrez son adresse.", "No relay: enter its address.")
        case .relay: ("Adresse du relais", "Address of the relay")
        case .name: ("Votre nom", "Your name")
        case .begin: ("Créer mon carnet", "Begin my record")
        case .locked: ("Déverrouillez le téléphone, puis réessayez.", "Unlock the phone, then try again.")
        case .offline: ("Le relais est injoignable : réessayez plus tard.", "The relay cannot be reached: try again later.")
        case .diskFull: ("Le téléphone est plein : libérez de la place.", "The phone is full: free some space.")
        case .keyLost:
            (
                "La clé de ce téléphone n'ouvre pas le carnet : retrouvez-le depuis un autre appareil.",
                "This phone's key does not open the record: recover it from another device."
            )
        case .update: ("Mettez l'application à jour.", "Update the app.")
        case .failed: ("Cela n'a pas marché : rien n'est perdu.", "That did not work: nothing is lost.")
        }
    }

    static func isFrench(_ locale: Locale) -> Bool { locale.identifier.hasPrefix("fr") }

    /// What to say about a failure, and never the failure's own text.
    public static func about(_ failure: Error) -> Words {
        switch failure as? VaultError {
        case .Locked: .locked
        case .WrongKey: .keyLost
        case .Offline, .RelayFull: .offline
        case .DiskFull: .diskFull
        case .NewerVersion: .update
        case .NotFound: .noRelay
        default: .failed
        }
    }
}

/// A line of the timeline: name, value and unit as the source wrote them. Decimals of French read with a comma.
public func line(_ row: ListRow, _ locale: Locale = .current) -> String {
    let french = Words.isFrench(locale)
    let name = (french ? row.displayFr : row.displayEn) ?? row.displayFr ?? row.displayEn ?? row.kind
    let value = row.value.map { french ? $0.replacingOccurrences(of: ".", with: ",") : $0 }
    return [name, row.comparator, value, row.unit].compactMap { $0 }.joined(separator: " ")
}
