//! `carnet-relay`: the relay as a program.

use carnet_relay::{Relay, RelayConfig};
use clap::Parser;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long the process waits for threads that still wait for a disk.
const EXIT: Duration = Duration::from_millis(500);

/// Keeps sealed health records in order for devices, without being able to read them.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Directory to keep everything in; created if it does not exist
    #[arg(long, value_name = "DIR", env = "CARNET_RELAY_DATA")]
    data: PathBuf,
    /// Address to listen on (plain HTTP: put a TLS proxy in front)
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8740")]
    listen: SocketAddr,
    /// Origin devices reach this relay by, e.g. https://relay.example; needed behind a proxy or under a name
    #[arg(long, value_name = "URL", env = "CARNET_RELAY_PUBLIC_URL")]
    public_url: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| {
            let outcome = runtime.block_on(run(arguments));
            runtime.shutdown_timeout(EXIT);
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "carnet-relay: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let config = RelayConfig {
        data: arguments.data,
        listen: arguments.listen,
        public_url: arguments.public_url,
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let relay = Relay::bind(config)
        .await
        .map_err(|error| error.to_string())?;
    let mut out = std::io::stdout();
    // Nobody reading the line is no reason not to serve.
    let _ = writeln!(out, "listening on http://{}", relay.local_addr()).and_then(|()| out.flush());
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
