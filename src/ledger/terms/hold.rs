//! What a schedule says of a hold, and where that covers less than before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::wording::is_shorter;

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

/// The holds that cover some rows, and all that are in the schedules, in force or not.
pub(super) struct Covered<'a> {
    pub now: &'a BTreeMap<String, HoldTerms>,
    pub all: &'a BTreeMap<String, HoldTerms>,
}

impl Covered<'_> {
    /// Which of the holds that covered these rows may cover less of them; one that has ended is no change.
    pub fn less_than(&self, old: &BTreeMap<String, HoldTerms>, has_ended: &dyn Fn(&HoldTerms) -> bool) -> Vec<String> {
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

    pub(super) fn shown(&self) -> String {
        let condition = self.condition.as_ref().map(|digest| format!(" where {digest}")).unwrap_or_default();
        let people = if self.of_people { "people of " } else { "" };
        format!("{people}{} {}{condition}", self.table, self.lasts)
    }
}

/// The last day of a hold that has one.
pub fn until(lasts: &str) -> Option<jiff::civil::Date> {
    lasts.strip_prefix("until ")?.parse().ok()
}
