//! `tenure status`: how things stand, for people and for monitoring. Exit code 1 where anything is not as promised.

use std::fmt::Write as _;

use jiff::SignedDuration;
use serde::Serialize;

use super::{Common, Outcome, say, say_as_it_is, say_json, screen};
use crate::app::overview;
use crate::app::overview::{Overview, Running};
use crate::app::setup::Setup;
use crate::base::time;
use crate::daemon::{State, record};
use crate::report::screen::{Stand, standing};
use crate::report::status;

pub(super) fn status(common: &Common, all: bool) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    let overview = overview::look(&setup);
    // Where there is no daemon, or its state is not for us to read, nothing is said of it.
    let daemon = record::read(&setup.config.state_dir).ok();
    if common.json {
        say_json(&Document { overview: &overview, daemon: daemon.as_ref() })?;
    } else {
        let daemon = daemon.map(|state| line(&state)).unwrap_or_default();
        let beside = format!("{}{daemon}", footer(&overview));
        if all {
            say(&format!("{}{beside}", status::render(&overview.rules)))?;
        } else {
            let stand = Stand { at: overview.at, well: overview.well, rules: &overview.rules, beside: &beside };
            say_as_it_is(&standing(stand, &screen::look()))?;
        }
    }
    Ok(u8::from(!overview.well))
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    overview: &'a Overview,
    /// The daemon of this state directory, as it wrote itself down last.
    daemon: Option<&'a State>,
}

/// What the daemon does, or that nothing was heard of it for long.
fn line(state: &State) -> String {
    /// It writes its state down at least every minute.
    const SILENCE: SignedDuration = SignedDuration::from_mins(3);
    let who = format!("process {} on {}", state.pid, state.host);
    match state.last_tick.filter(|tick| time::now().duration_since(*tick) < SILENCE) {
        Some(_) => format!("daemon: {} ({who})\n", state.line()),
        None => {
            let last = state.last_tick.or(state.started).map_or_else(|| "it began".to_owned(), |at| at.to_string());
            format!("daemon: nothing was heard of it since {last} ({who})\n")
        }
    }
}

/// What concerns no single rule, a line each.
fn footer(overview: &Overview) -> String {
    let mut text = String::new();
    for trouble in &overview.troubles {
        let _ = writeln!(text, "not known: {trouble}");
    }
    for lack in &overview.register_lacks {
        let _ = writeln!(text, "register: {lack}");
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
