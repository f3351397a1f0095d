// The README's example. It begins below; a test of the house compares the two.

import health.carnet.*
import java.io.File
import java.time.Duration
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlinx.coroutines.runBlocking

// A vault guarded by the phone's key store; a record; what a laboratory sent; a sync that ends in time.
suspend fun example(folder: String, keys: KeyStore, file: String, relay: String): List<ListRow> {
    val vault = Vault.create(folder, keys, null, "Pixel", "Léa Martin", "1990")
    val record = vault.persons().first().record
    vault.importFiles(record, listOf(file), null, null)

    val rows = vault.list(Filter(record = record, dated = true, limit = 50u))
    vault.annotate(rows.first().id, "à revoir avec le médecin")
    try {
        vault.sync(relay, Duration.ofSeconds(25), null, null)
    } catch (offline: VaultException.Offline) {
        // Nothing is lost: the next sync sends it.
    }
    return rows
}

class ExampleTest {
    @Test
    fun `the example of the README runs`() = runBlocking {
        inFolder { folder ->
            Relay(File(folder, "relay")).use { relay ->
                val keys = FileKeyStore(File(folder, "keys"))
                val rows = example(File(folder, "vault").path, keys, laboratory(folder).path, relay.url)
                assertEquals(listOf("Observation"), rows.map { it.kind })
            }
        }
    }
}
