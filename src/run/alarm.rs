//! Mails at once that something could not run: it has no outbox to write to, and nobody would hear of it.

use super::{Job, Refusal};
use crate::base::visible::visible_lines;
use crate::config::Config;
use crate::deliver::{self, Alarm};
use crate::diagnostic::mistake::Mistake;
use crate::ledger::actor;
use crate::record::RunRecord;

/// Mails that a run could not begin, or that it could not be closed.
pub fn of_run(job: &Job<'_>, outcome: &Result<RunRecord, Refusal>) {
    let sentence = match outcome {
        Ok(record) if record.ledger.is_some() => return,
        Ok(record) => record.notes.join("\n"),
        Err(refusal) => refusal.sentence(),
    };
    raise(job.config, &job.schedule.policy.name, &job.database.name, &sentence);
}

/// Mails a sentence about a policy and a database (empty for all), once a day for the same one. Whether nothing is left to
/// be sent: it went, now or before, or nobody wants it.
pub fn raise(config: &Config, policy: &str, database: &str, sentence: &str) -> bool {
    let Some(mail) = &config.mail else { return true };
    let actor = actor();
    match deliver::raise(mail, &config.state_dir, &Alarm { policy, database, sentence, actor: &actor }) {
        Ok(true) => tracing::info!(event = "alarm-mailed", policy, database, "somebody was mailed that it did not run"),
        Ok(false) => {}
        Err(trouble) => {
            tracing::warn!(
                event = "alarm-not-mailed",
                policy,
                database,
                "nobody could be mailed that it did not run: {trouble}; {}",
                trouble.remedy()
            );
            return false;
        }
    }
    true
}

/// A line a mistake, without the line of the file that it stands on.
pub fn sentences(mistakes: &[Mistake]) -> String {
    let sentence = |mistake: &Mistake| {
        let place = mistake.place.as_ref().zip(mistake.position());
        let place = place.map(|(place, (line, column))| format!("{}:{line}:{column}: ", place.source.path.display()));
        let remedy = mistake.remedy.as_ref().map(|remedy| format!("; {remedy}"));
        format!("{}{}{}", place.unwrap_or_default(), mistake.message, remedy.unwrap_or_default())
    };
    mistakes.iter().map(|mistake| visible_lines(&sentence(mistake))).collect::<Vec<_>>().join("\n")
}
