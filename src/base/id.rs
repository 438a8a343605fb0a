//! Ids as people type them: the whole id, or a beginning that fits one id alone.
//!
//! A beginning is short where a script has lost its variable, and an empty one begins every id. So a beginning has eight
//! letters at least, and one that fits two ids names neither.

/// A beginning has so many characters at least.
pub const SHORTEST_BEGINNING: usize = 8;

/// Can this be a beginning of an id, or a whole one? What is shorter names nothing, so nothing need be looked up for it.
pub fn is_long_enough(typed: &str) -> bool {
    typed.chars().count() >= SHORTEST_BEGINNING
}

/// Why what was typed names no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unnamed {
    /// It is no whole id, and too short for a beginning.
    TooShort,
    /// No id is it or begins with it.
    Unknown,
    /// So many ids begin with it.
    Ambiguous(usize),
}

/// The id among `ids` that `typed` names. A whole id names itself, also where others begin with it.
///
/// # Errors
/// Where it names none, or more than one.
pub fn find<'i>(typed: &str, ids: impl IntoIterator<Item = &'i str>) -> Result<&'i str, Unnamed> {
    let mut found: Vec<&str> = ids.into_iter().filter(|id| !typed.is_empty() && id.starts_with(typed)).collect();
    found.sort_unstable();
    found.dedup();
    if let Some(whole) = found.iter().find(|id| **id == typed) {
        return Ok(whole);
    }
    if !is_long_enough(typed) {
        return Err(Unnamed::TooShort);
    }
    match found.as_slice() {
        [] => Err(Unnamed::Unknown),
        [id] => Ok(id),
        several => Err(Unnamed::Ambiguous(several.len())),
    }
}

impl Unnamed {
    /// In a sentence: `what` is the kind of thing in the singular, `listed_by` the command that lists them.
    pub fn sentence(self, typed: &str, what: &str, listed_by: &str) -> String {
        match self {
            Unnamed::TooShort => format!(
                "`{typed}` names no {what}: write the whole id, or its first {SHORTEST_BEGINNING} letters at least; \
                 `{listed_by}` lists them"
            ),
            Unnamed::Unknown => format!("there is no {what} `{typed}`; `{listed_by}` lists them"),
            Unnamed::Ambiguous(ids) => {
                format!("`{typed}` is the beginning of {ids} ids; type more of the one that you mean (`{listed_by}`)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 4] = [
        "20261122T021500Z-8cc670",
        "20261122T021500Z-8cc670.1",
        "20261122T021500Z-8cc670.10",
        "20261123T021500Z-000000",
    ];

    #[test]
    fn a_whole_id_is_itself_and_a_beginning_fits_one_id_or_none() {
        for (typed, expected) in [
            ("20261122T021500Z-8cc670", Ok(IDS[0])),
            ("20261122T021500Z-8cc670.1", Ok(IDS[1])),
            ("20261122T021500Z-8cc670.10", Ok(IDS[2])),
            ("20261123", Ok(IDS[3])),
            ("2026112", Err(Unnamed::TooShort)),
            ("", Err(Unnamed::TooShort)),
            (" ", Err(Unnamed::TooShort)),
            ("%", Err(Unnamed::TooShort)),
            ("20261122", Err(Unnamed::Ambiguous(3))),
            ("20261122T021500Z-8cc670.", Err(Unnamed::Ambiguous(2))),
            ("20261122T021500Z-8cc670.2", Err(Unnamed::Unknown)),
            ("20261124", Err(Unnamed::Unknown)),
            ("________", Err(Unnamed::Unknown)),
        ] {
            assert_eq!(find(typed, IDS), expected, "{typed:?}");
        }
    }

    #[test]
    fn the_same_id_from_two_places_is_one() {
        assert_eq!(find("20261123", [IDS[3], IDS[3]]), Ok(IDS[3]));
    }
}
