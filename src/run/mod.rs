//! One run of one policy on one database: recover, plan, guard, execute, reconcile, close, mail.
//!
//! prepare -> plan -> begin -> act -> close: each stage is a type that the next one takes, so that none is left out. A dry run
//! stops after the plan. There is no other difference: both make the plan and its figures from the same predicate, and everything
//! below is told what to do by the plan alone.

mod act;
pub mod alarm;
pub mod approval;
mod backlog;
mod change;
pub mod clocks;
mod close;
mod compact;
mod figures;
pub mod files;
mod guard;
mod job;
mod log;
pub mod orders;
mod past;
mod people;
mod plan;
mod prepare;
pub mod register;
pub mod requests;
mod rhythm;
mod survey;

use crate::base::time;
use crate::config::{Config, DatabaseConfig};
use crate::db::{Access, DbError};
use crate::deliver;
use crate::diagnostic::mistake::Mistake;
use crate::execute::Stop;
use crate::record::{RunKind, RunRecord};

use act::Begun;
use prepare::Prepared;

pub use backlog::Stint;
pub use guard::Consent;
pub use job::Job;
pub use people::{Left, NO_KEY, SomePeople, due_among, map};
pub use prepare::prepare_ledger;

/// Why nothing was started.
#[derive(Debug)]
pub enum Refusal {
    /// The schedule does not fit the database.
    Schedule(Vec<Mistake>),
    /// Anything else.
    Other(anyhow::Error),
}

impl Refusal {
    /// The reasons, a line each, for mails and logs.
    pub fn sentence(&self) -> String {
        match self {
            Refusal::Schedule(mistakes) => alarm::sentences(mistakes),
            Refusal::Other(error) => format!("{error:#}"),
        }
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Refusal::Other(error)
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        Refusal::Other(error.into())
    }
}

/// Tells how far a run is: rule, rows done, rows planned. While it plans, both are zero.
pub type Progress<'a> = &'a mut dyn FnMut(&str, u64, u64);

/// Makes the plan and its figures in read-only transactions; changes nothing, anywhere.
pub fn dry_run(job: &Job<'_>) -> Result<RunRecord, Refusal> {
    let started = time::now();
    let mut conn = job.open(Access::ReadOnly)?;
    let planned = plan::make(job, &mut conn, Access::ReadOnly, &Consent::Ask, &mut |_, _, _| {})?;
    let mut record = job.record(RunKind::DryRun, started, &planned);
    record.notes.extend(job.waits_for_its_date());
    record.notes.extend(planned.notes);
    past::compare(job, &mut conn, &mut record);
    record.finished = Some(time::now());
    Ok(record)
}

/// Plans, and then does what was planned. Each stage needs what the one before it hands over.
pub fn run(job: &Job<'_>, consent: &Consent, stop: &Stop, progress: Progress<'_>) -> Result<RunRecord, Refusal> {
    let prepared = Prepared::by(job, consent, stop)?;
    let planned = prepared.plan(&mut *progress)?;
    let begun = Begun::of(planned)?;
    let acted = begun.act(progress);
    Ok(acted.close())
}

/// Sends the report, and whatever else is due.
fn deliver(job: &Job<'_>) {
    send_mails(job.config, job.database);
}

/// Sends the mails of a database's outbox that are due. Their runs are over: what happens to a mail changes nothing of them,
/// and one that does not go now stays in the outbox.
pub fn send_mails(config: &Config, database: &DatabaseConfig) {
    let Some(mail) = &config.mail else { return };
    match deliver::flush(&|| config.open(database, Access::ReadWrite), mail) {
        Ok(attempts) => attempts.iter().for_each(log::attempt),
        Err(error) => {
            tracing::warn!(event = "outbox-stuck", "the outbox cannot be worked off, so reports wait in it: {error}")
        }
    }
}
