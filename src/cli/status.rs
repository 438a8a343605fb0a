//! `tenure status`: how things stand, for people and for monitoring. Exit code 1 where anything is not as promised.

use std::fmt::Write as _;

use super::{Common, Outcome, say};
use crate::overview::{self, Overview, Running};
use crate::report::status;
use crate::setup::Setup;

pub(super) fn status(common: &Common) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    let overview = overview::look(&setup);
    if common.json {
        let document = serde_json::to_string_pretty(&overview).map_err(anyhow::Error::from)?;
        say(&format!("{document}\n"))?;
    } else {
        say(&format!("{}{}", status::render(&overview.rules), footer(&overview)))?;
    }
    Ok(u8::from(!overview.well))
}

/// What concerns no single rule, a line each.
fn footer(overview: &Overview) -> String {
    let mut text = String::new();
    for trouble in &overview.troubles {
        let _ = writeln!(text, "not known: {trouble}");
    }
    for running in &overview.running {
        let _ = writeln!(text, "{}", under_way(running));
    }
    for pause in &overview.pauses {
        let what = pause.rule.as_ref().map_or_else(|| "every rule".to_owned(), |rule| format!("rule {rule}"));
        let _ = writeln!(text, "{what} on {}: {}", pause.database, pause.order);
    }
    if !overview.mails.is_empty() {
        let states: Vec<_> = overview.mails.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let _ = writeln!(text, "mail: {}; see `tenure mail queue`", states.join(", "));
    }
    if !overview.holds.is_empty() {
        let _ = writeln!(text, "holds by hand: {}; see `tenure hold list`", overview.holds.join(", "));
    }
    text
}

fn under_way(Running { database, run }: &Running) -> String {
    let who = format!("process {} on {}, started by {}", run.pid, run.host, run.actor);
    let begun = run.started.strftime("%Y-%m-%d %H:%M UTC");
    let done = format!("{} rows in {} batches", run.done, run.batches);
    let at = if run.rules.is_empty() { "between two rules".to_owned() } else { run.rules.join(", ") };
    if run.lives {
        format!("runs now: {} of {} on {database} since {begun}, at {at}; {done} ({who})", run.run, run.policy)
    } else {
        format!("died: {} of {} on {database} of {begun}; {done} ({who}); the next run closes it", run.run, run.policy)
    }
}
