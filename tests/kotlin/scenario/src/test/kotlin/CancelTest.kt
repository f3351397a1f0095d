// Cancelling at any moment: the call returns at once, holds no lock, and has lost nothing.

import health.carnet.*
import java.io.File
import java.time.Duration
import kotlin.random.Random
import kotlin.test.*
import kotlin.time.Duration.Companion.nanoseconds
import kotlinx.coroutines.*

class CancelTest {
    @Test
    fun `a sync cancelled at a hundred moments returns within a quarter of a second and loses nothing`() = runBlocking {
        inFolder { folder ->
            Relay(File(folder, "relay")).use { relay ->
                val chance = Random(20_261_130)
                val (vault, record) = newVault(folder)
                // A second opening of the same vault, as a background worker's process has it.
                val worker = openVault(folder)
                val late = mutableListOf<Long>()
                val blocked = mutableListOf<Long>()
                var cancelled = 0
                val moments = usualSync(vault, record, folder, relay.url)
                repeat(100) { round ->
                    vault.importFiles(record, listOf(heartRates(folder, 20, round * 20).path), null, null)
                    val cancel = Cancel()
                    val began = async(Dispatchers.IO) {
                        runCatching { vault.sync(relay.url, null, cancel, null) }
                    }
                    delay(chance.nextLong(0, moments).nanoseconds)
                    val asked = System.nanoTime()
                    cancel.cancel()
                    val failure = began.await().exceptionOrNull()
                    late += (System.nanoTime() - asked) / 1_000_000
                    if (failure != null) assertIs<VaultException.Cancelled>(failure)
                    if (failure != null) cancelled++
                    val wrote = System.nanoTime()
                    worker.annotate(worker.list(Filter(limit = 1U)).single().id, "n° $round")
                    blocked += (System.nanoTime() - wrote) / 1_000_000
                }
                println("cancelled $cancelled of 100 syncs; returned after at most ${late.max()} ms; another opening wrote within ${blocked.max()} ms")
                assertTrue(late.max() <= 250, "late: $late")
                assertTrue(cancelled >= 20, "only $cancelled were under way")
                vault.sync(relay.url, null, null, null)
                assertEquals(2_200UL to 100UL, vault.stats(record).let { it.versions to it.notes })
                assertEquals(0UL, vault.stats(record).unsent)
                assertTrue(vault.verify(true).problems.isEmpty())
            }
        }
    }

    @Test
    fun `an import is cancelled and goes on where it was`() = runBlocking {
        inFolder { folder ->
            val (vault, record) = newVault(folder)
            val file = heartRates(folder, 20_000).path
            val cancel = Cancel()
            val importing = async(Dispatchers.IO) { runCatching { vault.importFiles(record, listOf(file), cancel, null) } }
            delay(300)
            cancel.cancel()
            val failure = importing.await().exceptionOrNull()
            if (failure != null) assertIs<VaultException.Cancelled>(failure)
            vault.importFiles(record, listOf(file), null, null)
            assertEquals(20_000UL, vault.stats(record).versions)
        }
    }

    @Test
    fun `a coroutine that is cancelled loses the answer and not the work`() = runBlocking {
        inFolder { folder ->
            val (vault, record) = newVault(folder)
            val file = heartRates(folder, 2_000).path
            val importing = launch(Dispatchers.IO) { vault.importFiles(record, listOf(file), null, null) }
            delay(20)
            importing.cancelAndJoin()
            withTimeout(30_000) { while (vault.stats(record).versions < 2_000UL) delay(50) }
        }
    }

    @Test
    fun `a deadline ends a sync with a relay that does not answer`() = runBlocking {
        inFolder { folder ->
            java.net.ServerSocket(0).use { silent ->
                val (vault, _) = newVault(folder)
                val began = System.nanoTime()
                val ended = runCatching { vault.sync("http://127.0.0.1:${silent.localPort}", Duration.ofSeconds(1), null, null) }
                val took = (System.nanoTime() - began) / 1_000_000
                assertTrue(took in 900..1_400, "$took ms")
                ended.exceptionOrNull()?.let { assertIs<VaultException>(it) }
            }
        }
    }

    /** How many nanoseconds a sync of one round takes here, the shortest of ten: a moment beyond it would cancel nothing. The first
     *  sync is not usual, it registers the account. */
    private suspend fun usualSync(vault: Vault, record: RecordId, folder: File, relay: String): Long {
        vault.sync(relay, null, null, null)
        return (100 until 110).minOf { round ->
            vault.importFiles(record, listOf(heartRates(folder, 20, round * 20).path), null, null)
            val began = System.nanoTime()
            vault.sync(relay, null, null, null)
            System.nanoTime() - began
        }
    }
}
