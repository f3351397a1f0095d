package health.carnet.android

import java.security.GeneralSecurityException
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * Wraps a key with AES-256-GCM: `[1, nonce (12), ciphertext and tag]`. The nonce is the cipher's own random one: the Android
 * Keystore refuses one from outside.
 */
internal class Wrapping(private val key: () -> SecretKey) {
    fun wrap(plain: ByteArray): ByteArray {
        val cipher = Cipher.getInstance(ALGORITHM)
        cipher.init(Cipher.ENCRYPT_MODE, key())
        val sealed = cipher.doFinal(plain)
        return byteArrayOf(VERSION) + cipher.iv + sealed
    }

    fun unwrap(wrapped: ByteArray): ByteArray {
        if (wrapped.size < 1 + NONCE_BYTES + TAG_BITS / 8 || wrapped[0] != VERSION) throw GeneralSecurityException("not a wrapped key")
        val cipher = Cipher.getInstance(ALGORITHM)
        cipher.init(Cipher.DECRYPT_MODE, key(), GCMParameterSpec(TAG_BITS, wrapped, 1, NONCE_BYTES))
        return cipher.doFinal(wrapped, 1 + NONCE_BYTES, wrapped.size - 1 - NONCE_BYTES)
    }

    private companion object {
        const val ALGORITHM = "AES/GCM/NoPadding"
        const val NONCE_BYTES = 12
        const val TAG_BITS = 128
        const val VERSION: Byte = 1
    }
}
