package health.carnet.app

import health.carnet.RecordCategory
import health.carnet.ListRow
import health.carnet.VaultException
import java.util.Locale
import kotlin.test.*

class WordsTest {
    private val row = ListRow(
        id = "00", record = "00", kind = "Observation", category = RecordCategory.LABORATORY, documentCategory = null,
        system = null, code = null, displayFr = "Ferritine", displayEn = "Ferritin", `when` = "2026-02", value = "12.50",
        comparator = "<", unit = "ng/mL", status = null, source = "bilan.json", corrected = false, notes = 0u,
    )

    @Test
    fun `a line is in the language of the phone and the value as written`() {
        assertEquals("Ferritine < 12,50 ng/mL", line(row, Locale.FRANCE))
        assertEquals("Ferritin < 12.50 ng/mL", line(row, Locale.US))
        assertEquals("Ferritine 1,5", line(row.copy(displayEn = null, value = "1.5", comparator = null, unit = null), Locale.CANADA_FRENCH))
        assertEquals("Observation", line(row.copy(displayFr = null, displayEn = null, value = null, comparator = null, unit = null), Locale.US))
    }

    @Test
    fun `every failure has words and none says its own text`() {
        assertEquals(Words.LOCKED, Words.about(VaultException.Locked("x")))
        assertEquals(Words.FAILED, Words.about(IllegalStateException("x")))
        for (words in Words.entries) assertNotEquals(words.pick(Locale.FRANCE), words.pick(Locale.US))
    }
}
