//! `tenure runs` and `tenure report`: past runs from the ledger, dry runs from the state directory.

use std::path::Path;

use super::{Common, Failure, Format, Outcome, hand_out, say};
use crate::app::setup::Setup;
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
    let mut records = files::find(&setup.config.state_dir, "")?;
    setup.each_database(Access::ReadOnly, |_, conn| {
        add_new(&mut records, ledger::history(conn, limit)?);
        Ok(())
    })?;
    records.sort_by_key(|record| std::cmp::Reverse(record.started));
    records.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if common.json {
        say(&format!("{:#}\n", serde_json::json!({ "runs": records })))?;
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

/// The one run, in the ledger or among the dry runs, whose id starts with `prefix`.
pub(super) fn find_one(setup: &Setup, prefix: &str) -> Result<RunRecord, Failure> {
    let mut found = Vec::new();
    setup.each_database(Access::ReadOnly, |_, conn| {
        add_new(&mut found, ledger::find(conn, prefix)?);
        Ok(())
    })?;
    add_new(&mut found, files::find(&setup.config.state_dir, prefix)?);
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::Usage(format!("there is no run `{prefix}`; `tenure runs` lists them"))),
        several => Err(Failure::Usage(format!(
            "`{prefix}` is the beginning of {several} runs; type more of the one that you mean"
        ))),
    }
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
