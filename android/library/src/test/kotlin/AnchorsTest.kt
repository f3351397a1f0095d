package health.carnet.android

import java.nio.file.Files
import kotlin.test.*

class AnchorsTest {
    @Test
    fun `what was stored is what is loaded, and a name leads nowhere else`() {
        val folder = Files.createTempDirectory("anchors").toFile()
        try {
            val anchors = Anchors(folder.resolve("inner"))
            assertNull(anchors.load("ab"))
            assertContentEquals(byteArrayOf(1), anchors.store("ab", byteArrayOf(1)))
            assertContentEquals(byteArrayOf(2), anchors.store("ab", byteArrayOf(2)))
            assertContentEquals(byteArrayOf(2), anchors.load("ab"))
            for (name in listOf("", "../ab", "AB", "a/b", "ab.next")) {
                assertFailsWith<IllegalArgumentException> { anchors.store(name, byteArrayOf(3)) }
                assertFailsWith<IllegalArgumentException> { anchors.load(name) }
            }
        } finally {
            folder.deleteRecursively()
        }
    }
}
