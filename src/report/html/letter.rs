//! The mail of a run as HTML: small enough that no reader of mails cuts it.

use maud::{Markup, html};

use super::document;
use super::parts::{Column, badge, facts, heading, name, section, table};
use crate::record::RunRecord;
use crate::report::letter::{Letter, MOST};
use crate::report::paint::{Paint, look};
use crate::report::wording::DRY_RUN;

/// Bytes of the HTML of a mail.
pub const LARGEST: usize = 25_000;

/// The mail of `run`, with as many items a list as fit.
pub fn render(run: &RunRecord) -> String {
    let fewer = [MOST, MOST / 2, MOST / 4].map(|most| page(run, most));
    let fitting = fewer.into_iter().find(|page| page.len() < LARGEST);
    fitting.unwrap_or_else(|| page(run, 1))
}

fn page(run: &RunRecord, most: usize) -> String {
    let letter = Letter::of(run, most);
    let mark = if run.is_dry_run() { format!("{DRY_RUN}: ") } else { String::new() };
    let title = format!("{mark}{} — {}", letter.standing.label(), letter.policy);
    document(&title, "Retention report", None, body(&letter))
}

fn body(letter: &Letter) -> Markup {
    html! {
        article {
            (band(letter))
            (promises(letter))
            (heading("Can I believe this?"))
            (facts("What makes this evidence", &letter.evidence))
            p style="margin:8px 0 0" { bdi { (letter.how_to_check) } }
            (attention(letter))
            (section("Notes", &letter.notes, |note| name(note)))
        }
    }
}

fn band(letter: &Letter) -> Markup {
    let band = look(
        &[Paint::Says(letter.standing), Paint::Tint(letter.standing)],
        "padding:16px 18px;border-style:solid;border-width:0 0 0 6px",
    );
    let (ink, quiet) = (look(&[Paint::Ink], "margin:4px 0"), look(&[Paint::Quiet], "margin:2px 0;font-size:14px"));
    html! {
        header class=(band.class) style=(band.style) {
            p style="margin:0;font-size:16px;font-weight:700" { (letter.label) }
            h2 class=(ink.class) style={ (ink.style) ";font:600 22px/1.25 Georgia,serif" } { (letter.headline) }
            @for cause in &letter.causes { p class=(ink.class) style=(ink.style) { (cause) } }
            @for step in &letter.steps {
                p class=(ink.class) style={ (ink.style) ";font-weight:600" } { (step) }
            }
            @for said in letter.totals.iter().chain([&letter.policy]) {
                p class=(quiet.class) style=(quiet.style) { bdi { (said) } }
            }
        }
    }
}

fn promises(letter: &Letter) -> Markup {
    html! {
        @if !letter.promises.is_empty() {
            (heading("Promises"))
            (table(
                "Each promise, the worst first",
                [Column::Text("Promise"), Column::Text("Verdict")],
                letter.promises.iter().map(|kept| [
                    html! {
                        bdi { (kept.promise) }
                        @for detail in &kept.details { br; span style="font-weight:400" { bdi { (detail) } } }
                    },
                    badge(kept.standing),
                ]),
            ))
            @if let Some(said) = &letter.other_promises { p style="margin:8px 0 0" { (said) } }
        }
    }
}

fn attention(letter: &Letter) -> Markup {
    html! {
        @if !letter.attention.is_empty() {
            (heading("What needs attention"))
            (table(
                "Rules and people's data that are not as promised, the worst first",
                [Column::Text("What"), Column::Text("Verdict"), Column::Text("Because")],
                letter.attention.iter().map(|item| [name(&item.title), badge(item.standing), name(&item.reason)]),
            ))
            @if let Some(said) = &letter.more_attention { p style="margin:8px 0 0" { (said) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{PromiseRecord, Status};
    use crate::report::samples;
    use crate::report::tests::assert_well_formed;

    #[test]
    fn the_mail_of_a_run_that_erased_people_too_late() {
        insta::assert_snapshot!(render(&samples::erased_people()));
    }

    #[test]
    fn two_hundred_rules_with_long_names_fit_into_a_mail() {
        for status in [Status::Ok, Status::Failed, Status::Guarded] {
            let mut run = samples::a_guard();
            let rule = run.rules[0].clone();
            let long = |n: usize| format!("{n}-{}", "name & more-of-it ".repeat(12));
            run.rules = vec![rule; 200];
            for (n, rule) in run.rules.iter_mut().enumerate() {
                (rule.rule, rule.title, rule.promises) = (long(n), Some(long(n)), vec![format!("P{n}")]);
                (rule.status, rule.error) = (status, Some(long(n)));
            }
            run.schedule.name = long(0);
            run.notes = (0..200).map(long).collect();
            run.schedule.promises =
                (0..200).map(|n| (format!("P{n}"), PromiseRecord { text: long(n), url: None, since: None })).collect();
            let page = render(&run);
            assert!(page.len() < LARGEST, "{} bytes", page.len());
            assert!(page.find("ledger head").unwrap() < page.find("What needs attention").unwrap());
            assert!(page.contains("more promises in the attached report"), "the reader is told that there are more");
            assert!(super::super::super::letter::text(&run).len() < LARGEST);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_mail_of_any_run_is_small_and_well_formed(run in samples::any_run()) {
            let page = render(&run);
            prop_assert!(page.len() < LARGEST, "{} bytes", page.len());
            assert_well_formed(&page);
        }
    }
}
