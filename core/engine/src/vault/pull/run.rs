//! One pull: the machine says what it wants, this does it. Each answer is kept before the next question; the deadline and the person
//! act while a request is under way and while the source wants to be waited for.

use super::keep::{Kept, keep};
use super::settings::{Secrets, Settings};
use super::types::{PullReport, PullStop};
use super::{NO_SOURCE, access, connector, kind, kinds};
use crate::error::{Error, Result};
use crate::host::{Clock, Transport};
use crate::pull::oauth::Tokens;
use crate::pull::session::{Session, Step};
use crate::seal;
use crate::store::{self, SourceRow};
use crate::vault::brake::{Brake, Sent};
use crate::vault::open::Unlocked;
use crate::vault::{Observer, Phase};
use std::fs::{File, OpenOptions};
use std::time::{Duration, Instant};

/// Two pulls at once would renew with one token, which a provider takes for a theft.
const LOCK_FILE: &str = "vault.pull";
/// How often a wait asks whether it should go on.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// What a pull is done with.
pub struct Tools<'a> {
    /// The vault.
    pub open: &'a Unlocked,
    /// The network.
    pub transport: &'a dyn Transport,
    /// For what people read, and to know when tokens end.
    pub clock: &'a dyn Clock,
}

/// Pulls from a source until everything was asked, or until it has to stop. `whole` reads everything again.
pub fn pull(
    tools: &Tools<'_>,
    name: &str,
    whole: bool,
    deadline: Option<Duration>,
    observer: Option<&dyn Observer>,
) -> Result<PullReport> {
    let _alone = take_lock(tools.open)?;
    let brake = Brake::new(deadline, observer);
    let mut pull = Pull::begin(tools, name, whole)?;
    brake.enter(Phase::Exchanging);
    pull.report.stopped = pull.go_on(&brake)?;
    pull.end()
}

fn take_lock(open: &Unlocked) -> Result<File> {
    let path = open.store.folder().join(LOCK_FILE);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Invalid(
            "another program is pulling into this vault: wait until it has finished",
        )),
        _ => Ok(file), // on a file system without locks it goes without
    }
}

/// A pull under way.
struct Pull<'a> {
    tools: &'a Tools<'a>,
    row: SourceRow,
    settings: Settings,
    secrets: Secrets,
    session: Session,
    report: PullReport,
}

impl<'a> Pull<'a> {
    fn begin(tools: &'a Tools<'a>, name: &str, whole: bool) -> Result<Self> {
        let open = tools.open;
        let (row, settings, secrets) = open.write(|tx| {
            let mut row = store::source(tx, name)?.ok_or(NO_SOURCE)?;
            let settings = Settings::read(&row)?;
            let secrets = Secrets::read(tx, &open.database_key, row.number)?;
            let session = connector(&row, &settings, &secrets, whole, tools.clock.now())?;
            if session.begins_whole() {
                row.run = store::begin_source_run(tx, row.number)?;
            }
            row.state = session.write()?;
            store::set_source_state(tx, row.number, &row.state)?;
            Ok((row, settings, secrets))
        })?;
        let access = access(kind(&row)?, &settings, &secrets).ok_or(Error::Invalid(
            "this source waits for the sign-in: add it again to get its address",
        ))?;
        let connector = connector(&row, &settings, &secrets, whole, tools.clock.now())?;
        Ok(Self {
            tools,
            settings,
            secrets,
            session: Session::new(connector, access),
            report: PullReport {
                source: row.name.clone(),
                ..PullReport::default()
            },
            row,
        })
    }

    fn go_on(&mut self, brake: &Brake<'_>) -> Result<Option<PullStop>> {
        loop {
            if brake.check(self.report.new + self.report.updated + self.report.unchanged)? {
                return Ok(Some(PullStop::Deadline));
            }
            match self.session.step(self.tools.clock.now()) {
                Step::Send(request) => match brake.send(self.tools.transport, *request)? {
                    Sent::TooLate => return Ok(Some(PullStop::Deadline)),
                    Sent::Outcome(answer) => self.take(answer)?,
                },
                Step::Save(tokens) => self.save(*tokens)?,
                Step::Wait(pause) => wait(spread(pause)?, brake)?,
                Step::Paused(pause) => return Ok(Some(PullStop::Busy(pause.as_secs().max(1)))),
                Step::Offline => return Ok(Some(PullStop::Offline)),
                Step::Reconnect => return self.reconnect().map(Some),
                Step::Done => return Ok(None),
            }
        }
    }

    fn take(
        &mut self,
        answer: std::result::Result<crate::host::HttpResponse, crate::host::HostError>,
    ) -> Result<()> {
        self.report.requests += 1;
        let bytes = answer.as_ref().map_or(0, |answer| answer.body.len());
        self.report.bytes_received += bytes as u64;
        let Some(brought) = self.session.answer(answer, self.tools.clock.now()) else {
            return Ok(());
        };
        let kept = Kept {
            open: self.tools.open,
            clock: self.tools.clock,
            row: &self.row,
            base: &self.settings.address,
        };
        keep(&kept, &mut self.session, brought, &mut self.report)
    }

    /// Tokens are durable before they are used.
    fn save(&mut self, tokens: Tokens) -> Result<()> {
        self.secrets.tokens = Some(tokens);
        let open = self.tools.open;
        open.write(|tx| self.secrets.write(tx, &open.database_key, self.row.number))?;
        self.session.saved();
        Ok(())
    }

    fn reconnect(&mut self) -> Result<PullStop> {
        self.settings.reconnect = true;
        let settings = self.settings.write()?;
        self.tools
            .open
            .write(|tx| store::set_source_settings(tx, self.row.number, &settings))?;
        Ok(PullStop::Reconnect)
    }

    fn end(mut self) -> Result<PullReport> {
        self.report.kinds = kinds(self.session.connector().reports());
        if self.report.stopped.is_none() {
            self.session.finish();
            let (state, now) = (self.session.connector().write()?, self.tools.clock.now());
            self.tools.open.write(|tx| {
                store::set_source_state(tx, self.row.number, &state)?;
                store::end_source_run(tx, self.row.number, now)
            })?;
        }
        Ok(self.report)
    }
}

/// A fifth more by chance: those a server turned away together do not come back together.
fn spread(pause: Duration) -> Result<Duration> {
    let [chance] = seal::make_random::<1>()?;
    Ok(pause + pause * u32::from(chance) / 1_280)
}

fn wait(pause: Duration, brake: &Brake<'_>) -> Result<()> {
    let until = Instant::now() + pause;
    while Instant::now() < until && !brake.poll()? {
        std::thread::sleep(ASK_EVERY.min(pause));
    }
    Ok(())
}
