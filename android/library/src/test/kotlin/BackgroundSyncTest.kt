package health.carnet.android

import health.carnet.HostException
import health.carnet.SyncReport
import health.carnet.VaultException
import javax.crypto.AEADBadTagException
import kotlin.test.*
import kotlinx.coroutines.CancellationException

class BackgroundSyncTest {
    private fun report(complete: Boolean) =
        SyncReport(0UL, 0UL, 0UL, 0UL, 0UL, 0UL, 0UL, complete, listOf(), listOf())

    @Test
    fun `another window is asked for where it helps, and only there`() {
        val helps = listOf(
            Result.success(report(false)),
            Result.failure(VaultException.Locked("")),
            Result.failure(VaultException.Offline("")),
            Result.failure(VaultException.RelayFull("")),
            Result.failure(CancellationException()),
        )
        val helpsNot = listOf(
            Result.success(report(true)),
            Result.failure(VaultException.RelayRefused("")),
            Result.failure(VaultException.HostFailed("")),
            Result.failure(VaultException.NewerVersion("")),
            Result.failure(IllegalStateException()),
        )
        assertTrue(helps.all { BackgroundSync.again(it) })
        assertTrue(helpsNot.none { BackgroundSync.again(it) })
    }

    @Test
    fun `a failure of the Keystore is named and its text dropped`() {
        assertIs<HostException.WrongKey>(hostException(AEADBadTagException("alias")))
        assertIs<HostException.Failed>(hostException(OutOfMemoryError("alias")))
        assertIs<HostException.KeyLost>(hostException(HostException.KeyLost()))
        assertFalse(hostException(IllegalStateException("alias")).toString().contains("alias"))
    }
}
