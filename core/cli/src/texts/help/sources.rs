//! Sources and pulls.

use super::words::*;
use super::{Help, text};
use crate::language::Text;

pub const HELP: Help = Help {
    about: ABOUT,
    after: AFTER,
    arguments: ARGUMENTS,
};

const SOURCE_NAME: Text = text(
    "Comment l'appeler ; le nom d'une source connue la reconnecte",
    "What to call it; the name of a known source connects it again",
);

const PORT: Text = text("PORT", "PORT");
const CLIENT_ID: Text = text(
    "Ce que la source appelle Carnet ; inutile si elle est ouverte",
    "What the source calls Carnet; not needed where it is open",
);
const CLIENT_SECRET: Text = text(
    "Lit le secret de l'application dans la première ligne d'un fichier",
    "Read the app's secret from the first line of a file",
);
const REDIRECT_PORT: Text = text(
    "Où le navigateur revient (sinon un port libre)",
    "Where the browser comes back (else a free port)",
);
const WAIT: Text = text(
    "Attend le navigateur au plus ce temps (10m)",
    "Wait for the browser at most this long (10m)",
);

#[rustfmt::skip]
const ABOUT: &[(&str, Text)] = &[
    ("source", text("D'où viennent des données : soignants, objets connectés", "Where data comes from: providers, connected objects")),
    ("source add", text("Connecte une source", "Connect a source")),
    ("source add smart", text("Connecte un serveur FHIR R4 (SMART on FHIR, Blue Button 2.0)", "Connect a FHIR R4 server (SMART on FHIR, Blue Button 2.0)")),
    ("source add withings", text("Connecte le nuage Withings, avec votre propre compte de développeur", "Connect the Withings cloud, with your own developer account")),
    ("source add nightscout", text("Ajoute un serveur Nightscout (capteur de glucose)", "Add a Nightscout server (glucose sensor)")),
    ("source list", text("Les sources de cet appareil, et ce qu'elles ont donné", "The sources of this device, and what they gave")),
    ("source remove", text("Oublie une source et sa connexion ; ce qui en est venu reste", "Forget a source and its connection; what came from it stays")),
    ("pull", text("Récolte ce qui est nouveau aux sources ; interrompu, reprend là où il en était", "Pull what is new from the sources; interrupted, it goes on where it was")),
];

#[rustfmt::skip]
const AFTER: &[(&str, Text)] = &[
    ("source", text(
        "Une connexion reste sur cet appareil, chiffrée ; ce qu'elle rapporte va sur tous.\n\nExemple :\n  $ carnet source add smart hopital https://fhir.hopital.exemple/r4 --client-id carnet",
        "A connection stays on this device, encrypted; what it brings goes to all.\n\nExample:\n  $ carnet source add smart hospital https://fhir.hospital.example/r4 --client-id carnet")),
    ("source add smart", text(
        "Le serveur attribue le client id à qui y enregistre une application ; y déclarer la redirection\nhttp://127.0.0.1:PORT/ (--port si elle doit être fixe).\n\nExemples :\n  $ carnet source add smart hopital https://fhir.hopital.exemple/r4 --client-id carnet\n  $ carnet source add smart medicare https://sandbox.bluebutton.cms.gov/v2/fhir --client-id ID --client-secret-file secret --port 8080\n  $ carnet source add smart essai http://127.0.0.1:8103/fhir --patient 17",
        "The server gives the client id to whoever registers an app there; declare the redirect\nhttp://127.0.0.1:PORT/ (--port where it must be fixed).\n\nExamples:\n  $ carnet source add smart hospital https://fhir.hospital.example/r4 --client-id carnet\n  $ carnet source add smart medicare https://sandbox.bluebutton.cms.gov/v2/fhir --client-id ID --client-secret-file secret --port 8080\n  $ carnet source add smart test http://127.0.0.1:8103/fhir --patient 17")),
    ("source add withings", text(
        "Withings demande un secret, qu'une application ouverte ne peut pas cacher : créer la vôtre sur developer.withings.com,\navec la redirection http://127.0.0.1:PORT/. Essayé sur des réponses enregistrées, pas sur le nuage lui-même.\n\nExemple :\n  $ carnet source add withings balance --client-id ID --client-secret-file secret --port 8080",
        "Withings wants a secret, which an open app cannot keep: make your own at developer.withings.com,\nwith the redirect http://127.0.0.1:PORT/. Tried on recorded answers, not on the cloud itself.\n\nExample:\n  $ carnet source add withings scale --client-id ID --client-secret-file secret --port 8080")),
    ("source add nightscout", text(
        "Le secret est l'API_SECRET du serveur ; il n'est jamais mis dans une adresse.\n\nExemple :\n  $ carnet source add nightscout capteur https://cgm.exemple.fr --secret-file secret",
        "The secret is the server's API_SECRET; it is never put into an address.\n\nExample:\n  $ carnet source add nightscout sensor https://cgm.example.org --secret-file secret")),
    ("pull", text(
        "Pour chaque genre : complet, en partie, refusé, ou absent de la source. Ce qui disparaît là-bas reste ici, marqué.\n\nExemples :\n  $ carnet pull\n  $ carnet pull --all --deadline 25s\n  $ carnet pull hopital --whole --json",
        "For each kind: complete, in part, refused, or not at the source. What vanishes there stays here, marked.\n\nExamples:\n  $ carnet pull\n  $ carnet pull --all --deadline 25s\n  $ carnet pull hospital --whole --json")),
];

#[rustfmt::skip]
const ARGUMENTS: &[(&str, Text, Text)] = &[
    ("source add smart:name", PERSON, SOURCE_NAME),
    ("source add smart:url", URL, text("L'adresse FHIR du serveur", "The server's FHIR address")),
    ("source add smart:client_id", ID, CLIENT_ID),
    ("source add smart:client_secret_file", FILE, CLIENT_SECRET),
    ("source add smart:port", PORT, REDIRECT_PORT),
    ("source add smart:wait", DURATION, WAIT),
    ("source add smart:patient", ID, text("L'identifiant du patient là-bas, si la connexion ne le dit pas", "The patient's id there, where the sign-in does not say it")),
    ("source add smart:person", PERSON, WHOSE),
    ("source add smart:tls_root", FILE, TLS_ROOT),
    ("source add withings:name", PERSON, SOURCE_NAME),
    ("source add withings:url", URL, text("Une autre adresse que celle de Withings", "Another address than that of Withings")),
    ("source add withings:client_id", ID, CLIENT_ID),
    ("source add withings:client_secret_file", FILE, CLIENT_SECRET),
    ("source add withings:port", PORT, REDIRECT_PORT),
    ("source add withings:wait", DURATION, WAIT),
    ("source add withings:person", PERSON, WHOSE),
    ("source add withings:tls_root", FILE, TLS_ROOT),
    ("source add nightscout:name", PERSON, SOURCE_NAME),
    ("source add nightscout:url", URL, text("L'adresse du serveur", "The server's address")),
    ("source add nightscout:secret_file", FILE, text("Lit l'API_SECRET dans la première ligne d'un fichier", "Read the API_SECRET from the first line of a file")),
    ("source add nightscout:person", PERSON, WHOSE),
    ("source remove:name", PERSON, text("La source", "The source")),
    ("pull:source", PERSON, text("La source ; inutile s'il n'y en a qu'une", "The source; not needed when there is one")),
    ("pull:all", FLAG, text("Toutes les sources", "All sources")),
    ("pull:whole", FLAG, text("Relit tout, pas seulement ce qui a changé", "Read everything again, not only what changed")),
    ("pull:deadline", DURATION, text("S'arrête au bout de ce temps : 25s, 2m", "Stop after this long: 25s, 2m")),
    ("pull:tls_root", FILE, TLS_ROOT),
];
