package health.carnet.android

import health.carnet.Cancel
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.withContext

/**
 * Runs a long call of the vault so that cancelling the coroutine stops the work: the call is told, and this returns when it has
 * ended (a quarter of a second at most), holding no lock. The bare calls behave otherwise: a cancelled coroutine only stops
 * waiting for them.
 */
suspend fun <T> cancellable(call: suspend (Cancel) -> T): T = Cancel().use { cancel ->
    coroutineScope {
        val work = async(NonCancellable) { runCatching { call(cancel) } }
        try {
            work.await()
        } catch (stopped: CancellationException) {
            cancel.cancel()
            withContext(NonCancellable) { work.join() }
            throw stopped
        }
    }.getOrThrow()
}
