//! What is said of documents.

super::texts! {
    H_SIZE: "Taille", "Size";
    UNTITLED: "document sans titre", "untitled document";
    ORIGINAL_LABEL: "Original", "Original";
    ORIGINAL: "{0}, {1} : carnet attachment {2} FICHIER", "{0}, {1}: carnet attachment {2} FILE";
    ORIGINAL_ELSEWHERE: "{0}, {1}, pas encore sur cet appareil : synchroniser ({2})", "{0}, {1}, not on this device yet: sync ({2})";
    WRITTEN: "{0} : {1}, tel que reçu", "{0}: {1}, as it came";
}
