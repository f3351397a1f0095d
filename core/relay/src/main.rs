//! `carnet-relay`: the relay as a program.

use carnet_relay::backup::backup;
use carnet_relay::fsck::fsck;
use carnet_relay::rates::Rate;
use carnet_relay::{Clock, Limits, Relay, RelayConfig, Service};
use carnet_wire::MailboxId;
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long the process waits for threads that still wait for a disk.
const EXIT: Duration = Duration::from_millis(500);
/// How much more than the rate may come at once.
const BURST: u32 = 20;
/// Mailboxes a network may register at once.
const NEW_AT_ONCE: u32 = 5_000;
const DAY: u64 = 86_400;

/// Keeps sealed health records in order for devices, without being able to read them.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Option<Serve>,
}

/// What else it does.
#[derive(Debug, Subcommand)]
enum Command {
    /// Copies a relay, running or not, to another directory.
    ///
    /// To restore, copy that directory to where the relay is to run and start it there: it sees that it is a copy, and tells
    /// devices, which then send again what it lacks.
    Backup {
        /// Directory of the relay
        #[arg(long, value_name = "DIR", env = "CARNET_RELAY_DATA")]
        data: PathBuf,
        /// Directory of the copy; what an earlier backup left there is used
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Looks for what is lost, changed or wrongly counted in the data of a relay that is stopped, or in a backup.
    Fsck {
        /// Directory of the relay
        #[arg(long, value_name = "DIR", env = "CARNET_RELAY_DATA")]
        data: PathBuf,
    },
    /// Serves again what owners retired in a mailbox by mistake, as long as it is kept; the relay must be stopped.
    BringBack {
        /// Directory of the relay
        #[arg(long, value_name = "DIR", env = "CARNET_RELAY_DATA")]
        data: PathBuf,
        /// The mailbox, in hexadecimal
        #[arg(long, value_name = "ID", value_parser = mailbox)]
        mailbox: MailboxId,
        /// Only what was retired in the last days
        #[arg(long, value_name = "N", default_value_t = 30)]
        days: u32,
    },
}

/// How it serves.
#[derive(Debug, Args)]
struct Serve {
    /// Directory to keep everything in; created if it does not exist
    #[arg(long, value_name = "DIR", env = "CARNET_RELAY_DATA")]
    data: PathBuf,
    /// Address to listen on (plain HTTP: put a TLS proxy in front)
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8740")]
    listen: SocketAddr,
    /// Origin devices reach this relay by, e.g. https://relay.example; needed behind a proxy or under a name
    #[arg(long, value_name = "URL", env = "CARNET_RELAY_PUBLIC_URL")]
    public_url: Option<String>,
    /// Address to show metrics and health to the operator at (GET /metrics, Prometheus)
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Header in which the proxy in front writes the client's address, e.g. x-forwarded-for; never without such a proxy
    #[arg(long, value_name = "NAME")]
    client_address_header: Option<String>,
    /// Most bytes one mailbox may keep
    #[arg(long, value_name = "N", default_value_t = Limits::default().quota.bytes)]
    mailbox_bytes: u64,
    /// Most envelopes and blobs one mailbox may hold
    #[arg(long, value_name = "N", default_value_t = Limits::default().quota.objects)]
    mailbox_objects: u64,
    /// Requests per second of one session, twenty times that at once; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    session_rate: u32,
    /// Requests per second from one network (IPv4 /24, IPv6 /48), twenty times that at once; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 500)]
    network_rate: u32,
    /// New mailboxes per hour from one network, and 5000 at once; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 3_600)]
    registration_rate: u32,
    /// Most clients waiting for news at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().waiters)]
    waiters: usize,
    /// Most connections at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    connections: usize,
}

impl Serve {
    fn config(self) -> RelayConfig {
        let mut limits = Limits::default();
        limits.quota.bytes = self.mailbox_bytes;
        limits.quota.objects = self.mailbox_objects;
        limits.session_rate = rate(self.session_rate);
        limits.network_rate = rate(self.network_rate);
        limits.registration_rate = Rate::per_hour(self.registration_rate, NEW_AT_ONCE);
        limits.waiters = self.waiters;
        limits.connections = self.connections;
        RelayConfig {
            public_url: self.public_url,
            metrics: self.metrics,
            client_header: self.client_address_header,
            limits,
            ..RelayConfig::new(self.data, self.listen)
        }
    }
}

fn rate(per_second: u32) -> Rate {
    Rate::per_second(per_second, per_second.saturating_mul(BURST))
}

fn mailbox(text: &str) -> Result<MailboxId, &'static str> {
    MailboxId::from_hex(text).ok_or("64 hexadecimal digits are needed")
}

fn main() -> ExitCode {
    let Arguments { command, serve } = Arguments::parse();
    let outcome = match (command, serve) {
        (Some(command), _) => once(command),
        (None, Some(arguments)) => serve_until_stopped(arguments.config()),
        (None, None) => Err("--data DIR is needed".to_owned()),
    };
    match outcome {
        Ok(code) => code,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "carnet-relay: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Commands that end by themselves.
fn once(command: Command) -> Result<ExitCode, String> {
    let text = |error: carnet_relay::StartError| error.to_string();
    match command {
        Command::Backup { data, to } => {
            let copied = backup(&data, &to).map_err(text)?;
            let (blobs, kept, bytes) = (copied.blobs, copied.kept, copied.database);
            say(&format!(
                "copied: database {bytes} bytes, {blobs} blobs; {kept} blobs were there"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Command::Fsck { data } => check(&data),
        Command::BringBack {
            data,
            mailbox,
            days,
        } => {
            let service = Service::open(&data, Clock::system(), Limits::default()).map_err(text)?;
            let back = service.bring_back(mailbox, u64::from(days) * DAY);
            service.close();
            say(&format!(
                "served again: {}",
                back.map_err(|error| error.to_string())?
            ));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(data: &Path) -> Result<ExitCode, String> {
    let report = fsck(data).map_err(|error| error.to_string())?;
    report
        .problems
        .iter()
        .for_each(|line| say(&format!("problem: {line}")));
    report
        .orphans
        .iter()
        .for_each(|line| say(&format!("orphan: {line}")));
    say(&format!(
        "{} mailboxes, {} envelopes, {} blobs, {} uploads: {} problems, {} orphans",
        report.mailboxes,
        report.envelopes,
        report.blobs,
        report.uploads,
        report.problems.len(),
        report.orphans.len()
    ));
    Ok(match report.problems.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn serve_until_stopped(config: RelayConfig) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let outcome = runtime.block_on(run(config));
    runtime.shutdown_timeout(EXIT);
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn run(config: RelayConfig) -> Result<(), String> {
    allow_connections(config.limits.connections);
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let relay = Relay::bind(config)
        .await
        .map_err(|error| error.to_string())?;
    say(&format!("listening on http://{}", relay.local_addr()));
    if let Some(address) = relay.metrics_addr() {
        say(&format!("metrics on http://{address}/metrics"));
    }
    relay
        .run(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await;
    Ok(())
}

/// A process may open few files unless it asks for more, and every connection is one.
fn allow_connections(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = (connections as u64).saturating_add(1_024);
    let most = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if limit.current.is_some_and(|current| current < most) {
        let current = Some(most);
        // Fewer connections than allowed: more wait in the kernel's queue.
        let _ = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
    }
}

/// Nobody reading the line is no reason not to go on.
fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parsed(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn without_options_the_limits_are_the_usual_ones() {
        let serve = parsed("carnet-relay --data d").unwrap().serve.unwrap();
        assert_eq!(serve.config().limits, Limits::default());
        let line = "carnet-relay --data d --session-rate 0 --network-rate 0 --registration-rate 0";
        let serve = parsed(line).unwrap().serve.unwrap();
        assert_eq!(serve.config().limits, Limits::without_rates());
    }

    #[test]
    fn a_command_needs_what_it_needs_and_takes_nothing_else() {
        let backup = parsed("carnet-relay backup --data d --to e").unwrap();
        assert!(matches!(backup.command, Some(Command::Backup { .. })));
        for refused in [
            "carnet-relay",
            "carnet-relay --listen 127.0.0.1:1",
            "carnet-relay backup --data d",
            "carnet-relay --data d fsck --data d",
            "carnet-relay bring-back --data d --mailbox 00",
        ] {
            assert!(parsed(refused).is_err(), "{refused}");
        }
    }
}
