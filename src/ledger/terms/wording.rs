//! Terms as sentences show them, and two periods held against each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::time::Period;

/// Also where one of the two is no period at all.
pub(super) fn is_shorter(new: &Option<String>, old: &Option<String>) -> bool {
    match (new, old) {
        (Some(new), Some(old)) => match (Period::parse(new), Period::parse(old)) {
            (Ok(new), Ok(old)) => !new.is_never_shorter_than(&old),
            _ => new != old,
        },
        (new, old) => new != old,
    }
}

pub(super) fn shown(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or("none")
}

pub(super) fn joined(tables: &BTreeSet<String>) -> String {
    tables.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// `ip: truncate-ip, name: null`
pub(super) fn pairs(map: &BTreeMap<String, String>) -> String {
    map.iter().map(|(what, how)| format!("{what}: {how}")).collect::<Vec<_>>().join(", ")
}
