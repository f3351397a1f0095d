package health.carnet.android

import android.app.job.JobInfo
import android.app.job.JobParameters
import android.app.job.JobScheduler
import android.app.job.JobService
import android.content.ComponentName
import android.content.Context
import health.carnet.SyncReport
import health.carnet.VaultException
import java.time.Duration
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/**
 * Syncs in a window that Android gives: pushes what is sealed and stores what comes; the app merges it when it is opened. Declare
 * it in the manifest with `android.permission.BIND_JOB_SERVICE` and call [schedule] once.
 *
 * Android may end a window at any time ([onStopJob]): the sync is cancelled, holds no lock a quarter of a second later, and the
 * next window goes on where it was. Nothing is shown and nothing is logged.
 */
class BackgroundSync : JobService() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private var running: Job? = null

    override fun onStartJob(parameters: JobParameters): Boolean {
        running = scope.launch {
            val again = again(runCatching { sync() })
            jobFinished(parameters, again)
        }
        return true
    }

    override fun onStopJob(parameters: JobParameters): Boolean {
        running?.cancel()
        return true
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    private suspend fun sync(): SyncReport {
        val vault = Vaults.open(this)
        return cancellable { cancel -> vault.syncBackground(WINDOW, cancel) }
    }

    companion object {
        /** Less than the ten minutes Android gives: the rest is for the last step. */
        val WINDOW: Duration = Duration.ofMinutes(9)

        /** Asks Android for a window about every `period`, when there is a network. */
        fun schedule(context: Context, job: Int, period: Duration = Duration.ofHours(1)) {
            val info = JobInfo.Builder(job, ComponentName(context, BackgroundSync::class.java))
                .setRequiredNetworkType(JobInfo.NETWORK_TYPE_ANY)
                .setPeriodic(period.toMillis())
                .setPersisted(true)
                .build()
            checkNotNull(context.getSystemService(JobScheduler::class.java)).schedule(info)
        }

        /** Whether another window soon would help: not where only the person or an update can mend it. */
        internal fun again(outcome: Result<SyncReport>): Boolean = when (val failure = outcome.exceptionOrNull()) {
            null -> !outcome.getOrThrow().complete
            is VaultException.Locked, is VaultException.Offline, is VaultException.RelayFull, is VaultException.Cancelled -> true
            is VaultException -> false
            else -> failure is kotlinx.coroutines.CancellationException
        }
    }
}
