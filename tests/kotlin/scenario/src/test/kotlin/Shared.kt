// The Kotlin phone of the record that a Kotlin and a Swift phone share: lets the other in, writes, and holds the same at the end.
// `tests/phones` calls the steps of both sides in turn: `begin`, `pair`, `answer`, with a folder and a relay.

import health.carnet.*
import java.io.File
import kotlin.test.assertEquals
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

fun main(arguments: Array<String>) = runBlocking {
    val (step, folder, relay) = arguments
    Shared(File(folder), relay).step(step)
}

private class Shared(private val folder: File, private val relay: String) {
    suspend fun step(name: String) = when (name) {
        "begin" -> begin()
        "pair" -> pair()
        "answer" -> answer()
        else -> error("no step $name")
    }

    private suspend fun begin() {
        val (vault, record) = newVault(File(folder, "kotlin"))
        vault.importFiles(record, listOf(laboratory(folder).path), null, null)
        sync(vault)
    }

    /** The Swift phone shows its code meanwhile. */
    private suspend fun pair() {
        val vault = openVault(File(folder, "kotlin"))
        val code = File(folder, "code")
        withTimeout(60_000) { while (!code.exists()) delay(50) }
        vault.pair(code.readText())
        sync(vault)
    }

    private suspend fun answer() {
        val vault = openVault(File(folder, "kotlin"))
        sync(vault)
        val row = vault.list(Filter(kind = "Observation")).single()
        assertEquals(listOf("écrit en Swift"), vault.detail(row.id).notes.map { it.text })
        vault.annotate(row.id, "écrit en Kotlin")
        sync(vault)
        File(folder, "fingerprint").writeBytes(vault.fingerprint())
        println("Kotlin: holds what the Swift phone wrote")
    }

    private suspend fun sync(vault: Vault) {
        vault.sync(relay, null, null, null)
    }
}
