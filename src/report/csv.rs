//! One row a rule, for spreadsheets. The header is stable: columns are added at the end, never renamed or moved.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, so text that does is led by an
//! apostrophe. A program is better served by the JSON.

use std::collections::BTreeMap;

use csv::Writer;
use jiff::SignedDuration;

use super::past::Age;
use super::verdict::{RuleVerdict, Verdict, verdict};
use super::wording::{DRY_RUN, IMBALANCE, held_by, host, residual};
use crate::base::visible::visible;
use crate::record::Standing;
use crate::record::{PeopleRecord, RuleRecord, RunKind, RunRecord};

/// What one row is made of. `rule` is `None` in the one row of a run that had no rule.
struct Row<'a> {
    run: &'a RunRecord,
    verdict: &'a Verdict,
    rule: Option<(&'a RuleRecord, &'a RuleVerdict)>,
}

type Column = (&'static str, fn(&Row) -> String);

const COLUMNS: [Column; 64] = [
    ("notice", notice),
    ("run", |row| row.run.run.clone()),
    ("kind", |row| kind(row.run.kind).to_owned()),
    ("run_status", |row| row.run.worst_status().to_string()),
    ("run_verdict", |row| row.verdict.standing.label().to_owned()),
    ("as_of", |row| row.run.as_of.to_string()),
    ("started", |row| row.run.started.to_string()),
    ("finished", |row| optional(row.run.finished)),
    ("actor", |row| row.run.actor.clone()),
    ("schedule", |row| row.run.schedule.name.clone()),
    ("schedule_digest", |row| row.run.schedule.digest.clone()),
    ("rule", |row| row.of_rule(|rule| rule.rule.clone())),
    ("promises", |row| row.of_rule(|rule| rule.promises.join(" "))),
    ("database", |row| row.of_rule(|rule| rule.database.clone())),
    ("table", |row| row.of_rule(|rule| rule.table.clone())),
    ("action", |row| row.of_rule(|rule| rule.action.clone())),
    ("retain", |row| row.of_rule(|rule| rule.retain.clone())),
    ("cutoff", |row| row.of_rule(|rule| optional(rule.cutoff))),
    ("status", |row| row.of_rule(|rule| rule.status)),
    ("verdict", |row| row.rule.map_or_else(String::new, |(_, verdict)| verdict.standing.label().to_owned())),
    ("reason", |row| row.rule.map_or_else(|| row.verdict.reasons.join("; "), |(_, verdict)| verdict.reason.clone())),
    ("eligible", |row| row.of_rule(|rule| rule.eligible)),
    ("done", |row| row.of_rule(|rule| rule.done)),
    ("held", |row| row.of_rule(|rule| rule.held)),
    ("blocked", |row| row.of_rule(|rule| rule.blocked)),
    ("skipped", |row| row.of_rule(|rule| rule.skipped)),
    ("remaining", |row| row.of_rule(|rule| rule.remaining)),
    ("no_anchor", |row| row.of_rule(|rule| rule.no_anchor)),
    ("cascaded", |row| row.of_rule(|rule| total(&rule.cascaded))),
    ("detached", |row| row.of_rule(|rule| total(&rule.detached))),
    ("rolled_up", |row| row.of_rule(|rule| rule.rolled_up)),
    ("guard", |row| row.of_rule(|rule| optional(rule.guard.as_ref()))),
    ("oldest_kept", |row| row.of_rule(|rule| optional(rule.oldest_kept))),
    ("batches", |row| row.of_rule(|rule| rule.batches)),
    ("elapsed_ms", |row| row.of_rule(|rule| rule.elapsed_ms)),
    ("ledger_entry", |row| optional(row.run.ledger.as_ref().map(|ledger| ledger.entry))),
    ("ledger_head", |row| optional(row.run.ledger.as_ref().map(|ledger| &ledger.head))),
    ("error", |row| row.of_rule(|rule| optional(rule.error.as_ref()))),
    ("guard_passed", |row| row.of_rule(|rule| optional(rule.guard_passed.as_ref()))),
    ("held_by", |row| row.of_rule(|rule| held_by(row.run, rule))),
    ("timezone", |row| optional(row.run.schedule.timezone.as_ref())),
    ("cutoff_local", |row| row.of_rule(|rule| optional(rule.cutoff_local.as_ref()))),
    ("oldest_kept_days", |row| row.of_rule(|rule| optional(Age::of(row.run, rule).map(|age| days(age.age))))),
    ("limit_days", |row| row.of_rule(|rule| optional(Age::of(row.run, rule).map(|age| days(age.limit))))),
    ("last_run", |row| optional(row.run.since.as_ref().map(|since| &since.run))),
    ("last_run_verdict", |row| optional(row.run.since.as_ref().map(|since| since.verdict.label()))),
    ("last_done", |row| row.of_rule(|rule| optional(rule.trend.last().map(|point| point.done)))),
    ("last_stayed", |row| row.of_rule(|rule| optional(rule.trend.last().map(|point| point.stayed)))),
    ("host", |row| host(row.run).to_owned()),
    ("tenure", |row| row.run.tenure.clone()),
    ("residual", |row| residual(row.run).join(" ")),
    ("people_due", |row| row.of_people(|people| people.due)),
    ("people_erased", |row| row.of_people(|people| people.erased)),
    ("people_unfinished", |row| row.of_people(|people| people.unfinished)),
    ("people_held", |row| row.of_people(|people| people.held)),
    ("people_blocked", |row| row.of_people(|people| people.blocked)),
    ("people_near_deadline", |row| row.of_people(|people| people.near_deadline)),
    ("people_overdue", |row| row.of_people(|people| people.overdue)),
    ("people_in_part", |row| row.of_people(|people| people.in_part)),
    ("people_remaining", |row| row.of_people(|people| people.remaining)),
    ("people_skipped", |row| row.of_people(|people| people.skipped)),
    ("late", |row| row.of_rule(|rule| rule.late)),
    ("passed_over", |row| row.of_rule(|rule| total(&rule.passed_over))),
    ("suppressed", |row| row.of_rule(|rule| rule.suppressed)),
];

/// All rules of all runs. A run without rules has one row, with the columns of a rule empty, so that it is seen.
pub fn render(runs: &[RunRecord]) -> String {
    let mut out = Writer::from_writer(Vec::new());
    write(&mut out, COLUMNS.map(|(name, _)| name.to_owned()));
    for run in runs {
        write_run(&mut out, run);
    }
    let bytes = out.into_inner().expect("a vector takes every byte");
    String::from_utf8(bytes).expect("only text was written")
}

fn write_run(out: &mut Writer<Vec<u8>>, run: &RunRecord) {
    let verdict = verdict(run);
    let mut rules: Vec<_> = run.rules.iter().zip(&verdict.rules).map(Some).collect();
    if rules.is_empty() {
        rules.push(None);
    }
    for rule in rules {
        let row = Row { run, verdict: &verdict, rule };
        write(out, COLUMNS.map(|(_, cell)| harmless(&cell(&row))));
    }
}

fn write(out: &mut Writer<Vec<u8>>, cells: [String; COLUMNS.len()]) {
    out.write_record(cells).expect("a vector takes every byte, and every row has as many cells as the header");
}

impl Row<'_> {
    fn of_people(&self, pick: impl FnOnce(&PeopleRecord) -> u64) -> String {
        optional(self.run.people.as_ref().map(pick))
    }

    fn of_rule<T: ToString>(&self, pick: impl FnOnce(&RuleRecord) -> T) -> String {
        self.rule.map_or_else(String::new, |(rule, _)| pick(rule).to_string())
    }
}

/// What must not be overlooked in this row.
fn notice(row: &Row) -> String {
    let mut said = Vec::new();
    if row.run.is_dry_run() {
        said.push(DRY_RUN);
    }
    match row.rule {
        None => said.push("no rule was due"),
        Some((rule, _)) if !rule.balances() => said.push(IMBALANCE),
        Some((rule, judged)) if rule.eligible == 0 && judged.standing == Standing::Kept => said.push("nothing was due"),
        Some(_) => {}
    }
    said.join("; ")
}

fn kind(kind: RunKind) -> &'static str {
    match kind {
        RunKind::DryRun => "dry-run",
        RunKind::Run => "run",
    }
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn days(duration: SignedDuration) -> i64 {
    duration.as_hours() / 24
}

fn total(counts: &BTreeMap<String, u64>) -> u128 {
    counts.values().map(|n| u128::from(*n)).sum()
}

/// A cell that is neither a formula nor anything unseen. Counts begin with a digit, so they stay numbers.
fn harmless(cell: &str) -> String {
    let cell = visible(cell);
    let formula = cell.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%']);
    if formula { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn read(text: &str) -> Vec<std::collections::HashMap<String, String>> {
        csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
    }

    #[test]
    fn every_rule_has_a_row_and_counts_stay_numbers() {
        let rows = read(&render(&[samples::everything_fine()]));
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0]["rule"], "technical-logs");
        assert_eq!(rows[0]["eligible"], "1204518");
        assert_eq!(rows[2]["cascaded"], "38");
        assert_eq!(rows[0]["notice"], "");
    }

    #[test]
    fn a_run_without_rules_is_seen() {
        let mut run = samples::nothing_to_do();
        run.rules.clear();
        let rows = read(&render(&[run]));
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["notice"], "no rule was due");
        assert_eq!(rows[0]["run_verdict"], "not known");
    }

    #[test]
    fn every_row_of_a_dry_run_says_that_it_is_one() {
        let rows = read(&render(&[samples::a_dry_run_with_sql()]));
        assert!(rows.iter().all(|row| row["notice"].starts_with("DRY RUN — nothing was changed")));
    }

    #[test]
    fn a_name_is_never_a_formula_nor_a_second_row() {
        for name in ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "＝1", "%x", "|calc"] {
            assert_eq!(harmless(name), format!("'{name}"));
        }
        let rows = read(&render(&[samples::hostile()]));
        assert_eq!(rows.len(), 1);
        assert!(rows[0]["rule"].starts_with("'="), "{}", rows[0]["rule"]);
        assert!(!rows[0]["table"].chars().any(crate::base::visible::is_unseen));
    }

    #[test]
    fn the_table_of_all_samples() {
        insta::assert_snapshot!(render(&samples::all()));
    }
}
