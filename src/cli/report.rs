//! `tenure runs` and `tenure report`: past runs from the ledger, dry runs from the state directory.

use std::path::Path;

use super::{Common, Failure, Format, Outcome, hand_out, say, say_json, to_stderr};
use crate::app::setup::Setup;
use crate::base::id::{self, Unnamed};
use crate::db::Access;
use crate::ledger;
use crate::record::RunRecord;
use crate::report::{csv, html, json, text};
use crate::run::files;

pub(super) fn render(records: &[RunRecord], format: Format) -> String {
    match format {
        Format::Text => text::render(records),
        Format::Html => html::render(records),
        Format::Json => json::render(records),
        Format::Csv => csv::render(records),
    }
}

pub(super) fn runs(common: &Common, limit: u64) -> Outcome {
    let setup = Setup::load(common)?;
    let files::Found { mut records, unreadable } = files::find(&setup.config.state_dir, "")?;
    tell_of_unreadable(&unreadable);
    setup.each_database(Access::ReadOnly, |_, conn| {
        add_new(&mut records, ledger::history(conn, limit)?);
        Ok(())
    })?;
    records.sort_by_key(|record| std::cmp::Reverse(record.started));
    records.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if common.json {
        say_json(&serde_json::json!({ "runs": records }))?;
        return Ok(0);
    }
    if records.is_empty() {
        say("no run yet\n")?;
    }
    for record in &records {
        say(&format!("{}  {}\n", record.run, text::summary_line(record)))?;
    }
    Ok(0)
}

pub(super) fn report(common: &Common, run: &str, format: Format, output: Option<&Path>) -> Outcome {
    let setup = Setup::load(common)?;
    let record = find_one(&setup, run)?;
    let format = if common.json { Format::Json } else { format };
    let rendered = render(std::slice::from_ref(&record), format);
    hand_out(&rendered, output)
}

/// The one run, in the ledger or among the dry runs, that `typed` names: by its whole id or by a beginning of it.
pub(super) fn find_one(setup: &Setup, typed: &str) -> Result<RunRecord, Failure> {
    let mut found = Vec::new();
    if id::is_long_enough(typed) {
        setup.each_database(Access::ReadOnly, |_, conn| {
            add_new(&mut found, ledger::find(conn, typed)?);
            Ok(())
        })?;
        let files::Found { records, unreadable } = files::find(&setup.config.state_dir, typed)?;
        tell_of_unreadable(&unreadable);
        add_new(&mut found, records);
    }
    let unnamed = |unnamed: Unnamed| Failure::Usage(unnamed.sentence(typed, "run", "tenure runs"));
    let run = id::find(typed, found.iter().map(|record| record.run.as_str())).map_err(unnamed)?.to_owned();
    let record = found.into_iter().find(|record| record.run == run);
    record.ok_or_else(|| unnamed(Unnamed::Unknown))
}

/// A file that is no report hides no run.
fn tell_of_unreadable(unreadable: &[String]) {
    unreadable.iter().for_each(|sentence| to_stderr(format_args!("warning: left out: {sentence}\n")));
}

/// A run is in the ledger and in a file: the ledger's record counts.
fn add_new(records: &mut Vec<RunRecord>, more: Vec<RunRecord>) {
    for record in more {
        match records.iter_mut().find(|known| known.run == record.run) {
            Some(known) if known.ledger.is_none() => *known = record,
            Some(_) => {}
            None => records.push(record),
        }
    }
}
