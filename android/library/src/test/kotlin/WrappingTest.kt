package health.carnet.android

import java.security.GeneralSecurityException
import javax.crypto.AEADBadTagException
import javax.crypto.KeyGenerator
import kotlin.test.*

class WrappingTest {
    private fun key() = KeyGenerator.getInstance("AES").apply { init(256) }.generateKey()
    private val plain = ByteArray(32) { it.toByte() }

    @Test
    fun `what was wrapped is unwrapped by the same key only`() {
        val mine = key()
        val wrapping = Wrapping { mine }
        val wrapped = wrapping.wrap(plain)
        assertContentEquals(plain, wrapping.unwrap(wrapped))
        assertFalse(wrapped.contentEquals(wrapping.wrap(plain)), "a nonce of its own each time")
        val other = key()
        assertFailsWith<AEADBadTagException> { Wrapping { other }.unwrap(wrapped) }
    }

    @Test
    fun `a changed or shortened byte is noticed`() {
        val mine = key()
        val wrapping = Wrapping { mine }
        val wrapped = wrapping.wrap(plain)
        for (index in wrapped.indices) {
            val changed = wrapped.copyOf().also { it[index] = (it[index] + 1).toByte() }
            assertFailsWith<GeneralSecurityException> { wrapping.unwrap(changed) }
            assertFailsWith<GeneralSecurityException> { wrapping.unwrap(wrapped.copyOf(index)) }
        }
    }
}
