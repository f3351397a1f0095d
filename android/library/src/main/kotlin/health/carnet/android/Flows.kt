package health.carnet.android

import health.carnet.Cancel
import health.carnet.ChangesObserver
import health.carnet.CallProgress
import health.carnet.ProgressObserver
import health.carnet.Vault
import health.carnet.WatchEvent
import health.carnet.WatchObserver
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.launch

/**
 * An item at the start and whenever the vault was written: read again what is on the screen. Collect it only while something
 * is on the screen, because it looks four times a second.
 */
fun Vault.changes(): Flow<Unit> = callbackFlow {
    trySend(Unit)
    val subscription = subscribe(object : ChangesObserver {
        override fun onChanges() {
            trySend(Unit)
        }
    })
    awaitClose {
        subscription.stop()
        subscription.destroy()
    }
}.buffer(1, BufferOverflow.DROP_OLDEST)

/** Syncs again and again while it is collected, and tells what it does. Ends with an error that waiting does not mend. */
fun Vault.watching(): Flow<WatchEvent> = channelFlow {
    val events = object : WatchObserver {
        override fun onEvent(event: WatchEvent) {
            trySend(event)
        }
    }
    cancellable { cancel -> watch(cancel, events) }
}

/** How far a long call is, and what it answered. */
sealed interface Step<out T> {
    /** It is this far. */
    data class Doing(val progress: CallProgress) : Step<Nothing>

    /** It is done. */
    data class Done<T>(val result: T) : Step<T>
}

/** A long call as a flow: its progress, then its answer. Cancelling the collection stops the work. */
fun <T> steps(call: suspend (Cancel, ProgressObserver) -> T): Flow<Step<T>> = channelFlow {
    // CallProgress may come a moment after the answer; it goes nowhere then.
    val observer = object : ProgressObserver {
        override fun onProgress(progress: CallProgress) {
            trySend(Step.Doing(progress))
        }
    }
    send(Step.Done(cancellable { cancel -> call(cancel, observer) }))
}
