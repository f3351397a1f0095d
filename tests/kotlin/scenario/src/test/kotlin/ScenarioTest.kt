// One story through the generated Kotlin: two phones of one person, a second person, a relay between them.

import health.carnet.*
import java.io.File
import java.time.Duration
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import kotlin.test.*
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.runBlocking

class ScenarioTest {
    @Test
    fun `a record is imported, read, written about and handed over`() = runBlocking {
        inFolder { folder ->
            val (vault, record) = newVault(folder)
            val report = vault.importFiles(record, listOf(laboratory(folder).path), null, null)
            assertEquals(2UL, report.files.single().new)
            assertEquals(2UL, vault.importFiles(record, listOf(laboratory(folder).path), null, null).files.single().unchanged)

            val row = vault.list(Filter(kind = "Observation")).single()
            assertEquals("12.50" to "2026-02", row.value to row.`when`, "decimals and partial dates as written")
            assertEquals(row, vault.search("canari", everything).single())
            assertEquals(row.id, vault.find(row.id.take(8)))

            vault.annotate(row.id, "à revoir en mars")
            vault.correct(row.id, "value", "15")
            val edits = vault.editAll(listOf(NewEdit.Note(row.id, "fait"), NewEdit.Correction(row.id, "unit", "µg/L")))
            assertEquals(listOf(true, false), edits.map { it != null })
            val detail = vault.detail(row.id)
            assertEquals(listOf("à revoir en mars", "fait"), detail.notes.map { it.text })
            assertEquals("15" to true, detail.row.value to detail.row.corrected)
            assertTrue(detail.original.contains("12.50"), "the source stands beside the correction")
            assertEquals(listOf<Conflict>(), vault.conflicts())

            val out = File(folder, "export.json").path
            assertEquals(2UL, vault.exportFile(record, ExportFormat.FHIR, out))
            assertTrue(File(out).readText().contains(CANARY))
            assertFailsWith<VaultException.HostFailed> { vault.exportFile(record, ExportFormat.FHIR, out) }
            assertTrue(vault.verify(true).problems.isEmpty())
            vault.destroy()
        }
    }

    @Test
    fun `a document is kept and comes out byte for byte`() = runBlocking {
        inFolder { folder ->
            val (vault, record) = newVault(folder)
            val letter = File(folder, "lettre.pdf").apply { writeBytes("%PDF-1.4\n%lettre\n%%EOF\n".toByteArray()) }
            assertEquals(Fate.KEPT, vault.importFiles(record, listOf(letter.path), null, null).files.single().fate)
            val row = vault.documents(everything).single().row
            assertEquals(letter.length().toULong(), vault.documentOf(row.id)!!.size)
            val out = File(folder, "out.pdf")
            vault.documentFile(row.id, out.path)
            assertContentEquals(letter.readBytes(), out.readBytes())
        }
    }

    @Test
    fun `two phones of one person pair and sync both ways`() = runBlocking {
        inFolder { folder ->
            Relay(File(folder, "relay")).use { relay ->
                val (first, record) = newVault(File(folder, "a"))
                first.importFiles(record, listOf(laboratory(folder).path), null, null)
                first.sync(relay.url, null, null, null)

                val second = pair(first, File(folder, "b"), relay.url)
                second.sync(relay.url, null, null, null)
                assertEquals(first.list(everything).map { it.id }, second.list(everything).map { it.id })

                second.annotate(second.list(Filter(kind = "Observation")).single().id, "vu sur l'autre téléphone")
                second.syncBackground(Duration.ofSeconds(25), null)
                val report = first.syncBackground(Duration.ofSeconds(25), null)
                assertTrue(report.stored > 0UL)
                first.mergeInbox(null, null, null)
                assertEquals(1UL, first.stats(record).notes)
                assertEquals(2, first.devices().size)
                assertContentEquals(first.fingerprint(), second.fingerprint())
            }
        }
    }

    @Test
    fun `nobody is invited before there is a recovery kit`() = runBlocking {
        inFolder { folder ->
            Relay(File(folder, "relay")).use { relay ->
                val (vault, record) = newVault(folder)
                vault.sync(relay.url, null, null, null)
                assertFailsWith<VaultException.InvalidInput> { vault.invite(record, Access(MemberRole.READER), "Léa", null) }
                assertEquals(listOf(true), vault.members(record).map { it.`this` })
                assertFailsWith<VaultException.InvalidInput> { vault.removeMember("not an id", "not an id") }
            }
        }
    }

    @Test
    fun `a recovery kit is made, checked, opens the account on a blank phone, and is taken back`() = runBlocking {
        inFolder { folder ->
            Relay(File(folder, "relay")).use { relay ->
                val (vault, record) = newVault(File(folder, "a"))
                vault.importFiles(record, listOf(laboratory(folder).path), null, null)
                vault.sync(relay.url, null, null, null)
                val sheet = vault.makeKit("tiroir", null)
                vault.sync(null, null, null, null)
                val kit = vault.kits().single()
                assertEquals(Kit(sheet.kit, "tiroir", true), kit)
                for (text in listOf(sheet.french, sheet.english, sheet.code)) assertEquals(kit, vault.checkKit(text))
                assertFailsWith<VaultException.InvalidInput> { vault.checkKit("abaisser ".repeat(24)) }

                val blank = File(folder, "b")
                val keys = FileKeyStore(File(blank, "keys"))
                val again = Vault.recover(File(blank, "vault").path, keys, null, "new phone", sheet.french, relay.url, null, null)
                assertEquals(vault.list(everything).map { it.id }, again.list(everything).map { it.id })

                again.removeDevice(sheet.kit)
                again.sync(relay.url, null, null, null)
                val lost = again.lostDevices().single()
                assertEquals(sheet.kit to true, lost.id to lost.kit)
                assertTrue(lost.sent)
            }
        }
    }

    @Test
    fun `somebody else is invited and reads the record`() = runBlocking {
        inFolder { folder ->
            Relay(File(folder, "relay")).use { relay ->
                val (host, record) = newVault(File(folder, "a"))
                val (guest, _) = newVault(File(folder, "b"), "Denis Martin")
                host.importFiles(record, listOf(laboratory(folder).path), null, null)
                host.sync(relay.url, null, null, null)
                host.makeKit("tiroir", null)
                host.sync(null, null, null, null)
                val link = host.invite(record, Access(MemberRole.READER), "Léa", null)
                host.sync(null, null, null, null)
                val id = guest.acceptInvitation(link, "Denis", null, null)
                repeat(3) {
                    guest.sync(relay.url, null, null, null)
                    host.sync(relay.url, null, null, null)
                }
                assertEquals(host.invitations().single { it.id == id }.words, guest.invitations().single { it.id == id }.words)
                assertEquals(listOf("Léa", "Denis"), host.members(record).map { it.name })
                assertEquals("12.50", guest.list(Filter(record = record, kind = "Observation")).single().value)
            }
        }
    }

    @Test
    fun `a phone on the screen hears of news`() = runBlocking {
        inFolder { folder ->
            Relay(File(folder, "relay")).use { relay ->
                val (first, record) = newVault(File(folder, "a"))
                first.importFiles(record, listOf(laboratory(folder).path), null, null)
                first.sync(relay.url, null, null, null)
                val second = pair(first, File(folder, "b"), relay.url)
                second.sync(relay.url, null, null, null)

                val noted = CompletableFuture<Unit>()
                val subscription = second.subscribe(object : ChangesObserver {
                    override fun onChanges() {
                        if (runBlocking { second.stats(record).notes } == 1UL) noted.complete(Unit)
                    }
                })
                val cancel = Cancel()
                coroutineScope {
                    val watching = async {
                        second.watch(cancel, object : WatchObserver {
                            override fun onEvent(event: WatchEvent) = Unit
                        })
                    }
                    first.annotate(first.list(everything).first().id, "nouvelle")
                    first.sync(null, null, null, null)
                    noted.get(30, TimeUnit.SECONDS)
                    cancel.cancel()
                    watching.await()
                }
                subscription.stop()
            }
        }
    }

    private suspend fun pair(with: Vault, folder: File, relay: String): Vault = coroutineScope {
        val code = CompletableFuture<String>()
        val joining = async {
            Vault.join(
                File(folder, "vault").path, FileKeyStore(File(folder, "keys")), null, "second phone", relay,
                Duration.ofSeconds(30), object : JoinObserver {
                    override fun onCode(shown: String) {
                        code.complete(shown)
                    }
                },
            )
        }
        kotlinx.coroutines.yield()
        with.pair(code.get(30, TimeUnit.SECONDS))
        joining.await()
    }
}
