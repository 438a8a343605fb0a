//! What a person may be told of their erasure: what went, what stays and why and until when, and how long it took.
//!
//! A certificate names nobody. The person is a pseudonym, which the house can tell to be theirs because it has the key, and
//! everybody else can only compare with another certificate's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::json::escape_unseen;
use super::page::Page;
use super::wording::{Fact, RESIDUAL_OF_A_PERSON, count, instant, rows};

/// The erasure of one person, as far as it has come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Certificate {
    /// Version of the program that made it.
    pub tenure: String,
    /// By which the house finds the erasure again.
    pub reference: String,
    pub policy: String,
    /// The person's pseudonym, and the key that it was made with.
    pub person: String,
    pub key_id: String,
    /// In words: `the account was closed`.
    pub because: String,
    /// When the account was closed, or the request made: days count from here.
    pub asked: Timestamp,
    /// `None`: something of the person's is there that is to go, or that no run has seen going.
    pub finished: Option<Timestamp>,
    pub state: State,
    /// What becomes of what is there still, in words; `None` where all is done.
    pub rest: Option<String>,
    /// The promise, as the schedule words it: `30 days`.
    pub within: String,
    /// The last instant that keeps it.
    pub due: Timestamp,
    pub days_used: u32,
    pub days_allowed: u32,
    pub gone: Vec<Gone>,
    /// Rows of the person that are there now, each with its ground.
    pub kept: Vec<Kept>,
    /// On the copies that no erasure reaches.
    pub residual: Vec<String>,
    pub run: String,
    /// `None` until the run is closed.
    pub ledger: Option<Evidence>,
}

/// How far an erasure has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing of the person's is left that is to go.
    Erased,
    /// A run goes on.
    Unfinished,
    /// A hold keeps the rest until it ends.
    Held,
    /// The rest stays as long as what refers to it.
    Blocked,
    /// What it was done for is over, and the rest stays.
    Ended,
    /// Nothing was left, and something has come since that nobody asks to go.
    Since,
    /// Something had stayed, and is gone since.
    Gone,
    /// Of the rest nothing is found any more, nor what it was found by.
    Lost,
}

/// What was done in one table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Gone {
    pub table: String,
    pub category: Option<String>,
    pub promises: Vec<String>,
    /// `delete` or `redact`.
    pub action: String,
    /// Of a redaction: what is not there any more.
    pub columns: Vec<String>,
    pub rows: u64,
    /// Dependent rows deleted with them, by table.
    pub cascaded: BTreeMap<String, u64>,
    /// References to them that are NULL now, by `table.column`.
    pub detached: BTreeMap<String, u64>,
}

/// Rows that stay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    pub table: String,
    pub rows: u64,
    pub reason: String,
    /// `until 2033-01-01`, or how long; `None` where nothing says.
    pub until: Option<String>,
}

/// Where the ledger holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// Number of the entry that closed the run.
    pub entry: u64,
    /// `sha256:` and hex.
    pub head: String,
}

impl Certificate {
    pub fn is_late(&self) -> bool {
        self.days_used > self.days_allowed
    }

    /// One sentence that says how it stands.
    pub fn headline(&self) -> String {
        let (within, is_late) = (&self.within, self.is_late());
        let over = if is_late { format!(", and the promised {within} are over") } else { String::new() };
        match self.state {
            State::Erased if is_late => format!("Erased, but later than the promised {within}"),
            State::Erased => "Erased, in time".to_owned(),
            State::Unfinished if is_late => format!("Not done yet{over}"),
            State::Unfinished => "Begun, and not done yet".to_owned(),
            State::Held => format!("Erased in part: a hold keeps the rest{over}"),
            State::Blocked => format!("Erased in part: the rest is referred to{over}"),
            State::Ended => "Erased in part: the rest stays".to_owned(),
            State::Since => "Erased, and something has come since".to_owned(),
            State::Gone => "Erased: what had stayed is gone since".to_owned(),
            State::Lost => "Erased in part: of the rest nothing is found".to_owned(),
        }
    }

    /// What makes the page one that can be asked about.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let fact = |label, value: String| Fact { label, value };
        let mut facts = vec![
            fact("reference", self.reference.clone()),
            fact("policy", self.policy.clone()),
            fact("person", format!("{} (pseudonym, key {})", self.person, self.key_id)),
            fact("because", format!("{}, {}", self.because, instant(self.asked))),
            fact("done", self.done()),
            fact(
                "days",
                format!(
                    "{}{} used of {} ({}, which end {})",
                    if self.state == State::Gone { "at least " } else { "" },
                    self.days_used,
                    self.days_allowed,
                    self.within,
                    instant(self.due)
                ),
            ),
            fact("run", self.run.clone()),
        ];
        if let Some(ledger) = &self.ledger {
            facts.push(fact("ledger", format!("entry {}", ledger.entry)));
            facts.push(fact("head", ledger.head.clone()));
        }
        facts
    }
}

impl Certificate {
    fn done(&self) -> String {
        match (self.finished, &self.rest) {
            (Some(finished), _) => instant(finished),
            (None, Some(rest)) if self.state == State::Gone => rest.clone(),
            (None, Some(rest)) => format!("not all: {rest}"),
            (None, None) => "not yet".to_owned(),
        }
    }
}

impl Gone {
    /// `412 rows deleted, and with them 3 of certificate`
    pub fn sentence(&self) -> String {
        let mut said = match self.action.as_str() {
            "redact" => format!("{} redacted: {}", rows(self.rows), self.columns.join(", ")),
            _ => format!("{} deleted", rows(self.rows)),
        };
        let along: Vec<_> = self.cascaded.iter().map(|(table, n)| format!("{} of {table}", count(*n))).collect();
        if !along.is_empty() {
            said += &format!(", and with them {}", along.join(", "));
        }
        let let_go: Vec<_> = self.detached.iter().map(|(link, n)| format!("{} in {link}", count(*n))).collect();
        if !let_go.is_empty() {
            said += &format!("; references set to NULL: {}", let_go.join(", "));
        }
        said
    }
}

impl Kept {
    /// `3 rows: tax records, until 2033-01-01`
    pub fn sentence(&self) -> String {
        let until = self.until.as_ref().map(|until| format!(", {until}")).unwrap_or_default();
        format!("{}: {}{until}", rows(self.rows), self.reason)
    }
}

pub(super) const NOTHING_GONE: &str = "Nothing: no row of the person's was found.";
pub(super) const NOTHING_KEPT: &str = "Nothing of what the schedule names as the person's.";

/// What no erasure reaches, in our words and then in the policy's own.
pub fn residual(policys_own: Option<&str>) -> Vec<String> {
    std::iter::once(RESIDUAL_OF_A_PERSON).chain(policys_own).map(str::to_owned).collect()
}

/// For a terminal or a letter.
pub fn text(certificate: &Certificate) -> String {
    let mut page = Page::default();
    page.paragraph(0, &format!("ERASURE CERTIFICATE — {}", certificate.headline().to_uppercase()));
    page.heading("Whose, when, and under which promise");
    for Fact { label, value } in certificate.facts() {
        page.entry(label, &value);
    }
    page.heading("What went");
    for gone in &certificate.gone {
        page.item(&format!("{}: {}", gone.table, gone.sentence()));
    }
    if certificate.gone.is_empty() {
        page.item(NOTHING_GONE);
    }
    page.heading("What stays, and why");
    for kept in &certificate.kept {
        page.item(&format!("{}: {}", kept.table, kept.sentence()));
    }
    if certificate.kept.is_empty() {
        page.item(NOTHING_KEPT);
    }
    page.heading("What remains elsewhere");
    for said in &certificate.residual {
        page.item(said);
    }
    page.out
}

/// For programs. Ends with a line break.
pub fn json(certificate: &Certificate) -> String {
    let text = serde_json::to_string_pretty(certificate).expect("strings, counts and maps with string keys only");
    escape_unseen(&text) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html;

    fn certificate() -> Certificate {
        let gone = |table: &str, action: &str, rows| Gone {
            table: table.to_owned(),
            action: action.to_owned(),
            rows,
            ..Gone::default()
        };
        Certificate {
            tenure: "0.1.0".to_owned(),
            reference: "E-7Q2M4KXB3A".to_owned(),
            policy: "Aalalux data tracking policy".to_owned(),
            person: "5f".repeat(32),
            key_id: "0a1b2c3d4e5f6071".to_owned(),
            because: "the account was closed".to_owned(),
            asked: "2026-10-01T10:00:00Z".parse().unwrap(),
            finished: Some("2026-10-09T02:15:07Z".parse().unwrap()),
            state: State::Erased,
            rest: None,
            within: "30 days".to_owned(),
            due: "2026-10-31T10:00:00Z".parse().unwrap(),
            days_used: 8,
            days_allowed: 30,
            gone: vec![
                Gone {
                    cascaded: BTreeMap::from([("quiz_answer".to_owned(), 4_120)]),
                    ..gone("quiz_attempt", "delete", 412)
                },
                Gone {
                    columns: vec!["email".to_owned(), "given_name".to_owned()],
                    detached: BTreeMap::from([("account.guardian_id".to_owned(), 1)]),
                    ..gone("account", "redact", 1)
                },
            ],
            kept: vec![
                Kept {
                    table: "payment".to_owned(),
                    rows: 3,
                    reason: "tax records".to_owned(),
                    until: Some("10 years after paid_at".to_owned()),
                },
                Kept { table: "support_ticket".to_owned(), rows: 1, reason: "hold `case-7`".to_owned(), until: None },
            ],
            residual: vec!["Backups are kept for 35 days.".to_owned()],
            run: "20261009T021500Z-0a1b2c".to_owned(),
            ledger: Some(Evidence { entry: 41, head: format!("sha256:{}", "c0".repeat(32)) }),
        }
    }

    #[test]
    fn a_certificate_says_what_went_what_stays_and_how_long_it_took() {
        insta::assert_snapshot!(text(&certificate()));
    }

    #[test]
    fn its_page_and_its_document_say_the_same() {
        insta::assert_snapshot!("the_page_of_a_certificate", html::certificate::render(&certificate()));
        insta::assert_snapshot!("the_document_of_a_certificate", json(&certificate()));
    }

    #[test]
    fn one_that_is_late_and_not_done_says_so_first() {
        let late = Certificate {
            finished: None,
            state: State::Unfinished,
            rest: Some("the next run goes on".to_owned()),
            days_used: 31,
            ledger: None,
            gone: Vec::new(),
            kept: Vec::new(),
            ..certificate()
        };
        insta::assert_snapshot!(text(&late));
        assert_eq!(
            Certificate { state: State::Erased, ..late }.headline(),
            "Erased, but later than the promised 30 days"
        );
    }

    #[test]
    fn every_format_tells_the_same_and_obeys_nothing_that_a_name_says() {
        let odd = Certificate { policy: "House\u{1b}[2J <b>rules</b>".to_owned(), ..certificate() };
        let (text, html, json) = (text(&odd), html::certificate::render(&odd), json(&odd));
        assert!(!text.contains('\u{1b}') && !html.contains('\u{1b}') && !json.contains('\u{1b}'));
        assert!(html.contains("&lt;b&gt;rules") && !html.contains("<b>rules"));
        for said in
            ["E-7Q2M4KXB3A", "quiz_answer", "4,120", "tax records", "10 years after paid_at", "case-7", "35 days"]
        {
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(said) && html.contains(said), "{said}");
        }
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&parsed["days_used"], &parsed["gone"][0]["cascaded"]["quiz_answer"]), (&8.into(), &4120.into()));
        assert_eq!(parsed["policy"], odd.policy);
    }
}
