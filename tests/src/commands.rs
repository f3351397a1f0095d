//! Phones as people drive them: the `carnet` program, each with a vault and a home of its own, watched for time and memory.

use crate::measure::{cpu_of, peak_kib};
use crate::paths::program;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The passphrase of every phone here.
pub const PASSPHRASE: &str = "correct horse battery staple 42";
/// A command that runs longer than this hangs.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// What a command did.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
    /// Peak resident memory, in KiB.
    pub peak_kib: u64,
    /// CPU time.
    pub cpu: Duration,
    /// Time by the wall.
    pub elapsed: Duration,
}

impl Outcome {
    /// Whether it ended well.
    pub fn is_ok(&self) -> bool {
        self.code == Some(0)
    }

    /// Fails the test unless the command ended well.
    #[track_caller]
    pub fn expect_ok(self, what: &str) -> Self {
        assert!(
            self.is_ok(),
            "{what}: exit {:?}\n{}\n{}",
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }

    /// The JSON it printed.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.stdout))
    }
}

/// A running command whose output is being collected.
pub struct Running {
    child: Child,
    started: Instant,
    output: JoinHandle<String>,
    complaints: JoinHandle<String>,
    peak_kib: u64,
    cpu: Duration,
}

impl Running {
    /// Starts a command.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = collect(child.stdout.take().expect("stdout"));
        let complaints = collect(child.stderr.take().expect("stderr"));
        Self {
            child,
            started: Instant::now(),
            output,
            complaints,
            peak_kib: 0,
            cpu: Duration::ZERO,
        }
    }

    /// Starts a command and waits for its first line.
    pub fn start_for_first_line(command: &mut Command) -> (String, Self) {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let complaints = collect(child.stderr.take().expect("stderr"));
        let mut reader = BufReader::new(child.stdout.take().expect("stdout"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("a first line");
        let output = collect(reader);
        let running = Self {
            child,
            started: Instant::now(),
            output,
            complaints,
            peak_kib: 0,
            cpu: Duration::ZERO,
        };
        (line, running)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Waits, at most `patience`, then kills and fails.
    #[track_caller]
    pub fn finish(mut self, patience: Duration) -> Outcome {
        let status = loop {
            self.look();
            if let Some(status) = self.child.try_wait().expect("a status") {
                break status;
            }
            if self.started.elapsed() > patience {
                self.kill();
                let _ = self.child.wait();
                let said = self.complaints.join().unwrap_or_default();
                panic!("no end after {patience:?}: {said}");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        self.outcome(status)
    }

    fn look(&mut self) {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        self.peak_kib = self.peak_kib.max(peak_kib(&process).unwrap_or(0));
        self.cpu = self.cpu.max(cpu_of(self.child.id()).unwrap_or_default());
    }

    fn outcome(self, status: ExitStatus) -> Outcome {
        Outcome {
            code: status.code(),
            stdout: self.output.join().unwrap_or_default(),
            stderr: self.complaints.join().unwrap_or_default(),
            peak_kib: self.peak_kib,
            cpu: self.cpu,
            elapsed: self.started.elapsed(),
        }
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A phone: a folder that holds a vault (`vault`), and a home (`home`) with what the platform keeps outside it.
#[derive(Debug, Clone)]
pub struct Phone {
    folder: PathBuf,
    language: &'static str,
}

impl Phone {
    /// A phone in this folder; nothing is created yet but its home.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        std::fs::create_dir_all(folder.join("home")).expect("a home");
        Self {
            folder,
            language: "en",
        }
    }

    /// A phone whose vault was just created for Camille Martin.
    pub fn with_vault(folder: impl Into<PathBuf>) -> Self {
        let phone = Self::new(folder);
        phone
            .run([
                "init",
                "--person",
                "Camille Martin",
                "--birth-date",
                "1984-05",
            ])
            .expect_ok("init");
        phone
    }

    /// The same phone, in French.
    pub fn in_french(mut self) -> Self {
        self.language = "fr";
        self
    }

    /// The folder of the phone.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of its vault.
    pub fn vault(&self) -> PathBuf {
        self.folder.join("vault")
    }

    /// A command on this phone, not yet started. Nothing of the tester's environment reaches it.
    pub fn command<A: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let home = self.folder.join("home");
        let mut command = Command::new(program("carnet"));
        command
            .env_clear()
            .env("HOME", &home)
            .env("TMPDIR", &home)
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("CARNET_VAULT", self.vault())
            .env("CARNET_PASSPHRASE", PASSPHRASE)
            .args(["--lang", self.language])
            .args(arguments);
        command
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run<A: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Outcome {
        Running::start(&mut self.command(arguments)).finish(PATIENCE)
    }

    /// Runs a command that must end well with JSON.
    #[track_caller]
    pub fn json<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Value {
        let mut command = self.command(arguments);
        command.arg("--json");
        Running::start(&mut command)
            .finish(PATIENCE)
            .expect_ok("a command with --json")
            .json()
    }

    /// Imports files and returns the report.
    #[track_caller]
    pub fn import(&self, paths: &[&Path]) -> Value {
        let mut arguments = vec![std::ffi::OsString::from("import")];
        arguments.extend(paths.iter().map(|path| path.as_os_str().to_owned()));
        self.json(arguments)
    }

    /// The current resources, one original text each, sorted: what must be equal on two phones.
    #[track_caller]
    pub fn resources(&self) -> Vec<String> {
        self.exported(&[])
    }

    /// The same of one of several persons.
    #[track_caller]
    pub fn resources_of(&self, person: &str) -> Vec<String> {
        self.exported(&["--person", person])
    }

    fn exported(&self, whose: &[&str]) -> Vec<String> {
        let out = self.folder.join("home/resources.ndjson");
        let _ = std::fs::remove_file(&out);
        let out_text = out.to_string_lossy().into_owned();
        self.run([&["export", "--format", "ndjson", &out_text], whose].concat())
            .expect_ok("export");
        let text = std::fs::read_to_string(&out).expect("an export");
        let _ = std::fs::remove_file(&out);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// Checks every view, chain and attachment of the vault.
    #[track_caller]
    pub fn verify(&self) -> Outcome {
        self.run(["verify", "--rebuild"])
    }

    /// Makes `new` a second phone of the same person, through a relay.
    #[track_caller]
    pub fn pair(&self, new: &Phone, relay: &str) {
        let (line, joining) = new.start_joining(relay);
        let code = code_of(&line);
        self.run(["sync", "--relay", relay])
            .expect_ok("the first sync of the old phone");
        self.run(["device", "pair", &code]).expect_ok("device pair");
        joining.finish(PATIENCE).expect_ok("device join");
    }

    /// Starts to join and waits for the line that shows the code.
    #[track_caller]
    pub fn start_joining(&self, relay: &str) -> (String, Running) {
        Running::start_for_first_line(
            &mut self.command(["device", "join", "--relay", relay, "--json"]),
        )
    }
}

/// The code in the first line of `device join --json`.
#[track_caller]
pub fn code_of(line: &str) -> String {
    let value: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"));
    value["code"].as_str().expect("a code").to_owned()
}
