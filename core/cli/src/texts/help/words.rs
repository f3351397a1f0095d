//! Names of values, and what arguments that several commands share do.

use super::text;
use crate::language::Text;

pub const PERSON: Text = text("NOM", "NAME");
pub const FILE: Text = text("FICHIER", "FILE");
pub const FOLDER: Text = text("RÉPERTOIRE", "FOLDER");
pub const DATE: Text = text("DATE", "DATE");
pub const ID: Text = text("ID", "ID");
pub const COUNT: Text = text("N", "N");
pub const URL: Text = text("URL", "URL");
pub const ADDRESS: Text = text("ADRESSE", "ADDRESS");
pub const FLAG: Text = text("-", "-");
pub const CATEGORY: Text = text("CATÉGORIE", "CATEGORY");
pub const KIND: Text = text("GENRE", "KIND");
pub const DURATION: Text = text("DURÉE", "DURATION");

pub const WHOSE: Text = text(
    "De qui ; inutile s'il n'y a qu'une personne",
    "Whose; not needed when there is one person",
);
pub const OF_ONE: Text = text(
    "Une personne seulement ; sinon toutes",
    "One person only; all otherwise",
);
pub const MOST: Text = text(
    "Au plus tant de lignes (50 pour un tableau, toutes avec --json)",
    "At most so many rows (50 in a table, all with --json)",
);
pub const BORN: Text = text(
    "Date de naissance, entière ou non : 1984, 1984-03, 1984-03-12",
    "Date of birth, whole or not: 1984, 1984-03, 1984-03-12",
);
pub const DEVICE_NAME: Text = text(
    "Nom de cet appareil (sinon celui de la machine)",
    "Name of this device (else the machine's)",
);
pub const TLS_ROOT: Text = text(
    "Autorité de certification en plus, en PEM [CARNET_TLS_ROOT]",
    "One more certificate authority, PEM [CARNET_TLS_ROOT]",
);
pub const SOME_ID: Text = text(
    "Le début de l'identifiant : 4 chiffres ou plus",
    "The beginning of the id: 4 digits or more",
);
pub const SOME_KIND: Text = text(
    "Un genre : allergies, traitements, vaccins, résultats… ou un type FHIR",
    "A kind: allergies, treatments, vaccines, results… or a FHIR type",
);
pub const SOME_CATEGORY: Text = text("Une catégorie seulement", "One category only");
