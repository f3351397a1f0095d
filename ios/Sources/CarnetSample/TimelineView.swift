#if canImport(SwiftUI) && canImport(Security)
import Carnet
import CarnetKit
import SwiftUI

/// The sample's one screen: begins a record, shows its timeline, and syncs with a relay. An app is
/// `@main struct Sample: App { var body: some Scene { WindowGroup { TimelineView() } } }`.
public struct TimelineView: View {
    @StateObject private var model = TimelineModel()
    @State private var name = ""
    @State private var relay = ""

    public init() {}

    public var body: some View {
        VStack {
            if model.isNew {
                TextField(Words.name.pick(), text: $name)
                Button(Words.begin.pick()) { Task { await model.begin(name) } }
            } else {
                TextField(Words.relay.pick(), text: $relay)
                Button(Words.sync.pick()) { Task { await model.sync(relay) } }
                List(model.rows, id: \.id) { row in
                    VStack(alignment: .leading) {
                        Text(row.when ?? "").font(.caption)
                        Text(line(row))
                    }
                }
            }
            Text(model.status)
        }
        // No picture of the record in the list of recent apps.
        .privacySensitive()
        .task(id: model.isNew) { await model.show() }
    }
}

@MainActor
final class TimelineModel: ObservableObject {
    @Published var isNew = false
    @Published var rows: [ListRow] = []
    @Published var status = ""
    private var vault: Vault?

    func begin(_ name: String) async {
        await attempt { [self] in
            let folder = try VaultFolder.url()
            vault = try await Vault.create(
                folder: folder.path, keys: try keys(), network: nil, deviceName: "iPhone", person: name, birthDate: nil)
            isNew = false
        }
    }

    func show() async {
        await attempt { [self] in
            let vault = try await opened()
            guard let vault else { isNew = true; return }
            _ = try await vault.mergeInbox(deadline: nil, cancel: nil, observer: nil)
            for await _ in try vault.changes() {
                rows = try await vault.list(filter: Filter(limit: 200, dated: true))
                if rows.isEmpty { status = Words.empty.pick() }
            }
        }
    }

    func sync(_ relay: String) async {
        await attempt { [self] in
            guard let vault = try await opened() else { return }
            let named = relay.isEmpty ? nil : relay
            let report = try await cancellable { try await vault.sync(relay: named, deadline: nil, cancel: $0, observer: nil) }
            status = (report.complete ? Words.synced : Words.syncedInPart).pick()
        }
    }

    private func opened() async throws -> Vault? {
        if let vault { return vault }
        let folder = try VaultFolder.url()
        guard FileManager.default.fileExists(atPath: folder.appendingPathComponent("vault.key").path) else { return nil }
        vault = try await Vault.open(folder: folder.path, keys: try keys(), network: nil)
        return vault
    }

    private func keys() throws -> KeychainKeys {
        let own = try VaultFolder.url().deletingLastPathComponent()
        return KeychainKeys(anchors: own.appendingPathComponent("anchors", isDirectory: true))
    }

    private func attempt(_ work: () async throws -> Void) async {
        do { try await work() } catch { status = Words.about(error).pick() }
    }
}
#endif
