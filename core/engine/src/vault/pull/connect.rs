//! Connecting a source: finding out what it offers, sending the person to its sign-in, taking what their browser brings back.
//!
//! Between the two the app may be gone for minutes, or killed: the question stands in the vault, and the answer finds it by its
//! `state`. A source that is connected already keeps its tokens until the new ones are there.

use super::settings::{Secrets, Settings};
use super::types::{NightscoutServer, SignIn, SmartServer, WithingsCloud};
use super::{kind, manner};
use crate::error::{Error, Result};
use crate::host::Transport;
use crate::pull::address::check_base;
use crate::pull::nightscout::secret_header;
use crate::pull::oauth::{self, Client, Granted, Pending, Tokens};
use crate::pull::session::{open_request, token_request};
use crate::pull::smart::{Discovery, Offer};
use crate::pull::withings;
use crate::seal;
use crate::store::{self, SourceRow};
use crate::vault::keyring::{self, GENERAL};
use crate::vault::open::Unlocked;
use carnet_wire::RecordId;

/// Longest name of a source, in characters.
const MAX_NAME: usize = 100;
/// Most sources of one vault.
const MAX_SOURCES: usize = 100;
/// The kind of a FHIR server in its row.
pub const SMART: &str = "smart";
/// That of the Withings cloud.
pub const WITHINGS: &str = "withings";
/// That of a Nightscout server.
pub const NIGHTSCOUT: &str = "nightscout";

/// Connects a FHIR server: to its sign-in, or at once where it is open.
pub fn connect_smart(
    open: &Unlocked,
    transport: &dyn Transport,
    record: RecordId,
    server: &SmartServer,
) -> Result<SignIn> {
    let address = check_base(&server.address)?;
    let offer = discover(transport, &address)?;
    let settings = Settings {
        address,
        subject: server.patient.clone(),
        endpoints: offer.endpoints.clone(),
        scope: offer.scope.clone(),
        ..Settings::default()
    };
    match offer.endpoints {
        Some(_) => {
            let question = Question {
                record,
                name: &server.name,
                kind: SMART,
                settings,
                client_id: server.client_id.as_deref(),
                client_secret: server.client_secret.as_deref(),
                redirect: &server.redirect,
            };
            ask_person(open, &question)
        }
        None => connect_open(open, record, server, settings),
    }
}

fn discover(transport: &dyn Transport, address: &str) -> Result<Offer> {
    let mut discovery = Discovery::new(address);
    loop {
        let answer = transport
            .send(open_request(discovery.ask()))
            .map_err(source_error)?;
        if let Some(offer) = discovery.answer(answer.status, &answer.body)? {
            return Ok(offer);
        }
    }
}

/// A source's silence is not the relay's.
fn source_error(error: crate::host::HostError) -> Error {
    match error {
        crate::host::HostError::Cancelled => Error::Cancelled,
        _ => Error::Source("the source does not answer: check its address and the network"),
    }
}

fn connect_open(
    open: &Unlocked,
    record: RecordId,
    server: &SmartServer,
    settings: Settings,
) -> Result<SignIn> {
    if !settings.subject.as_deref().is_some_and(is_id) {
        return Err(Error::Invalid(
            "this server asks for no sign-in: say which patient of it is meant",
        ));
    }
    open.write(|tx| {
        let source = ensure_source(tx, record, &server.name, SMART, &settings)?;
        Secrets::default().write(tx, &open.database_key, source.number)
    })?;
    Ok(SignIn { url: None })
}

/// A sign-in about to begin.
struct Question<'a> {
    record: RecordId,
    name: &'a str,
    kind: &'static str,
    settings: Settings,
    client_id: Option<&'a str>,
    client_secret: Option<&'a str>,
    redirect: &'a str,
}

fn ask_person(open: &Unlocked, question: &Question<'_>) -> Result<SignIn> {
    const NO_CLIENT: Error = Error::Invalid(
        "this server asks for a sign-in: register Carnet there and give the client id",
    );
    let settings = &question.settings;
    let endpoints = settings.endpoints.as_ref().ok_or(NO_CLIENT)?;
    let audience = (question.kind == SMART).then_some(settings.address.as_str());
    let pending = Pending::from_random(&seal::make_random()?, &seal::make_random()?);
    let url = open.write(|tx| {
        let source = ensure_source(tx, question.record, question.name, question.kind, settings)?;
        let mut secrets = Secrets::read(tx, &open.database_key, source.number)?;
        let before = secrets.client.take();
        let (id, secret) = before.map(|client| (client.id, client.secret)).unzip();
        let client = Client {
            id: question
                .client_id
                .map(str::to_owned)
                .or(id)
                .ok_or(NO_CLIENT)?,
            secret: question
                .client_secret
                .map(str::to_owned)
                .or(secret.flatten()),
            redirect: question.redirect.to_owned(),
        };
        let url = pending.authorisation_url(endpoints, &client, &settings.scope, audience);
        (secrets.client, secrets.pending) = (Some(client), Some(pending));
        secrets.write(tx, &open.database_key, source.number)?;
        Ok(url)
    })?;
    Ok(SignIn { url: Some(url) })
}

/// Connects the Withings cloud: to its sign-in.
pub fn connect_withings(
    open: &Unlocked,
    record: RecordId,
    cloud: &WithingsCloud,
) -> Result<SignIn> {
    let address = check_base(cloud.address.as_deref().unwrap_or(withings::ADDRESS))?;
    let settings = Settings {
        endpoints: Some(withings::endpoints(&address)),
        address,
        scope: withings::SCOPE.to_owned(),
        ..Settings::default()
    };
    let question = Question {
        record,
        name: &cloud.name,
        kind: WITHINGS,
        settings,
        client_id: cloud.client_id.as_deref(),
        client_secret: cloud.client_secret.as_deref(),
        redirect: &cloud.redirect,
    };
    ask_person(open, &question)
}

/// Adds a Nightscout server, or changes the secret of one.
pub fn add_nightscout(open: &Unlocked, record: RecordId, server: &NightscoutServer) -> Result<()> {
    let settings = Settings {
        address: check_base(&server.address)?,
        ..Settings::default()
    };
    open.write(|tx| {
        let source = ensure_source(tx, record, &server.name, NIGHTSCOUT, &settings)?;
        store::set_source_settings(tx, source.number, &settings.write()?)?;
        let secrets = Secrets {
            header: server.secret.as_deref().map(secret_header),
            ..Secrets::default()
        };
        secrets.write(tx, &open.database_key, source.number)
    })
}

/// The source of that name, made when it is new. What it pulls into and from never changes under one name.
fn ensure_source(
    tx: &rusqlite::Transaction<'_>,
    record: RecordId,
    name: &str,
    kind: &str,
    settings: &Settings,
) -> Result<SourceRow> {
    check_name(name)?;
    let log = keyring::log_number(tx, record, GENERAL)?;
    if let Some(known) = store::source(tx, name)? {
        let before = Settings::read(&known)?;
        if known.log != log || known.kind != kind || before.address != settings.address {
            return Err(Error::Invalid(
                "another source has this name: choose another, or remove that one first",
            ));
        }
        let settings = Settings {
            subject: settings.subject.clone().or(before.subject),
            granted: before.granted,
            reconnect: before.reconnect,
            ..settings.clone()
        };
        store::set_source_settings(tx, known.number, &settings.write()?)?;
    } else {
        if store::sources(tx)?.len() >= MAX_SOURCES {
            return Err(Error::TooLarge("sources: a hundred at most"));
        }
        store::add_source(tx, log, name, kind, &settings.write()?)?;
    }
    store::source(tx, name)?.ok_or(Error::NotFound("a source with this name"))
}

fn check_name(name: &str) -> Result<()> {
    let plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
    match plain && name.chars().count() <= MAX_NAME {
        true => Ok(()),
        false => Err(Error::Invalid(
            "the name of a source has 1 to 100 characters",
        )),
    }
}

/// Takes the address the browser was sent back to; returns the name of the source it connects.
pub fn finish(
    open: &Unlocked,
    transport: &dyn Transport,
    redirect: &str,
    now: i64,
) -> Result<String> {
    let (source, secrets) = asked_by(open, redirect)?;
    let settings = Settings::read(&source)?;
    let (Some(client), Some(pending), Some(endpoints)) =
        (&secrets.client, &secrets.pending, &settings.endpoints)
    else {
        return Err(NOBODY_ASKED);
    };
    let manner = manner(kind(&source)?);
    let code = pending.code(redirect, endpoints)?;
    let request = token_request(
        &endpoints.token,
        oauth::redeem(client, pending, &code, manner),
    );
    let answer = transport.send(request).map_err(source_error)?;
    let tokens = match oauth::read_grant(answer.status, &answer.body, None, now, manner) {
        Granted::Tokens(tokens) => *tokens,
        Granted::Refused(error) => return Err(error),
        Granted::Failed => {
            return Err(Error::Source(
                "the server is not available: try again later",
            ));
        }
    };
    let settings = connected(settings, &tokens)?;
    open.write(|tx| {
        let secrets = Secrets {
            pending: None,
            tokens: Some(tokens),
            ..secrets
        };
        secrets.write(tx, &open.database_key, source.number)?;
        store::set_source_settings(tx, source.number, &settings.write()?)
    })?;
    Ok(source.name)
}

fn connected(settings: Settings, tokens: &Tokens) -> Result<Settings> {
    let subject = tokens.subject.clone().or(settings.subject.clone());
    let before = settings.subject.as_ref();
    if before
        .zip(tokens.subject.as_ref())
        .is_some_and(|(before, now)| before != now)
    {
        return Err(Error::Source(
            "the sign-in was somebody else's: sign in as the same patient, or add another source",
        ));
    }
    if subject.as_deref().is_some_and(|subject| !is_id(subject)) {
        return Err(Error::Source(
            "the server named the patient by something that is no FHIR id",
        ));
    }
    if subject.is_none() {
        return Err(Error::Source(
            "the server did not say whose record it is: give the patient's id there",
        ));
    }
    Ok(Settings {
        subject,
        granted: tokens.scope.clone(),
        reconnect: false,
        ..settings
    })
}

/// Whether a text is a FHIR id: it becomes a part of addresses.
fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('.')
}

const NOBODY_ASKED: Error = Error::Invalid("no sign-in waits for this answer: start again");

/// The source whose sign-in this answers.
fn asked_by(open: &Unlocked, redirect: &str) -> Result<(SourceRow, Secrets)> {
    let said = crate::pull::address::parameters(redirect);
    let state = said
        .iter()
        .find(|(name, _)| name == "state")
        .map(|(_, value)| value);
    open.store.read(|conn| {
        for source in store::sources(conn)? {
            let secrets = Secrets::read(conn, &open.database_key, source.number)?;
            if secrets.pending.as_ref().map(|pending| &pending.state) == state && state.is_some() {
                return Ok((source, secrets));
            }
        }
        Err(NOBODY_ASKED)
    })
}
