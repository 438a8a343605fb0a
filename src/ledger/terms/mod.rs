//! What the ledger knows of a policy's schedule: the terms of each rule as it last saw them, and those that are in force
//! until somebody consents to wider ones. Every change of them is an entry of the chain.

pub mod memory;
pub mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{chain, json};
use crate::base::time::Period;
use crate::db::{Connection, DbError};
use crate::record::ERASURES;

use memory::{Basis, Memory};
use people::PeopleTerms;

/// Redactions that leave nothing of a value.
const WHOLLY_GONE: [&str; 2] = ["null", "set"];

/// The kind of an entry that tells of a schedule.
const SCHEDULE: &str = "schedule";

/// What a schedule says of a rule, as far as it decides which rows go. Conditions are digests: they may hold constants
/// that lead to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub table: String,
    /// The action with its columns, as `redact email, name`.
    pub action: String,
    /// What it leaves of a row: each redacted column with the word for it, or the `bucket`, `keep` and `measures` of a
    /// roll-up. Not known of older entries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<String, String>,
    /// The period as written; `None` where a column holds the end itself.
    pub retain: Option<String>,
    /// The columns that tell the age, and how they are read.
    pub age: Vec<String>,
    /// `sha256:` and hex.
    pub condition: Option<String>,
    pub cascade: BTreeSet<String>,
    /// The holds that cover rows which the rule reaches, by name.
    pub holds: BTreeMap<String, HoldTerms>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldTerms {
    pub table: String,
    /// As written: `10 years`, `until 2030-01-01`, or `until released`.
    pub lasts: String,
    pub age: Vec<String>,
    pub condition: Option<String>,
    /// It covers all that is theirs, and not only rows of its table.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_people: bool,
}

/// The body of a schedule's entry: the whole state, so that the newest one of a policy says all but what was there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub policy: String,
    /// Of the schedule's file: `sha256:` and hex.
    pub digest: String,
    /// Who started the run that saw it.
    pub actor: String,
    /// What is new since the entry before, in sentences.
    pub changes: Vec<String>,
    /// As the schedule has them.
    pub rules: BTreeMap<String, Terms>,
    /// Of rules whose terms wait for consent: those that they were last let to act on.
    pub in_force: BTreeMap<String, Terms>,
    /// The map of people, where the schedule has one on this database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<PeopleTerms>,
    /// As `in_force`, of the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people_in_force: Option<PeopleTerms>,
    /// What is new to it, and goes on with something that another policy had and no schedule has there any more. The map of
    /// people counts as the rule `erase`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub continues: BTreeMap<String, Origin>,
    /// Where it goes on with anything, the other policies that there were, so that one that came with it is known for that.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub beside: BTreeSet<String>,
}

/// A rule of another policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    pub policy: String,
    pub rule: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule == ERASURES {
            true => write!(f, "the map of people of policy `{}`", self.policy),
            false => write!(f, "rule `{}` of policy `{}`", self.rule, self.policy),
        }
    }
}

impl Known {
    /// The terms on which a rule may act without being asked.
    pub fn in_force(&self, rule: &str) -> Option<&Terms> {
        self.in_force.get(rule).or_else(|| self.rules.get(rule))
    }

    /// The terms on which people may be erased without anybody being asked.
    pub fn people_in_force(&self) -> Option<&PeopleTerms> {
        self.people_in_force.as_ref().or(self.people.as_ref())
    }

    /// Does it say anything that `other` does not?
    pub fn says_the_same_as(&self, other: &Known) -> bool {
        let terms = |known: &Known| {
            let Known { rules, in_force, people, people_in_force, .. } = known.clone();
            (rules, in_force, people, people_in_force)
        };
        self.digest == other.digest && terms(self) == terms(other)
    }

    /// Chains it; must stand in the transaction that begins the run which saw it.
    pub(super) fn append(&self, conn: &mut Connection, run: &str, at: Timestamp) -> Result<(), DbError> {
        chain::append(conn, SCHEDULE, Some(run), json(self)?, at).map(drop)
    }
}

impl Terms {
    /// Why rows may go by these terms that stayed by `old`; empty where none can. `holds` are all that are in the schedules
    /// now, in force or not: one that has ended is no change.
    pub fn reach_beyond(
        &self,
        old: &Terms,
        holds: &BTreeMap<String, HoldTerms>,
        has_ended: impl Fn(&HoldTerms) -> bool,
    ) -> Vec<String> {
        let mut reasons = Vec::new();
        let mut ask = |is_wider: bool, reason: String| {
            if is_wider {
                reasons.push(reason);
            }
        };
        let became = |what: &str, old: &str, new: &str| format!("{what} went from `{old}` to `{new}`");
        ask(self.table != old.table, became("its table", &old.table, &self.table));
        ask(self.action != old.action, became("its action", &old.action, &self.action));
        for (what, before) in &old.left {
            let now = self.left.get(what).filter(|now| self.action == old.action && *now != before);
            // Of a value that was gone whole nothing more can go.
            if let Some(now) = now.filter(|_| !WHOLLY_GONE.contains(&before.as_str())) {
                ask(true, became(&format!("what it leaves of `{what}`"), before, now));
            }
        }
        ask(is_shorter(&self.retain, &old.retain), became("its period", shown(&old.retain), shown(&self.retain)));
        ask(self.age != old.age, became("what tells the age", &old.age.join(", "), &self.age.join(", ")));
        let condition = if self.condition.is_none() { "its condition was taken out" } else { "its condition changed" };
        ask(old.condition.is_some() && self.condition != old.condition, condition.to_owned());
        for table in self.cascade.difference(&old.cascade) {
            ask(true, format!("it now cascades over {table}"));
        }
        // Of what is kept for ever no hold is looked up, and none is needed.
        let now = if self.is_kept_for_ever() { &old.holds } else { &self.holds };
        reasons.extend(Covered { now, all: holds }.less_than(&old.holds, &has_ended));
        reasons
    }

    fn is_kept_for_ever(&self) -> bool {
        let period = self.retain.as_deref().and_then(|retain| Period::parse(retain).ok());
        period.is_some_and(|period| period.is_forever())
    }

    /// What is said otherwise than in `old`.
    fn differences(&self, old: &Terms) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |what: &str, old: &str, new: &str| {
            if old != new {
                lines.push(format!("{what} `{old}` became `{new}`"));
            }
        };
        line("table", &old.table, &self.table);
        line("action", &old.action, &self.action);
        line("leaves", &pairs(&old.left), &pairs(&self.left));
        line("retain", shown(&old.retain), shown(&self.retain));
        line("anchor", &old.age.join(", "), &self.age.join(", "));
        line("where", shown(&old.condition), shown(&self.condition));
        line("cascade", &joined(&old.cascade), &joined(&self.cascade));
        for name in old.holds.keys().chain(self.holds.keys().filter(|name| !old.holds.contains_key(*name))) {
            let lasts = |terms: &Terms| terms.holds.get(name).map_or("none".to_owned(), HoldTerms::shown);
            line(&format!("hold {name}"), &lasts(old), &lasts(self));
        }
        lines
    }

    fn shown(&self) -> String {
        format!("{} of {}, retain `{}`", self.action, self.table, shown(&self.retain))
    }
}

/// The holds that cover some rows, and all that are in the schedules, in force or not.
struct Covered<'a> {
    now: &'a BTreeMap<String, HoldTerms>,
    all: &'a BTreeMap<String, HoldTerms>,
}

impl Covered<'_> {
    /// Which of the holds that covered these rows may cover less of them; one that has ended is no change.
    fn less_than(&self, old: &BTreeMap<String, HoldTerms>, has_ended: &dyn Fn(&HoldTerms) -> bool) -> Vec<String> {
        let less = |(name, old): (&String, &HoldTerms)| match self.all.get(name) {
            None => Some(format!("hold `{name}` was taken out")),
            Some(new) if new.may_cover_less_than(old) => Some(format!("hold `{name}` may cover less than it did")),
            Some(_) if !self.now.contains_key(name) => Some(format!("hold `{name}` covers none of it any more")),
            Some(_) => None,
        };
        old.iter().filter(|(_, hold)| !has_ended(hold)).filter_map(less).collect()
    }
}

impl HoldTerms {
    /// Whether rows may be free that `old` covered; also where that cannot be told.
    fn may_cover_less_than(&self, old: &HoldTerms) -> bool {
        let lasts_as_long = self.lasts == old.lasts
            || self.lasts == "until released"
            || match (until(&self.lasts), until(&old.lasts)) {
                (Some(new), Some(old)) => new >= old,
                (None, None) => !is_shorter(&Some(self.lasts.clone()), &Some(old.lasts.clone())),
                _ => false,
            };
        let covers_the_same = self.condition.is_none() || self.condition == old.condition;
        let covers_them_all = self.of_people || !old.of_people;
        let from_the_same = self.age == old.age || self.age.is_empty();
        !(lasts_as_long && covers_the_same && covers_them_all && from_the_same && self.table == old.table)
    }

    fn shown(&self) -> String {
        let condition = self.condition.as_ref().map(|digest| format!(" where {digest}")).unwrap_or_default();
        let people = if self.of_people { "people of " } else { "" };
        format!("{people}{} {}{condition}", self.table, self.lasts)
    }
}

/// The last day of a hold that has one.
pub fn until(lasts: &str) -> Option<jiff::civil::Date> {
    lasts.strip_prefix("until ")?.parse().ok()
}

/// Also where one of the two is no period at all.
fn is_shorter(new: &Option<String>, old: &Option<String>) -> bool {
    match (new, old) {
        (Some(new), Some(old)) => match (Period::parse(new), Period::parse(old)) {
            (Ok(new), Ok(old)) => !new.is_never_shorter_than(&old),
            _ => new != old,
        },
        (new, old) => new != old,
    }
}

fn shown(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or("none")
}

fn joined(tables: &BTreeSet<String>) -> String {
    tables.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// `ip: truncate-ip, name: null`
fn pairs(map: &BTreeMap<String, String>) -> String {
    map.iter().map(|(what, how)| format!("{what}: {how}")).collect::<Vec<_>>().join(", ")
}

/// What `new` says that the ledger did not know, in sentences.
pub fn changes(memory: &Memory, new: &Known) -> Vec<String> {
    let mut changes = Vec::new();
    let nothing = BTreeMap::new();
    let (rules, in_force) = memory.newest().map_or((&nothing, &nothing), |old| (&old.rules, &old.in_force));
    let is_first = memory.newest().is_none();
    if is_first {
        changes.push("the ledger sees this policy for the first time".to_owned());
    }
    for (rule, origin) in memory.returned() {
        changes.push(format!("{} is back, with which {origin} had gone on", called(rule)));
    }
    for (name, terms) in &new.rules {
        let mut since = |what: String, before: &Terms| {
            let since = terms.differences(before);
            changes.push(format!("rule `{name}` {what}"));
            changes.extend(since.iter().map(|line| format!("rule `{name}`, since it was taken out: {line}")));
        };
        let continued = new.continues.get(name);
        match (rules.get(name), continued.and_then(|origin| Some((origin, memory.last_of(origin)?)))) {
            (Some(before), _) => {
                changes.extend(terms.differences(before).iter().map(|line| format!("rule `{name}`: {line}")));
            }
            (None, Some((origin, before))) => since(format!("goes on with {origin}: {}", terms.shown()), before),
            (None, None) => match memory.once_had(name) {
                Some(before) => since(format!("was put back: {}", terms.shown()), before),
                None if is_first => {}
                None => changes.push(format!("rule `{name}` was added: {}", terms.shown())),
            },
        }
        match (in_force.contains_key(name), new.in_force.contains_key(name)) {
            (false, true) => changes.push(format!("rule `{name}` waits for consent to its new terms")),
            (true, false) => changes.push(format!("rule `{name}` goes by its new terms from now on")),
            _ => {}
        }
    }
    changes.extend(changes_of_people(memory, new));
    let gone = rules.iter().filter(|(name, _)| !new.rules.contains_key(*name));
    changes.extend(gone.map(|(name, terms)| format!("rule `{name}` was taken out: {}", terms.shown())));
    if changes.is_empty() {
        changes.push("the file changed, and no rule with it".to_owned());
    }
    changes
}

/// A rule as messages call it.
fn called(rule: &str) -> String {
    if rule == ERASURES { "the map of people".to_owned() } else { format!("rule `{rule}`") }
}

fn changes_of_people(memory: &Memory, new: &Known) -> Vec<String> {
    let (people, in_force) = memory.newest().map_or((&None, &None), |newest| (&newest.people, &newest.people_in_force));
    let told = |lines: Vec<String>| lines.into_iter().map(|line| format!("the map of people: {line}"));
    let mut changes = match (people, &new.people) {
        (None, None) => Vec::new(),
        (None, Some(terms)) => match memory.people_in_force(&terms.table) {
            None if memory.newest().is_none() => Vec::new(),
            None => vec![format!("the ledger sees the map of the people in {} for the first time", terms.table)],
            Some(Basis { terms: before, of }) => {
                let what = match of {
                    Some(origin) => format!("goes on with {origin}"),
                    None => "was put back".to_owned(),
                };
                let back = format!("the map of the people in {} {what}", terms.table);
                [back].into_iter().chain(told(terms.differences(&before))).collect()
            }
        },
        (Some(terms), None) => vec![format!("the map of the people in {} was taken out", terms.table)],
        (Some(old), Some(new)) => told(new.differences(old)).collect(),
    };
    match (in_force, &new.people_in_force) {
        (None, Some(_)) => changes.push("the map of people waits for consent to its new terms".to_owned()),
        (Some(_), None) if new.people.is_some() => {
            changes.push("the map of people goes by its new terms from now on".to_owned());
        }
        _ => {}
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::memory::History;
    use super::*;
    use crate::ledger::roster::Roster;

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
        for (before, after, is_asked) in [
            ("truncate-ip", "null", true),
            ("null", "truncate-ip", false),
            ("set", "null", false),
            ("hmac", "hmac", false),
        ] {
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
        assert!(
            asks(&old("10 years"), &new, &held("10 years")),
            "it is there, and covers nothing that the rule reaches"
        );
        let for_ever = terms("forever");
        assert!(!asks(&Terms { holds: held("10 years"), ..for_ever.clone() }, &for_ever, &held("10 years")));
        let of_people = BTreeMap::from([("tax".to_owned(), HoldTerms { of_people: true, ..hold("10 years") })]);
        let old_of_people = Terms { holds: of_people, ..terms("30 days") };
        assert!(asks(&old_of_people, &Terms { holds: held("10 years"), ..new.clone() }, &held("10 years")));
        let where_ = HoldTerms { condition: Some("sha256:1".into()), ..hold("10 years") };
        assert!(asks(&old("10 years"), &new, &BTreeMap::from([("tax".to_owned(), where_)])));
    }

    #[test]
    fn a_change_is_told_in_sentences() {
        let known = |rules: &[(&str, Terms)]| Known {
            policy: "house".into(),
            digest: String::new(),
            actor: String::new(),
            changes: vec![],
            rules: rules.iter().map(|(name, terms)| ((*name).to_owned(), terms.clone())).collect(),
            in_force: BTreeMap::new(),
            people: None,
            people_in_force: None,
            continues: BTreeMap::new(),
            beside: BTreeSet::new(),
        };
        let roster = {
            let mut roster = Roster::default();
            roster.add("house", ["x", "y"]);
            roster
        };
        let remembered = |known: &Known| History::of([known.clone()].into_iter()).memory("house", &roster);
        let (a, b) = (known(&[("x", terms("30 days"))]), known(&[("x", terms("7 days")), ("y", terms("1 year"))]));
        assert_eq!(
            changes(&remembered(&a), &b),
            ["rule `x`: retain `30 days` became `7 days`", "rule `y` was added: delete of log, retain `1 year`"]
        );
        assert_eq!(changes(&remembered(&b), &a)[1], "rule `y` was taken out: delete of log, retain `1 year`");
    }
}
