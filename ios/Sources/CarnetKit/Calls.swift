import Carnet
import Foundation

/// Runs a long call of the vault so that cancelling the task stops the work: the call is told, and this returns when it has ended
/// (a quarter of a second at most), holding no lock. The bare calls do not hear of a task's cancellation.
public func cancellable<T: Sendable>(_ call: @Sendable (Cancel) async throws -> T) async throws -> T {
    let cancel = Cancel()
    return try await withTaskCancellationHandler {
        try await call(cancel)
    } onCancel: {
        cancel.cancel()
    }
}

extension Vault {
    /// An item at the start and whenever the vault was written: read again what is on the screen. Iterate only while something is
    /// on the screen, because it looks four times a second.
    public func changes() throws -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        continuation.yield()
        let subscription = try subscribe(observer: Changes(continuation))
        continuation.onTermination = { _ in subscription.stop() }
        return stream
    }

    /// Syncs again and again while it is iterated, and tells what it does. Ends with an error that waiting does not mend.
    public func watching() -> AsyncThrowingStream<WatchEvent, Error> {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: WatchEvent.self)
        let cancel = Cancel()
        let work = Task {
            do {
                try await watch(cancel: cancel, observer: Watching(continuation))
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in
            cancel.cancel()
            work.cancel()
        }
        return stream
    }
}

/// How far a long call is, and what it answered.
public enum Step<Result: Sendable>: Sendable {
    case doing(CallProgress)
    case done(Result)
}

/// A long call as a stream: its progress, then its answer. Ending the iteration stops the work.
public func steps<T: Sendable>(
    _ call: @escaping @Sendable (Cancel, ProgressObserver) async throws -> T
) -> AsyncThrowingStream<Step<T>, Error> {
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: Step<T>.self)
    let cancel = Cancel()
    let work = Task {
        do {
            let observer = Progressing { continuation.yield(.doing($0)) }
            continuation.yield(.done(try await call(cancel, observer)))
            continuation.finish()
        } catch {
            continuation.finish(throwing: error)
        }
    }
    continuation.onTermination = { _ in
        cancel.cancel()
        work.cancel()
    }
    return stream
}

private final class Changes: ChangesObserver {
    private let continuation: AsyncStream<Void>.Continuation

    init(_ continuation: AsyncStream<Void>.Continuation) {
        self.continuation = continuation
    }

    func onChanges() throws {
        continuation.yield()
    }
}

private final class Watching: WatchObserver {
    private let continuation: AsyncThrowingStream<WatchEvent, Error>.Continuation

    init(_ continuation: AsyncThrowingStream<WatchEvent, Error>.Continuation) {
        self.continuation = continuation
    }

    func onEvent(event: WatchEvent) throws {
        continuation.yield(event)
    }
}

private final class Progressing: ProgressObserver {
    private let tell: @Sendable (CallProgress) -> Void

    init(_ tell: @escaping @Sendable (CallProgress) -> Void) {
        self.tell = tell
    }

    func onProgress(progress: CallProgress) throws {
        tell(progress)
    }
}
