// Code of the app that does not behave: the library answers with an error that says what to do, loses nothing, and lets no
// health data out.

import health.carnet.*
import java.io.File
import java.time.Duration
import kotlin.test.*
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext

/** A key store of which one answer can be replaced. */
class Replaced(private val honest: KeyStore, private val unwrap: (ByteArray) -> ByteArray) : KeyStore by honest {
    override fun unwrap(wrapped: ByteArray) = unwrap.invoke(wrapped)
}

class HostileTest {
    private val failures: List<Pair<String, (ByteArray) -> ByteArray>> = listOf(
        "throws" to { _ -> throw IllegalStateException(CANARY) },
        "raises an Error" to { _ -> throw NotImplementedError(CANARY) },
        "raises an OutOfMemoryError" to { _ -> throw OutOfMemoryError(CANARY) },
        "answers with nothing" to { _ -> ByteArray(0) },
        "answers with a megabyte" to { _ -> ByteArray(1 shl 20) },
        "says that it failed" to { _ -> throw HostException.Failed() },
    )

    @Test
    fun `a key store that fails in any way is HostFailed and loses nothing`() = runBlocking {
        inFolder { folder ->
            val (vault, record) = newVault(folder)
            vault.importFiles(record, listOf(laboratory(folder).path), null, null)
            vault.destroy()
            for ((what, unwrap) in failures) {
                val keys = Replaced(FileKeyStore(File(folder, "keys")), unwrap)
                val error = assertFailsWith<VaultException.HostFailed>(what) {
                    Vault.open(File(folder, "vault").path, keys, null)
                }
                assertFalse(error.toString().contains(CANARY), what)
            }
            assertEquals(2, openVault(folder).list(everything).size)
        }
    }

    @Test
    fun `a wrong key is WrongKey`() = runBlocking {
        inFolder { folder ->
            newVault(folder).first.destroy()
            val keys = Replaced(FileKeyStore(File(folder, "keys"))) { ByteArray(32) { 1 } }
            assertFailsWith<VaultException.WrongKey> { Vault.open(File(folder, "vault").path, keys, null) }
            openVault(folder)
            Unit
        }
    }

    @Test
    fun `a background window before the first unlock ends in Locked at once`() = runBlocking {
        inFolder { folder ->
            val (vault, record) = newVault(folder)
            vault.importFiles(record, listOf(laboratory(folder).path), null, null)
            vault.destroy()
            val window = Duration.ofSeconds(25)
            val keys = Replaced(FileKeyStore(File(folder, "keys"))) { throw HostException.Locked() }
            val began = System.nanoTime()
            assertFailsWith<VaultException.Locked> {
                Vault.open(File(folder, "vault").path, keys, null).syncBackground(window, null)
            }
            assertTrue(System.nanoTime() - began < 1_000_000_000, "it waited")
            assertEquals(2, openVault(folder).list(everything).size)
        }
    }

    @Test
    fun `a locked vault answers Locked and opens again`() = runBlocking {
        inFolder { folder ->
            val (vault, _) = newVault(folder)
            vault.lock()
            assertTrue(vault.isLocked())
            assertFailsWith<VaultException.Locked> { vault.list(everything) }
            vault.unlock()
            assertEquals(0, vault.list(everything).size)
        }
    }

    @Test
    fun `observers that throw or raise do not stop an import`() = runBlocking {
        inFolder { folder ->
            val (vault, record) = newVault(folder)
            val observers = listOf<() -> Unit>(
                { throw IllegalStateException(CANARY) },
                { throw NotImplementedError(CANARY) },
                { Thread.sleep(3_600_000) },
                { runBlocking { vault.list(everything) } },
            )
            observers.forEachIndexed { number, behave ->
                val report = vault.importFiles(
                    record, listOf(heartRates(folder, 50, number * 50).path), null,
                    object : ProgressObserver {
                        override fun onProgress(progress: CallProgress) = behave()
                    },
                )
                assertEquals(50UL, report.files.single().new)
            }
        }
    }

    @Test
    fun `what is no id, no date and no path is an error without its text`() = runBlocking {
        inFolder { folder ->
            val (vault, record) = newVault(folder)
            val errors = listOf<suspend () -> Unit>(
                { vault.detail(CANARY) },
                { vault.annotate("0".repeat(32), CANARY) },
                { vault.correct("0".repeat(32), CANARY, CANARY) },
                { vault.importFiles(record, listOf("/$CANARY"), null, null) },
                { vault.addPerson("Zoé", CANARY) },
                { vault.pair(CANARY) },
                { vault.acceptInvitation(CANARY, CANARY, null, null) },
                { vault.sync("http://$CANARY", Duration.ofSeconds(5), null, null) },
                { vault.search(CANARY, Filter(from = CANARY)) },
                { vault.finishTransfer(CANARY, null) },
            )
            val seen = errors.mapNotNull { runCatching { it() }.exceptionOrNull() }
            assertTrue(seen.size >= 9, "${seen.size} errors")
            for (error in seen) {
                assertIs<VaultException>(error)
                assertFalse(error.stackTraceToString().contains(CANARY), error::class.toString())
            }
        }
    }

    @Test
    fun `a network of the app is used, and where it fails nothing is exchanged`() = runBlocking {
        inFolder { folder ->
            val failing = listOf<(HttpReply) -> Unit>(
                { throw IllegalStateException(CANARY) },
                { throw NotImplementedError(CANARY) },
                { it.fail(HostException.Offline()) },
                { it.complete(200U, listOf(), CANARY.toByteArray()) },
            )
            failing.forEachIndexed { number, behave ->
                val network = object : Transport {
                    override fun send(request: TransportRequest, reply: HttpReply) = behave(reply)
                }
                val keys = FileKeyStore(File(folder, "keys-$number"))
                val vault = Vault.create(File(folder, "v$number").path, keys, network, "phone", "Léa", null)
                val outcome = runCatching { vault.sync("http://relay.example", Duration.ofSeconds(2), null, null) }
                // An Error that JNA swallows is an answer that never comes: the deadline ends it.
                outcome.onSuccess { assertFalse(it.complete) }
                outcome.onFailure {
                    assertIs<VaultException>(it)
                    assertFalse(it.toString().contains(CANARY))
                }
            }
        }
    }

    @Test
    fun `fifty threads use one vault`() = runBlocking {
        inFolder { folder ->
            val (vault, record) = newVault(folder)
            vault.importFiles(record, listOf(heartRates(folder, 50).path), null, null)
            withContext(Dispatchers.IO.limitedParallelism(50)) {
                vault.list(everything).map { row ->
                    async {
                        vault.annotate(row.id, "vu")
                        vault.detail(row.id)
                    }
                }.awaitAll()
            }
            assertEquals(50UL, vault.stats(record).notes)
        }
    }

    @Test
    fun `a thousand openings and closings leave nothing behind`() = runBlocking {
        inFolder { folder ->
            newVault(folder).first.destroy()
            repeat(100) { openVault(folder).destroy() }
            val before = Held.now()
            repeat(1_000) { openVault(folder).destroy() }
            val after = Held.now()
            println("1,000 openings: ${before} -> ${after}")
            assertTrue(after.files <= before.files + 8, "open files: $before, $after")
            assertTrue(after.threads <= before.threads + 8, "threads: $before, $after")
            assertTrue(after.kilobytes <= before.kilobytes + 32 * 1024, "memory: $before, $after")
        }
    }
}

/** What this process holds of the system. */
data class Held(val files: Int, val threads: Int, val kilobytes: Int) {
    companion object {
        fun now(): Held {
            System.gc()
            Thread.sleep(500)
            val status = File("/proc/self/status").readLines().associate { it.substringBefore(':') to it.substringAfter(':') }
            fun number(key: String) = status.getValue(key).filter { it.isDigit() }.toInt()
            return Held(File("/proc/self/fd").list()!!.size, number("Threads"), number("VmRSS"))
        }
    }
}
