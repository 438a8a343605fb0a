use std::collections::{BTreeMap, BTreeSet};

use super::memory::Memory;
use super::*;
use crate::diagnostic::place::Source;
use crate::ledger::names::{HasMap, Names, Policies};
use crate::schedule::{self, Schedule};

fn terms(retain: &str) -> Terms {
    Terms {
        table: "log".into(),
        action: "delete".into(),
        left: BTreeMap::new(),
        retain: Some(retain.into()),
        age: vec!["at".into()],
        condition: None,
        cascade: BTreeSet::new(),
        holds: BTreeMap::new(),
    }
}

fn hold(lasts: &str) -> HoldTerms {
    HoldTerms { table: "log".into(), lasts: lasts.into(), age: vec![], condition: None, of_people: false }
}

fn asks(old: &Terms, new: &Terms, holds: &BTreeMap<String, HoldTerms>) -> bool {
    !new.reach_beyond(old, holds, |_| false).is_empty()
}

#[test]
fn a_shorter_period_is_asked_about_and_a_longer_one_is_not() {
    let none = BTreeMap::new();
    assert!(asks(&terms("30 days"), &terms("29 days"), &none));
    assert!(asks(&terms("forever"), &terms("100 years"), &none));
    assert!(!asks(&terms("1 year"), &terms("12 months"), &none));
    assert!(!asks(&terms("30 days"), &terms("forever"), &none));
}

#[test]
fn whatever_may_let_more_rows_go_is_asked_about() {
    let (old, none) = (terms("30 days"), BTreeMap::new());
    let narrow = Terms { condition: Some("sha256:1".into()), ..old.clone() };
    assert!(!asks(&old, &narrow, &none), "a condition where none was keeps more");
    assert!(asks(&narrow, &old, &none));
    assert!(asks(&narrow, &Terms { condition: Some("sha256:2".into()), ..old.clone() }, &none));
    assert!(asks(&old, &Terms { retain: None, ..old.clone() }, &none));
    assert!(asks(&old, &Terms { action: "redact ip".into(), ..old.clone() }, &none));
    assert!(asks(&old, &Terms { table: "other".into(), ..old.clone() }, &none));
    assert!(asks(&old, &Terms { age: vec!["seen".into()], ..old.clone() }, &none));
    let wide = Terms { cascade: BTreeSet::from(["line".to_owned()]), ..old.clone() };
    assert!(asks(&old, &wide, &none));
    assert!(!asks(&wide, &old, &none));
}

#[test]
fn a_redaction_and_a_roll_up_that_leave_less_are_asked_about() {
    let none = BTreeMap::new();
    let leaves = |what: &str, how: &str| Terms {
        action: "redact ip".into(),
        left: BTreeMap::from([(what.to_owned(), how.to_owned())]),
        ..terms("30 days")
    };
    for (before, after, is_asked) in
        [("truncate-ip", "null", true), ("null", "truncate-ip", false), ("set", "null", false), ("hmac", "hmac", false)]
    {
        assert_eq!(asks(&leaves("ip", before), &leaves("ip", after), &none), is_asked, "{before} to {after}");
    }
    assert!(asks(&leaves("bucket", "day"), &leaves("bucket", "month"), &none));
    let older = Terms { left: BTreeMap::new(), ..leaves("ip", "") };
    assert!(!asks(&older, &leaves("ip", "null"), &none), "an older entry does not say what was left");
}

#[test]
fn a_hold_that_is_gone_or_shorter_is_asked_about_and_one_that_has_ended_is_not() {
    let held = |lasts: &str| BTreeMap::from([("tax".to_owned(), hold(lasts))]);
    let old = |lasts: &str| Terms { holds: held(lasts), ..terms("30 days") };
    let (new, none) = (terms("30 days"), BTreeMap::new());
    assert!(asks(&old("10 years"), &new, &none));
    assert!(new.reach_beyond(&old("until 2020-01-01"), &none, |_| true).is_empty());
    for (before, after, is_asked) in [
        ("10 years", "9 years", true),
        ("10 years", "11 years", false),
        ("until 2030-01-01", "until 2029-12-31", true),
        ("until 2030-01-01", "until 2030-01-02", false),
        ("until released", "until 2030-01-01", true),
        ("10 years", "until released", false),
        ("10 years", "until 2030-01-01", true),
    ] {
        let new = Terms { holds: held(after), ..new.clone() };
        assert_eq!(asks(&old(before), &new, &held(after)), is_asked, "{before} to {after}");
    }
    assert!(asks(&old("10 years"), &new, &held("10 years")), "it is there, and covers nothing that the rule reaches");
    let for_ever = terms("forever");
    assert!(!asks(&Terms { holds: held("10 years"), ..for_ever.clone() }, &for_ever, &held("10 years")));
    let of_people = BTreeMap::from([("tax".to_owned(), HoldTerms { of_people: true, ..hold("10 years") })]);
    let old_of_people = Terms { holds: of_people, ..terms("30 days") };
    assert!(asks(&old_of_people, &Terms { holds: held("10 years"), ..new.clone() }, &held("10 years")));
    let where_ = HoldTerms { condition: Some("sha256:1".into()), ..hold("10 years") };
    assert!(asks(&old("10 years"), &new, &BTreeMap::from([("tax".to_owned(), where_)])));
}

/// A schedule as an entry has it: rules of the table `log` by name and period.
fn known(policy: &str, rules: &[(&str, &str)]) -> Known {
    Known {
        policy: policy.into(),
        digest: String::new(),
        actor: String::new(),
        changes: vec![],
        rules: rules.iter().map(|(name, retain)| ((*name).to_owned(), terms(retain))).collect(),
        in_force: BTreeMap::new(),
        people: None,
        people_in_force: None,
    }
}

/// The same, of which one rule waits for consent, and acts on this period until then.
fn waiting(policy: &str, rules: &[(&str, &str)], (rule, retain): (&str, &str)) -> Known {
    Known { in_force: BTreeMap::from([(rule.to_owned(), terms(retain))]), ..known(policy, rules) }
}

/// A schedule of rules on the table `log`; `policy` and each rule may be followed by former names, such as `lines < logs`.
fn schedule(policy: &str, rules: &[&str]) -> Schedule {
    let named = |text: &str| {
        let mut names = text.split(" < ");
        let name = names.next().unwrap();
        let former: Vec<String> = names.map(|former| format!("\"{former}\"")).collect();
        format!("name = \"{name}\"\nformerly = [{}]\n", former.join(", "))
    };
    let rule = |(at, text): (usize, &&str)| {
        let age = format!("anchor = \"at\"\nretain = \"{} days\"\naction = \"delete\"\n", at + 1);
        format!("[[rule]]\n{}table = \"log\"\n{age}", named(text))
    };
    let rules: String = rules.iter().enumerate().map(rule).collect();
    let text = format!("[policy]\n{}{rules}", named(policy));
    schedule::parse(Source { path: "test.toml".into(), text: text.clone() })
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"))
}

/// What the ledger remembers, where these policies are there beside the schedule's own.
fn remembered(entries: &[Known], schedule: &Schedule, others: &[&str]) -> Memory {
    let mut policies = Policies::default();
    policies.add(&schedule.policy.name, HasMap::No);
    others.iter().for_each(|other| policies.add(other, HasMap::No));
    Memory::of(entries.to_vec(), Names { schedule, policies: &policies })
}

#[test]
fn a_rule_is_held_against_what_it_was_last_under_any_name_that_it_says_it_had() {
    let shared: &[Known] = &[
        known("house", &[("logs", "60 days"), ("other", "1 year")]),
        waiting("house", &[("logs", "7 days"), ("other", "1 year")], ("logs", "60 days")),
    ];
    let moved: &[Known] = &[known("house", &[("logs", "60 days")]), known("home", &[("logs", "90 days")])];
    let renamed: &[Known] = &[known("house", &[("logs", "60 days")]), known("house", &[("lines", "90 days")])];
    let gone: &[Known] = &[known("house", &[("logs", "60 days")]), known("house", &[])];
    /// What it is; the ledger; the policy and the rule of the schedule; the period that it is held against.
    type Case<'a> = (&'a str, &'a [Known], &'a str, &'a str, Option<&'a str>);
    let cases: &[Case<'_>] = &[
        ("as it is called", &shared[..1], "house", "logs", Some("60 days")),
        ("while it waits for consent", shared, "house", "logs", Some("60 days")),
        ("under another name, unsaid", &shared[..1], "house", "lines", None),
        ("under another name, said", &shared[..1], "house", "lines < logs", Some("60 days")),
        ("said while it waits", shared, "house", "lines < logs", Some("60 days")),
        ("of another policy, unsaid", &shared[..1], "home", "logs", None),
        ("of a policy that was renamed", &shared[..1], "home < house", "logs", Some("60 days")),
        ("both were renamed", &shared[..1], "home < house", "lines < logs", Some("60 days")),
        ("a policy that has its old name back", moved, "house < home", "logs", Some("90 days")),
        ("the same, unsaid", moved, "house", "logs", Some("60 days")),
        ("a rule that has its old name back", renamed, "house", "logs < lines", Some("90 days")),
        ("another rule under a name that was given up", renamed, "house", "logs", Some("60 days")),
        ("taken out and put back", gone, "house", "logs", Some("60 days")),
        ("taken out and put back under another name", gone, "house", "lines < logs", Some("60 days")),
        ("out of another policy", moved, "office", "lines < home/logs", Some("90 days")),
        ("out of another policy, unsaid", moved, "office", "lines", None),
        ("nothing was seen yet", &[], "house < home", "logs < lines", None),
    ];
    for (case, entries, policy, rule, expected) in cases {
        let schedule = schedule(policy, &[rule]);
        let memory = remembered(entries, &schedule, &[]);
        let found = memory.in_force(&schedule.rules[0].name).map(|terms| terms.retain.clone().unwrap());
        assert_eq!(found.as_deref(), *expected, "{case}");
    }
}

#[test]
fn a_new_rule_beside_one_that_is_gone_from_its_table_may_have_been_that_one() {
    let seen = [known("house", &[("logs", "60 days")])];
    /// What it is; the policy and its rules; the policies beside it; the rule that it may have been.
    type Case<'a> = (&'a str, &'a str, &'a [&'a str], &'a [&'a str], Option<&'a str>);
    let cases: &[Case<'_>] = &[
        ("renamed, unsaid", "house", &["lines"], &[], Some("logs")),
        ("renamed, said", "house", &["lines < logs"], &[], None),
        ("beside the one that is there", "house", &["lines", "logs"], &[], None),
        ("of a policy that was renamed, unsaid", "home", &["lines"], &[], Some("logs")),
        ("of a policy beside the other", "home", &["lines"], &["house"], None),
    ];
    for (case, policy, rules, others, expected) in cases {
        let schedule = schedule(policy, rules);
        let memory = remembered(&seen, &schedule, others);
        let found = memory.may_have_been(&terms("1 day")).map(|(name, _)| name.rule.as_str());
        assert_eq!(found, *expected, "{case}");
        let elsewhere = Terms { table: "other".into(), ..terms("1 day") };
        assert_eq!(memory.may_have_been(&elsewhere), None, "{case}, of another table");
    }
}

#[test]
fn a_change_is_told_in_sentences() {
    let (a, b) = (&[("x", "30 days")][..], &[("x", "7 days"), ("y", "1 year")][..]);
    let told = |before: &[Known], schedule: Schedule, rules: &[(&str, &str)]| {
        changes(&remembered(before, &schedule, &[]), &known(&schedule.policy.name, rules))
    };
    let seen = |rules: &[(&str, &str)]| known("house", rules);
    assert_eq!(told(&[], schedule("house", &["x"]), a), ["the ledger sees this policy for the first time"]);
    assert_eq!(
        told(&[seen(a)], schedule("house", &["x", "y"]), b),
        ["rule `x`: retain `30 days` became `7 days`", "rule `y` was added: delete of log, retain `1 year`"]
    );
    assert_eq!(
        told(&[seen(b)], schedule("house", &["x"]), &b[..1]),
        ["rule `y` was taken out: delete of log, retain `1 year`"]
    );
    assert_eq!(
        told(&[seen(b), seen(&b[..1])], schedule("house", &["x", "y"]), &[("x", "7 days"), ("y", "2 years")]),
        [
            "rule `y` was put back: delete of log, retain `2 years`",
            "rule `y`, since it was taken out: retain `1 year` became `2 years`"
        ]
    );
    assert_eq!(
        told(&[seen(a)], schedule("home < house", &["z < x"]), &[("z", "40 days")]),
        [
            "policy `house` is called `home` now",
            "rule `z` was rule `x` of policy `house`: delete of log, retain `40 days`",
            "rule `z`: retain `30 days` became `40 days`"
        ]
    );
    assert_eq!(told(&[seen(a)], schedule("house", &["x"]), a), ["the file changed, and no rule with it"]);
}
