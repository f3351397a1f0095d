import Carnet
import Foundation

/// Syncing in a window that the system gives: pushes what is sealed and stores what comes; the app merges it when it is opened.
public enum BackgroundSync {
    /// Less than the thirty seconds iOS gives: the rest is for the last step.
    public static let window: TimeInterval = 25

    /// What a window ends with: whether another one soon would help. Not where only the person or an update can mend it.
    public static func again(_ outcome: Result<SyncReport, Error>) -> Bool {
        switch outcome {
        case .success(let report): return !report.complete
        case .failure(let error as VaultError):
            switch error {
            case .Locked, .Offline, .RelayFull, .Cancelled: return true
            default: return false
            }
        case .failure(let error): return error is CancellationError
        }
    }

    /// One window's work. `open` gives the app's vault; it throws `Locked` before the first unlock since the phone was started.
    public static func run(_ open: @Sendable () async throws -> Vault) async -> Result<SyncReport, Error> {
        do {
            let vault = try await open()
            return .success(try await cancellable { cancel in
                try await vault.syncBackground(deadline: window, cancel: cancel)
            })
        } catch {
            return .failure(error)
        }
    }
}

#if canImport(BackgroundTasks) && os(iOS)
import BackgroundTasks

extension BackgroundSync {
    /// Registers the task; call it before the app has finished launching, with an identifier of the app's `Info.plist`.
    public static func register(identifier: String, open: @escaping @Sendable () async throws -> Vault) {
        BGTaskScheduler.shared.register(forTaskWithIdentifier: identifier, using: nil) { task in
            handle(task, identifier: identifier, open: open)
        }
    }

    /// Asks for a window, not before `after` seconds from now.
    public static func schedule(identifier: String, after: TimeInterval = 3_600) throws {
        let request = BGAppRefreshTaskRequest(identifier: identifier)
        request.earliestBeginDate = Date(timeIntervalSinceNow: after)
        try BGTaskScheduler.shared.submit(request)
    }

    /// iOS ends the window when it likes: the sync is cancelled and holds no lock a quarter of a second later.
    private static func handle(_ task: BGTask, identifier: String, open: @escaping @Sendable () async throws -> Vault) {
        nonisolated(unsafe) let task = task
        let work = Task {
            let outcome = await run(open)
            try? schedule(identifier: identifier, after: again(outcome) ? 900 : 3_600)
            task.setTaskCompleted(success: !again(outcome))
        }
        task.expirationHandler = { work.cancel() }
    }
}
#endif
