//! People: whose rows go, by which way a row leads to its person, and what stays with its ground.
//!
//! An erasure is made of ordinary plans. Each entry of the schedule's map becomes a [`RulePlan`] whose targets say *whose*
//! a row is instead of how old it is; all that holds for rules (holds, blockers, cascades, partitions) holds for entries.

use std::sync::Arc;

use super::{Anchor, Condition, KeyColumn, Redaction, RowTables, RulePlan, Target};
use crate::base::name::{Name, TableName};
use crate::base::time::{Deadline, Period};

/// The erasure of people by one policy on one database: who is due, and what happens to their rows.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// Ids of the published promises that the map as a whole keeps.
    pub promises: Vec<String>,
    /// The database's name in the config.
    pub database: String,
    /// The table of people, as the schedule names it.
    pub subject: TableName,
    /// The same by the name under which the ledger calls people: the shortest that leads to it, spelled as the database does.
    pub called: TableName,
    /// Other names of it, under which older records may call them.
    pub once_called: Vec<TableName>,
    /// The people whose account is closed and whose grace is over: the closing time is its anchor (none: nobody is due by
    /// closing), and the holds on that table hold the whole person.
    pub people: Arc<Target>,
    /// The column that tells one person from every other.
    pub key: KeyColumn,
    /// All who are due by closing, or one of whom somebody asked it.
    pub who: Who,
    /// When the person signed up; its bound means nothing.
    pub created: Option<Anchor>,
    /// The time in which a closed account is to be gone, counted from its closing.
    pub deadline: Deadline,
    /// The same of a request, counted from when it was made.
    pub request_deadline: Deadline,
    /// In the order in which rows count for them; those of the table of people come last.
    pub entries: Vec<Entry>,
    /// All tables whose rows the entries take or change, or that refer to such rows.
    pub tables: RowTables,
    /// Rows that stay as they are.
    pub kept: Vec<Kept>,
    /// The most people that a run may erase without being asked.
    pub max_people: Option<u64>,
    /// The table of requests in the application's own database.
    pub requests: Option<Requests>,
}

impl Erasure {
    /// The same of some people, whether closed or not, and, where one is named, of one category of entries only.
    #[must_use]
    pub fn of_some(&self, keys: Vec<PersonKey>, category: Option<&str>) -> Self {
        let who = Who::Only(keys, self.key.clone());
        let people = Arc::new(People { target: Arc::clone(&self.people), who: who.clone() });
        let theirs = |target: &mut Target| {
            if let Some(whose) = &mut target.whose {
                whose.people = Arc::clone(&people);
            }
        };
        let mut some = Self { who, ..self.clone() };
        some.entries.retain(|entry| category.is_none_or(|wanted| entry.category.as_deref() == Some(wanted)));
        some.entries.iter_mut().flat_map(|entry| &mut entry.plan.targets).for_each(theirs);
        some.kept.iter_mut().flat_map(|kept| &mut kept.targets).for_each(theirs);
        some.after(&[])
    }

    /// Every name under which the ledger may call people, that of today first.
    pub fn names(&self) -> impl Iterator<Item = &TableName> + Clone {
        std::iter::once(&self.called).chain(&self.once_called)
    }

    /// The same of one person.
    #[must_use]
    pub fn of_one(&self, key: PersonKey) -> Self {
        self.of_some(vec![key], None)
    }

    /// The same of one person to look at only: also where a hold covers the person, whom nothing could be done to then.
    #[must_use]
    pub fn seen(&self, key: PersonKey, category: Option<&str>) -> Self {
        let unheld = Target { holds: Vec::new(), ..Target::clone(&self.people) };
        Self { people: Arc::new(unheld), ..self.clone() }.of_some(vec![key], category)
    }

    /// Would rows that stay not be found any more, once all is done?
    pub fn loses_sight_of(&self, rows: &[Target]) -> bool {
        let is_redacted = |target: &Target| {
            let way = target.whose.as_ref().and_then(|whose| whose.steps.first());
            way.is_some_and(|step| target.redactions.iter().any(|redaction| redaction.column == step.column))
        };
        self.entries.iter().any(|entry| entry.changes_who_is_meant() || entry.cuts_off(rows.first()))
            || rows.iter().any(is_redacted)
    }

    /// Two entries of which the first, where this category alone is erased, would leave rows of the second that nobody could
    /// tell to be the person's any more.
    pub fn severed_by(&self, category: &str) -> Option<(&Entry, &Entry)> {
        let is_in = |entry: &&Entry| entry.category.as_deref() == Some(category);
        let others = || self.entries.iter().filter(|entry| !is_in(entry));
        let mut own = self.entries.iter().filter(is_in);
        own.find_map(|entry| Some((entry, others().find(|other| entry.hides(other))?)))
    }

    /// The same, acting after these rules: what they take is gone when the entries look.
    #[must_use]
    pub fn after(mut self, rules: &[Arc<RulePlan>]) -> Self {
        self.entries.iter_mut().for_each(|entry| entry.plan.earlier = rules.to_vec());
        self
    }
}

/// What happens to the rows of one table that are a person's.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place among the entries of the schedule, from 0.
    pub index: usize,
    /// The rule's name is `erase:<table>.<column>`, with `#2` behind it where that is borne already. `earlier` holds the
    /// rules that act before the erasure.
    pub plan: RulePlan,
    /// As the schedule groups the entries, for example `analytics`.
    pub category: Option<String>,
    /// The row stays for this reason, and the plan redacts what the reason does not cover.
    pub kept: Option<Ground>,
    /// Columns that change just before the rows are deleted, for whoever reads the database's log of changes.
    pub redact_first: Vec<Redaction>,
}

/// Rows of people that stay as they are.
#[derive(Debug, Clone)]
pub struct Kept {
    /// As [`Entry::index`].
    pub index: usize,
    /// As [`RulePlan::rule`] of the entries: `keep:<table>.<column>`.
    pub name: String,
    pub promises: Vec<String>,
    pub category: Option<String>,
    /// The rows, as an entry's target would name them: whose they are, and the entry's condition. One a physical table.
    pub targets: Vec<Target>,
    /// As a schedule would name the table.
    pub shown: TableName,
    pub ground: Ground,
}

/// Why rows stay, and until when.
#[derive(Debug, Clone)]
pub struct Ground {
    pub reason: String,
    /// Counted from the latest of these columns of the row; `None`: the schedule does not say.
    pub until: Option<(Period, Vec<Anchor>)>,
}

/// Whose a row is: it belongs to `people` where its steps lead to one of them.
#[derive(Debug, Clone)]
pub struct Whose {
    /// From the row to the table of people; empty where the row is the person.
    pub steps: Vec<Step>,
    pub people: Arc<People>,
    /// Other ways over copies by which the same row is somebody's, as other entries of the table say.
    pub also: Vec<Way>,
}

impl Whose {
    /// Some row belongs to several people: it goes only where all of them go.
    pub fn is_shared(&self) -> bool {
        self.steps.iter().any(|step| step.shared)
    }
}

/// `column` holds the value of `table`.`key`.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub column: Name,
    /// Only rows of which one of these is true lead on by the column; empty: all do. What is asked of the first row of a way
    /// stands beside the way.
    pub conditions: Vec<Condition>,
    pub table: TableName,
    /// As [`Hop::only`](super::Hop::only).
    pub only: bool,
    pub key: Name,
    pub likeness: Likeness,
    /// Several rows of `table` may hold one value: the row belongs to all of them, and goes only where all of them go.
    pub shared: bool,
    /// An empty text leads to nobody: it says that nothing is known, and of many.
    pub but_empty: bool,
}

/// How the values of two columns are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// As they are: the types are one, or a foreign key says that the database compares them so.
    Same,
    /// As they are, which an index serves, and byte by byte besides: their collation takes some texts for one.
    Exact,
    /// As numbers, one of them kept in floating point: what is so large that it may be another number there leads to nobody.
    Number,
    /// As text, byte by byte: their types or collations differ.
    Letters,
    /// As text in lower case, byte by byte after that.
    Folded,
    /// SQLite: as a foreign key between columns of two sorts compares them, under the type and collation of the one that is
    /// referred to.
    Referred(Collation),
}

/// The collations that every SQLite knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collation {
    Binary,
    NoCase,
    RTrim,
}

/// Some of the people of a table.
#[derive(Debug, Clone)]
pub struct People {
    /// On the table of people. Of [`Who::Only`] the anchors do not count; condition and holds always do.
    pub target: Arc<Target>,
    pub who: Who,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Who {
    /// All whose account is closed and whose grace is over.
    Closed,
    /// These, whether closed or not.
    Only(Vec<PersonKey>, KeyColumn),
}

/// The value of a person's key, as [`KeyColumn::transport`] carries it. Never shown, never written down.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonKey {
    Whole(i64),
    /// Of MySQL's unsigned 64-bit integers, what does not fit an `i64`.
    Unsigned(u64),
    Text(String),
}

impl PersonKey {
    /// The key as text, from which the person's pseudonym is made.
    pub fn to_text(&self) -> String {
        match self {
            PersonKey::Whole(whole) => whole.to_string(),
            PersonKey::Unsigned(unsigned) => unsigned.to_string(),
            PersonKey::Text(text) => text.clone(),
        }
    }

    /// A text of SQLite, or of a database of PostgreSQL without an encoding, need be no UTF-8. What is none is read with U+FFFD in it, and then leads to nobody.
    pub fn may_be_illegible(&self) -> bool {
        matches!(self, PersonKey::Text(text) if text.contains(char::REPLACEMENT_CHARACTER))
    }
}

/// Not the key itself: it leads to a person.
impl std::fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonKey(…)")
    }
}

/// The people whom a hold covers; its anchors and condition are asked of the table of people, under `alias`.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldPeople {
    /// The table of people.
    pub table: TableName,
    pub alias: Name,
    /// The ways from the covered table to it: a row is covered where any of them leads to a person who is.
    pub ways: Vec<Way>,
}

/// One way from the rows of a table to their people.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    /// Only such rows of the table lead there.
    pub condition: Option<Condition>,
    pub steps: Vec<Step>,
}

/// Requests for erasure that stand in a table of the application.
#[derive(Debug, Clone)]
pub struct Requests {
    /// As the schedule names it.
    pub shown: TableName,
    pub table: TableName,
    /// Under which its conditions know it.
    pub alias: Name,
    /// Leads from a request to its person.
    pub whose: Step,
    /// When the request was made; its bound means nothing.
    pub requested: Anchor,
    /// True where the asker is known to be the person.
    pub verified: Condition,
    /// True of requests that are settled.
    pub done: Condition,
    /// What is written into a request that is settled.
    pub mark: Vec<Mark>,
    /// As [`Target::stamped`].
    pub stamped: Vec<Name>,
}

/// A column of a request that is set when the person is erased.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    pub column: Name,
    pub to: MarkValue,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MarkValue {
    /// The instant, in the terms of the column; its bound is set when it is known (see [`Anchor::bounded_by`]).
    Now(Anchor),
    Set(crate::schedule::Scalar),
}
