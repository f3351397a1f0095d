// What the tests share: a relay, a key store on files, samples, a folder that goes away.

import health.carnet.*
import java.io.File
import java.nio.file.Files
import java.util.concurrent.TimeUnit
import kotlin.experimental.xor
import kotlin.random.Random

/** The programs and the library under test; `tests/kotlin/run` says where. */
val programs = File(System.getProperty("carnet.programs") ?: "target/debug")

/** A relay of its own on a free port; ends with the test. */
class Relay(folder: File) : AutoCloseable {
    private val process: Process
    val url: String

    init {
        val program = File(programs, "carnet-relay").path
        val unlimited = listOf("--session-rate", "--network-rate", "--registration-rate").flatMap { listOf(it, "0") }
        val command = listOf(program, "--data", folder.path, "--listen", "127.0.0.1:0") + unlimited
        process = ProcessBuilder(command).redirectErrorStream(true).start()
        val said = process.inputStream.bufferedReader()
        url = generateSequence { said.readLine() }.firstNotNullOf { Regex("http://\\S+").find(it)?.value }
        Thread { said.forEachLine { } }.apply { isDaemon = true }.start()
    }

    override fun close() {
        process.destroy()
        process.waitFor(10, TimeUnit.SECONDS)
    }
}

/** What a phone's key store does, with a file in place of its hardware. */
class FileKeyStore(private val folder: File) : KeyStore {
    private val secret: ByteArray

    init {
        folder.mkdirs()
        val file = File(folder, "secret")
        if (!file.exists()) file.writeBytes(Random.nextBytes(32))
        secret = file.readBytes()
    }

    override fun wrap(key: ByteArray) = ByteArray(32) { key[it] xor secret[it] }

    override fun unwrap(wrapped: ByteArray) = wrap(wrapped)

    override fun loadAnchor(vault: String) = File(folder, vault).takeIf { it.exists() }?.readBytes()

    override fun storeAnchor(vault: String, anchor: ByteArray): ByteArray {
        val next = File(folder, "$vault.next")
        next.writeBytes(anchor)
        next.renameTo(File(folder, vault))
        return File(folder, vault).readBytes()
    }
}

/** Runs a test in a folder that goes away. */
suspend fun inFolder(test: suspend (File) -> Unit) {
    val folder = Files.createTempDirectory("carnet").toFile()
    try {
        test(folder)
    } finally {
        folder.deleteRecursively()
    }
}

/** A new vault in `folder`, and the record of its person. */
suspend fun newVault(folder: File, person: String = "Léa Martin"): Pair<Vault, RecordId> {
    val vault = Vault.create(File(folder, "vault").path, FileKeyStore(File(folder, "keys")), null, "phone", person, null)
    return vault to vault.persons().single().record
}

suspend fun openVault(folder: File) =
    Vault.open(File(folder, "vault").path, FileKeyStore(File(folder, "keys")), null)

/** A file of `count` heart rates, ids from `from` on. */
fun heartRates(folder: File, count: Int, from: Int = 0): File {
    val file = File(folder, "heart-$from-$count.ndjson")
    file.bufferedWriter().use { out ->
        for (number in from until from + count) {
            val minute = "2026-01-%02dT%02d:%02d:00+01:00".format(1 + number / 1440 % 28, number / 60 % 24, number % 60)
            out.appendLine(
                """{"resourceType":"Observation","id":"hr-$number","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}]},"effectiveDateTime":"$minute","valueQuantity":{"value":${60 + number % 40},"unit":"/min"}}""",
            )
        }
    }
    return file
}

/** A laboratory result whose text must never be in an exception. */
const val CANARY = "Ferritine-canari"

fun laboratory(folder: File): File {
    val file = File(folder, "bilan.json")
    file.writeText(
        """{"resourceType":"Bundle","type":"collection","entry":[
        {"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"p","name":[{"family":"Martin","given":["Léa"]}]}},
        {"fullUrl":"urn:uuid:2","resource":{"resourceType":"Observation","id":"f","status":"final","subject":{"reference":"urn:uuid:1"},
         "code":{"coding":[{"system":"http://loinc.org","code":"2276-4","display":"$CANARY"}]},
         "effectiveDateTime":"2026-02","valueQuantity":{"value":12.50,"unit":"ng/mL"}}}]}""",
    )
    return file
}

val everything = Filter()
