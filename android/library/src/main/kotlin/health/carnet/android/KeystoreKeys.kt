package health.carnet.android

import android.content.Context
import android.os.Build
import android.os.UserManager
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import health.carnet.HostException
import health.carnet.KeyStore
import java.io.File
import javax.crypto.AEADBadTagException
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

/**
 * Guards the vault's key with a key of the Android Keystore, in StrongBox where the phone has one.
 *
 * The key asks for no fingerprint, because a background sync has nobody to ask; it never leaves the secure hardware, and is
 * usable once the phone was unlocked after it was started. Before that every call is `Locked`. A key that is gone (another lock
 * screen, a factory reset, a copy of the app's files on another phone) is `KeyLost`: the app offers recovery. No key is made
 * except for a new vault, and none is ever deleted here.
 */
class KeystoreKeys(context: Context, private val alias: String = "health.carnet.vault") : KeyStore {
    private val application = context.applicationContext
    private val anchors = Anchors(File(application.noBackupFilesDir, "carnet-anchors"))

    override fun wrap(key: ByteArray): ByteArray = lend { Wrapping { existing() ?: make() }.wrap(key) }

    override fun unwrap(wrapped: ByteArray): ByteArray = lend {
        Wrapping { existing() ?: throw HostException.KeyLost() }.unwrap(wrapped)
    }

    override fun loadAnchor(vault: String): ByteArray? = lend { anchors.load(vault) }

    override fun storeAnchor(vault: String, anchor: ByteArray): ByteArray = lend { anchors.store(vault, anchor) }

    /** `Throwable`, not `Exception`: an `Error` would reach the library as success (uniffi-rs #2903). */
    private fun <T> lend(work: () -> T): T {
        val users = application.getSystemService(UserManager::class.java)
        if (users != null && !users.isUserUnlocked) throw HostException.Locked()
        try {
            return work()
        } catch (failure: Throwable) {
            throw hostException(failure)
        }
    }

    private fun existing(): SecretKey? =
        java.security.KeyStore.getInstance(PROVIDER).apply { load(null) }.getKey(alias, null) as SecretKey?

    private fun make(): SecretKey {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) {
            try {
                return generate(strongBox = true)
            } catch (absent: StrongBoxUnavailableException) {
                // The secure environment of the processor is what this phone has.
            }
        }
        return generate(strongBox = false)
    }

    private fun generate(strongBox: Boolean): SecretKey {
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val spec = KeyGenParameterSpec.Builder(alias, purposes)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(256)
        if (strongBox) spec.setIsStrongBoxBacked(true)
        val generator = KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER)
        generator.init(spec.build())
        return generator.generateKey()
    }

    private companion object {
        const val PROVIDER = "AndroidKeyStore"
    }
}

/** What a failure of the Keystore means to the library. The failure itself goes no further: its text names keys. */
internal fun hostException(failure: Throwable): HostException = when (failure) {
    is HostException -> failure
    is KeyPermanentlyInvalidatedException -> HostException.KeyLost()
    is UserNotAuthenticatedException -> HostException.Locked()
    is AEADBadTagException -> HostException.WrongKey()
    else -> HostException.Failed()
}
