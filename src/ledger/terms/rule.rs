//! What a schedule says of a rule, and where that lets more rows go than before.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::hold::{Covered, HoldTerms};
use super::wording::{is_shorter, joined, pairs, shown};
use crate::base::time::Period;

/// Redactions that leave nothing of a value.
pub(super) const WHOLLY_GONE: [&str; 2] = ["null", "set"];

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
    pub(super) fn differences(&self, old: &Terms) -> Vec<String> {
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

    pub(super) fn shown(&self) -> String {
        format!("{} of {}, retain `{}`", self.action, self.table, shown(&self.retain))
    }
}
