package health.carnet.android

import android.content.Context
import health.carnet.Transport
import health.carnet.Vault
import java.io.File
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/**
 * The app's vault, opened once for the whole process: the screen and the background job share it. Its folder is one that Android
 * neither backs up nor moves to another phone: a copy would be of no use there, and a lure.
 */
object Vaults {
    private val mutex = Mutex()
    private var vault: Vault? = null

    /** Whether this phone has a vault. */
    fun exists(context: Context): Boolean = File(folder(context), "vault.key").exists()

    /** The vault, opened if it is not. `Locked` before the first unlock since the phone was started. */
    suspend fun open(context: Context, network: Transport? = null): Vault = once {
        Vault.open(folder(context).path, KeystoreKeys(context), network)
    }

    /** Makes the vault of this phone. */
    suspend fun create(context: Context, deviceName: String, person: String, birthDate: String? = null): Vault = once {
        Vault.create(folder(context).path, KeystoreKeys(context), null, deviceName, person, birthDate)
    }

    /** Forgets the keys of the vault, if it is open; the next [open] asks the Keystore again. */
    suspend fun lock() = mutex.withLock {
        val open = vault
        vault = null
        open?.lock()
        open?.destroy()
    }

    private suspend fun once(open: suspend () -> Vault): Vault = mutex.withLock { vault ?: open().also { vault = it } }

    private fun folder(context: Context) = File(context.noBackupFilesDir, "carnet")
}
