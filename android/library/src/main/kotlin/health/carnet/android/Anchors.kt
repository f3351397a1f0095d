package health.carnet.android

import java.io.File
import java.io.FileOutputStream

/**
 * The vaults' anchors, one small file each, outside the vaults' folders: who puts an old copy of a vault back does not put
 * these back. They hold nothing secret.
 */
internal class Anchors(private val folder: File) {
    fun load(vault: String): ByteArray? = file(vault).takeIf { it.exists() }?.readBytes()

    /** Stores durably, whole or not at all, and returns what reading it again gives. */
    fun store(vault: String, anchor: ByteArray): ByteArray {
        val file = file(vault)
        folder.mkdirs()
        val next = File(folder, "$vault.next")
        FileOutputStream(next).use { out ->
            out.write(anchor)
            out.fd.sync()
        }
        check(next.renameTo(file)) { "the anchor could not be put in place" }
        return file.readBytes()
    }

    /** The name comes from the library; a name that is none must still not lead out of the folder. */
    private fun file(vault: String): File {
        require(vault.isNotEmpty() && vault.all { it in '0'..'9' || it in 'a'..'f' }) { "not the name of a vault" }
        return File(folder, vault)
    }
}
