//! What must hold for any record, in every format.

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::wording::{DRY_RUN, IMBALANCE};
use super::{csv, html, json, samples, text, verdict};
use crate::base::visible::{is_unseen, visible_lines};
use crate::record::Standing;
use crate::record::{RunRecord, Status};

/// Elements that HTML never closes.
const VOID: [&str; 3] = ["meta", "br", "col"];

/// Reads `page` tag by tag; text in it may hold no `<`. What is opened must be closed, in order.
pub(super) fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a document type comes first");
    while let Some(start) = rest.find('<') {
        let tag_end = start + end_of_tag(&rest[start..]);
        let tag = &rest[start + 1..tag_end];
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()), "no tag: <{tag}>");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closed out of order");
        } else if !VOID.contains(&name) {
            open.push(name);
        }
        rest = &rest[tag_end + 1..];
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

/// Where the `>` stands that ends the tag with which `text` begins; one inside an attribute's quotes does not.
fn end_of_tag(text: &str) -> usize {
    let mut quoted = false;
    text.char_indices()
        .find(|(_, c)| {
            quoted ^= *c == '"';
            *c == '>' && !quoted
        })
        .expect("every tag ends")
        .0
}

/// What a reader of `page` sees: its text, tags left out and escapes undone.
fn text_of(page: &str) -> String {
    let body = page.split_once("<body").expect("there is a body").1;
    let pieces = body.split('<').map(|piece| piece.split_once('>').map_or("", |(_, text)| text));
    let text: String = pieces.collect();
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")]
        .iter()
        .fold(text, |text, (escape, c)| text.replace(escape, c))
}

/// The lines of a text report that are not statements.
fn prose(runs: &[RunRecord]) -> String {
    let without_statements: Vec<RunRecord> = runs
        .iter()
        .cloned()
        .map(|mut run| {
            run.rules.iter_mut().for_each(|rule| rule.statements.clear());
            run
        })
        .collect();
    text::render(&without_statements)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_record_reads_back_from_its_json(runs in proptest::collection::vec(samples::any_run(), 0..3)) {
        let document = json::render(&runs);
        prop_assert!(!document.chars().any(|c| c != '\n' && is_unseen(c)));
        prop_assert_eq!(json::parse(&document).unwrap(), runs);
    }

    #[test]
    fn any_record_makes_a_well_formed_page(run in samples::any_run()) {
        let page = html::render(&[run]);
        assert_well_formed(&page);
        prop_assert!(!page.chars().any(|c| c != '\n' && is_unseen(c)));
    }

    #[test]
    fn every_name_of_any_record_is_on_its_page_as_it_is(run in samples::any_run()) {
        let seen = text_of(&html::render(std::slice::from_ref(&run)));
        let of_rules = run.rules.iter().flat_map(|rule| [&rule.rule, &rule.table, &rule.retain]);
        let of_holds = run.holds.iter().flat_map(|hold| [&hold.hold, &hold.reason]);
        for name in of_rules.chain(of_holds).chain(&run.notes).chain([&run.actor, &run.schedule.name]) {
            prop_assert!(seen.contains(&visible_lines(name)), "{:?} is not in {}", name, seen);
        }
    }

    #[test]
    fn any_record_fits_the_columns_of_a_mail_and_steers_no_terminal(run in samples::any_run()) {
        prop_assert!(!text::render(std::slice::from_ref(&run)).chars().any(|c| c != '\n' && is_unseen(c)));
        prop_assert!(!text::summary_line(&run).chars().any(is_unseen));
        for line in prose(&[run]).lines() {
            prop_assert!(line.width() <= 78, "{}", line);
        }
    }

    #[test]
    fn any_record_has_one_row_a_rule_and_no_formula(run in samples::any_run()) {
        let table = csv::render(std::slice::from_ref(&run));
        let rows: Vec<::csv::StringRecord> = ::csv::Reader::from_reader(table.as_bytes()).records().map(Result::unwrap).collect();
        prop_assert_eq!(rows.len(), run.rules.len().max(1));
        let header = ::csv::Reader::from_reader(table.as_bytes()).headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|known| known == name).unwrap();
        for (row, rule) in rows.iter().zip(&run.rules) {
            let figures = ["eligible", "done", "held", "blocked", "skipped", "remaining"].map(|name| row[column(name)].parse());
            let counted = [rule.eligible, rule.done, rule.held, rule.blocked, rule.skipped, rule.remaining];
            prop_assert_eq!(figures, counted.map(Ok));
        }
        for cell in rows.iter().flatten() {
            prop_assert!(!cell.starts_with(['=', '+', '-', '@']) && !cell.chars().any(is_unseen), "{}", cell);
        }
    }

    #[test]
    fn no_record_is_called_kept_while_a_row_is_overdue_or_a_count_is_wrong(run in samples::any_run()) {
        let judged = verdict(&run);
        let worst_rule = run.rules.iter().map(|rule| rule.status).max();
        let in_time = run.people.as_ref().is_none_or(|people| {
            let waits = run.is_dry_run() && people.due > 0;
            let counts = [people.overdue, people.near_deadline, people.unfinished, people.unreadable];
            !waits && people.unmapped.is_empty() && counts == [0; 4]
        });
        let requests_in_time = run.requests.as_ref().is_none_or(|requests| {
            let waits = run.is_dry_run() && requests.verified > requests.kept_back;
            !waits && requests.error.is_none() && [requests.overdue, requests.near_deadline] == [0; 2]
        });
        let clean = in_time
            && requests_in_time
            && run.finished.is_some()
            && worst_rule.is_some_and(|worst| worst <= Status::Stopped && run.status <= worst)
            && run.rules.iter().all(|rule| rule.balances() && rule.remaining == 0 && rule.blocked == 0)
            && run.rules.iter().all(|rule| rule.late == 0 && rule.locked() == 0)
            && run.rules.iter().all(|rule| rule.unread.is_none() && !rule.knows_no_age());
        prop_assert_eq!(judged.standing.is_kept(), clean);
        prop_assert!(judged.promises.iter().all(|promise| promise.standing <= judged.standing));
        prop_assert!(run.is_dry_run() || judged.standing != Standing::Overdue);
        // A deadline that is over is broken in a dry run too, and so is a map that leaves out rows of people.
        let is_late = run.people.as_ref().is_some_and(|people| people.overdue > 0)
            || run.requests.as_ref().is_some_and(|requests| requests.overdue > 0)
            || run.people.as_ref().is_some_and(|people| !people.unmapped.is_empty());
        prop_assert!(!run.is_dry_run() || is_late || judged.standing != Standing::Broken);
    }

    #[test]
    fn every_format_marks_a_dry_run_and_an_account_that_does_not_balance(run in samples::any_run()) {
        let renders = [json::render, csv::render, text::render, html::render];
        for render in renders {
            prop_assert_eq!(render(std::slice::from_ref(&run)).contains(DRY_RUN), run.is_dry_run());
        }
        let lies = run.rules.iter().any(|rule| !rule.balances());
        prop_assert_eq!(html::render(std::slice::from_ref(&run)).contains(IMBALANCE), lies);
        prop_assert_eq!(run.exit_code() == 1, lies || run.worst_status() == Status::Failed);
    }
}
