package health.carnet.app

import health.carnet.ListRow
import health.carnet.SyncReport
import health.carnet.VaultException
import java.util.Locale

/** What the app says, in French and English. */
enum class Words(private val french: String, private val english: String) {
    EMPTY("Votre carnet est vide.", "Your record is empty."),
    SYNC("Synchroniser", "Sync"),
    SYNCED("À jour.", "Up to date."),
    SYNCED_IN_PART("La suite viendra à la prochaine synchronisation.", "The rest comes with the next sync."),
    NO_RELAY("Aucun relais : entrez son adresse.", "No relay: enter its address."),
    RELAY("Adresse du relais", "Address of the relay"),
    NAME("Votre nom", "Your name"),
    BEGIN("Créer mon carnet", "Begin my record"),
    LOCKED("Déverrouillez le téléphone, puis réessayez.", "Unlock the phone, then try again."),
    OFFLINE("Le relais est injoignable : réessayez plus tard.", "The relay cannot be reached: try again later."),
    DISK_FULL("Le téléphone est plein : libérez de la place.", "The phone is full: free some space."),
    KEY_LOST(
        "La clé de ce téléphone n'ouvre pas le carnet : retrouvez-le depuis un autre appareil.",
        "This phone's key does not open the record: recover it from another device.",
    ),
    UPDATE("Mettez l'application à jour.", "Update the app."),
    FAILED("Cela n'a pas marché : rien n'est perdu.", "That did not work: nothing is lost."),
    ;

    /** In the language of the phone; English where it is neither. */
    fun pick(locale: Locale = Locale.getDefault()): String = if (isFrench(locale)) french else english

    companion object {
        fun isFrench(locale: Locale) = locale.language == "fr"

        /** What to say about a failure, and never the failure's own text. */
        fun about(failure: Throwable): Words = when (failure) {
            is VaultException.Locked -> LOCKED
            is VaultException.WrongKey -> KEY_LOST
            is VaultException.Offline, is VaultException.RelayFull -> OFFLINE
            is VaultException.DiskFull -> DISK_FULL
            is VaultException.NewerVersion -> UPDATE
            is VaultException.NotFound -> NO_RELAY
            else -> FAILED
        }

        fun about(report: SyncReport): Words = if (report.complete) SYNCED else SYNCED_IN_PART
    }
}

/** A line of the timeline: name, value and unit as the source wrote them. Decimals of French read with a comma. */
fun line(row: ListRow, locale: Locale = Locale.getDefault()): String {
    val french = Words.isFrench(locale)
    val name = (if (french) row.displayFr else row.displayEn) ?: row.displayFr ?: row.displayEn ?: row.kind
    val value = row.value?.let { if (french) it.replace('.', ',') else it }
    return listOfNotNull(name, row.comparator, value, row.unit).joinToString(" ")
}
