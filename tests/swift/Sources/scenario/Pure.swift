// What of the iOS library needs neither a phone nor the Rust library.

import Carnet
@testable import CarnetKit
import CarnetSample
import Foundation

let pureTests: [Test] = [
    ("an anchor is stored whole, and its name leads nowhere else", {
        try await inFolder { folder in
            let anchors = Anchors(folder: folder.appendingPathComponent("inner"))
            try expect(try anchors.load("ab") == nil, "none at first")
            for byte: UInt8 in 1...2 {
                try expect(try anchors.store("ab", Data([byte])) == Data([byte]), "read again")
                try expect(try anchors.load("ab") == Data([byte]), "loaded")
            }
            for name in ["", "../ab", "AB", "a/b"] {
                _ = try await failure(name) { try anchors.load(name) }
            }
        }
    }),
    ("the vault's folder is made ready", {
        try await inFolder { folder in
            let vault = try VaultFolder.url(in: folder)
            try expect(FileManager.default.fileExists(atPath: vault.deletingLastPathComponent().path), "its parent is there")
            try expect(!FileManager.default.fileExists(atPath: vault.path), "and itself is not")
        }
    }),
    ("another window is asked for where it helps, and only there", {
        let helps: [Error] = [VaultError.Locked(message: ""), VaultError.Offline(message: ""), CancellationError()]
        let helpsNot: [Error] = [VaultError.RelayRefused(message: ""), VaultError.HostFailed(message: "")]
        try expect(helps.allSatisfy { BackgroundSync.again(.failure($0)) }, "helps")
        try expect(!helpsNot.contains { BackgroundSync.again(.failure($0)) }, "helps not")
    }),
    ("a line is in the language of the phone and the value as written", {
        let row = ListRow(
            id: "00", record: "00", kind: "Observation", category: .laboratory, documentCategory: nil, system: nil, code: nil,
            displayFr: "Ferritine", displayEn: "Ferritin", when: "2026-02", value: "12.50", comparator: "<", unit: "ng/mL",
            status: nil, source: "bilan.json", corrected: false, notes: 0)
        try expect(line(row, Locale(identifier: "fr_FR")) == "Ferritine < 12,50 ng/mL", "French")
        try expect(line(row, Locale(identifier: "en_US")) == "Ferritin < 12.50 ng/mL", "English")
        try expect(Words.about(VaultError.Locked(message: "x")) == .locked, "a failure has words")
        let same = Words.allCases.filter { $0.pick(Locale(identifier: "fr")) == $0.pick(Locale(identifier: "en")) }
        try expect(same.isEmpty, "\(same)")
    }),
]
