package health.carnet.app

import android.app.Activity
import android.os.Build
import android.os.Bundle
import android.view.WindowManager
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.ListView
import android.widget.TextView
import health.carnet.Filter
import health.carnet.Vault
import health.carnet.android.BackgroundSync
import health.carnet.android.Vaults
import health.carnet.android.cancellable
import health.carnet.android.changes
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/** The sample's one screen: begins a record, shows its timeline, and syncs with a relay. */
class TimelineActivity : Activity() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Main)
    private var onScreen: Job? = null
    private lateinit var column: LinearLayout
    private lateinit var status: TextView

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        // No picture of the record in the list of recent apps.
        window.addFlags(WindowManager.LayoutParams.FLAG_SECURE)
        column = LinearLayout(this).apply { orientation = LinearLayout.VERTICAL }
        status = TextView(this)
        setContentView(column)
    }

    override fun onStart() {
        super.onStart()
        onScreen = attempt { if (Vaults.exists(this)) timeline(Vaults.open(this)) else welcome() }
    }

    override fun onStop() {
        onScreen?.cancel()
        super.onStop()
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    private fun welcome() {
        val name = field(Words.NAME)
        val begin = button(Words.BEGIN) {
            val person = name.text.toString()
            val vault = Vaults.create(this, "${Build.MANUFACTURER} ${Build.MODEL}", person)
            BackgroundSync.schedule(this, job = 1)
            onScreen = attempt { timeline(vault) }
        }
        show(name, begin, status)
    }

    private suspend fun timeline(vault: Vault) {
        val lines = ArrayAdapter<String>(this, android.R.layout.simple_list_item_1)
        val list = ListView(this).apply { adapter = lines }
        val relay = field(Words.RELAY).apply { setText(vault.relays().firstOrNull().orEmpty()) }
        val sync = button(Words.SYNC) {
            val named = relay.text.toString().trim().ifEmpty { null }
            val report = cancellable { cancel -> vault.sync(named, null, cancel, null) }
            status.text = Words.about(report).pick()
        }
        show(relay, sync, status, list)
        vault.mergeInbox(null, null, null)
        vault.changes().collect {
            val rows = vault.list(Filter(dated = true, limit = PAGE))
            lines.clear()
            lines.addAll(rows.map { row -> "${row.`when`.orEmpty()}  ${line(row)}" })
            if (rows.isEmpty()) status.text = Words.EMPTY.pick()
        }
    }

    private fun field(hint: Words) = EditText(this).apply { this.hint = hint.pick() }

    private fun button(words: Words, press: suspend () -> Unit) = Button(this).apply {
        text = words.pick()
        setOnClickListener { attempt { press() } }
    }

    private fun show(vararg views: android.view.View) {
        column.removeAllViews()
        views.forEach(column::addView)
    }

    private fun attempt(work: suspend () -> Unit): Job = scope.launch {
        try {
            work()
        } catch (ended: CancellationException) {
            throw ended
        } catch (failure: Exception) {
            status.text = Words.about(failure).pick()
        }
    }

    private companion object {
        const val PAGE = 200u
    }
}
