//! The map of people against the live tables: which way each row leads to its person, what happens to it, and in which
//! order.

use std::sync::Arc;

use jiff::Timestamp;

use super::reading::{Blame, Followed, anchors, column, find_table, follow, tells_rows_apart};
use super::{Context, Resolver, axes, grip, map, parse_condition, row_tables, unfit};
use crate::base::name::{Name, TableName};
use crate::db::Dialect;
use crate::db::catalog::{Catalog, Column, ColumnKind, Enforcement, Table};
use crate::db::predicate::condition;
use crate::diagnostic::mistake::Mistake;
use crate::plan::{
    Anchor, Axis, Collation, Condition, Erasure, HeldPeople, KeyColumn, Likeness, Mark, MarkValue, PersonKey, Requests,
    Step, Target, Transport, Way, Who,
};
use crate::schedule::{self, Data, MarkWith, Subject};

/// The table of people and its key on the live database.
#[derive(Clone, Copy)]
pub(super) struct PeopleTable<'c> {
    pub table: &'c Table,
    pub key: &'c Column,
}

impl<'c> PeopleTable<'c> {
    pub fn find(context: &Context<'c>, subject: &Subject) -> Result<Self, Mistake> {
        let blame = Blame { label: "subject", places: &subject.places, key: "table" };
        let table = find_table(context, &blame, &subject.table)?;
        if let Some(mistake) = unfit(&blame, context.catalog, table) {
            return Err(mistake);
        }
        if table.has_children() {
            let reason = format!(
                "`{}` has inheritance children, which may repeat its keys, so that two people would be one",
                table.name
            );
            return Err(blame.mistake(reason).remedy("name a table that holds all people by itself"));
        }
        let blame = Blame { key: "key", ..blame };
        let key = column(context, &blame, table, &subject.key)?;
        if !tells_rows_apart(table, &key.name) {
            let reason = format!("nothing says that `{}.{}` is unique and never NULL", table.name, key.name);
            return Err(blame.mistake(reason).remedy("name the primary key, or a column that is UNIQUE and NOT NULL"));
        }
        Ok(Self { table, key })
    }

    /// However the schedule spells it: otherwise nobody would be known any more who was recorded under another spelling.
    fn called(&self, catalog: &Catalog) -> TableName {
        catalog.as_written(&self.table.name)
    }

    /// As the schedule spells it, and the whole name, which is the shortest one where the search path leads elsewhere.
    fn once_called(&self, catalog: &Catalog, subject: &Subject) -> Vec<TableName> {
        let mut names = vec![subject.table.clone(), self.table.name.clone()];
        names.dedup();
        names.retain(|name| *name != self.called(catalog));
        names
    }

    fn key_column(&self, context: &Context<'_>, subject: &Subject) -> Result<KeyColumn, Mistake> {
        let dialect = context.catalog.dialect;
        // SQLite's own bytes would do for a statement; a person is called by a text.
        let is_bytes = dialect == Dialect::Sqlite && self.key.kind == ColumnKind::Binary;
        let column = axes::key_column(dialect, self.key).map(|column| match is_bytes {
            true => KeyColumn { transport: Transport::Hex, ..column },
            false => column,
        });
        column.ok_or_else(|| {
            let blame = Blame { label: "subject", places: &subject.places, key: "key" };
            let reason =
                format!("`{}` is of type `{}`, whose values cannot be told apart", self.key.name, self.key.sql_type);
            blame.mistake(reason).remedy("name a column of numbers, of text or of UUIDs")
        })
    }
}

/// The way from a row of an entry's table to its person. What the map says of when a column of a parent leads to a person
/// holds for every way that passes it.
pub(super) fn steps(
    context: &Context<'_>,
    subject: &Subject,
    data: &Data,
    root: &Table,
    people: PeopleTable<'_>,
) -> Result<Vec<Step>, Mistake> {
    let mut steps = bare_steps(context, data, root, people)?;
    for at in 1..steps.len() {
        let (before, rest) = steps.split_at(at);
        steps[at].conditions = when_it_leads_on(context, subject, people, &before[at - 1].table, rest);
    }
    Ok(steps)
}

/// The conditions of the entries that begin with the rest of a way; none where an entry has none, or a foreign key says that
/// the column leads to one table only.
fn when_it_leads_on(
    context: &Context<'_>,
    subject: &Subject,
    people: PeopleTable<'_>,
    table: &TableName,
    rest: &[Step],
) -> Vec<Condition> {
    let (Some(table), Some(first)) = (context.catalog.find(table), rest.first()) else { return Vec::new() };
    if table.foreign_keys.iter().any(|key| key.columns.contains(&first.column)) {
        return Vec::new();
    }
    let mut conditions = Vec::new();
    for data in &subject.data {
        // An entry that cannot be understood is told of under its own name.
        let Ok((root, way)) = bare_way(context, data, people) else { continue };
        if root.name != table.name || !lead_alike(&way.steps, rest) {
            continue;
        }
        match way.condition {
            Some(condition) if !conditions.contains(&condition) => conditions.push(condition),
            Some(_) => {}
            None => return Vec::new(),
        }
    }
    conditions
}

fn lead_alike(one: &[Step], other: &[Step]) -> bool {
    let places = |step: &Step| (step.column.clone(), step.table.clone(), step.key.clone());
    one.iter().map(places).eq(other.iter().map(places))
}

fn bare_steps(context: &Context<'_>, data: &Data, root: &Table, people: PeopleTable<'_>) -> Result<Vec<Step>, Mistake> {
    let label = label(data);
    let blame = Blame { label: &label, places: &data.places, key: "column" };
    let mut table = root;
    let mut steps = Vec::new();
    for hop in &data.path.hops {
        let way = follow(context, &blame, table, hop)?;
        let (from, to) =
            (column(context, &blame, table, &way.hop.column)?, column(context, &blame, way.parent, &way.hop.key)?);
        let likeness = likeness(context.catalog.dialect, from, to, way.declared)
            .ok_or_else(|| unlike(&blame, table, from, way.parent, to))?;
        if let Some(mistake) = half_a_key(&blame, &way) {
            return Err(mistake);
        }
        let step = Step {
            only: way.hop.only,
            column: way.hop.column,
            conditions: Vec::new(),
            table: way.hop.table,
            key: way.hop.key,
            likeness,
            shared: !way.unique,
            but_empty: false,
        };
        let is_copy_in_any_case = data.ignore_case && data.matches.is_none() && hop.key.is_some();
        steps.push(if is_copy_in_any_case { in_any_case(step, [from, to]) } else { step });
        table = way.parent;
    }
    let last = column(context, &blame, table, &data.path.column)?;
    let copied = match &data.matches {
        Some(matches) => Some(column(context, &Blame { key: "matches", ..blame }, people.table, matches)?),
        None => None,
    };
    let is_the_person = table.name == people.table.name && copied.is_none() && last.name == people.key.name;
    if is_the_person {
        return Ok(steps);
    }
    let to = copied.unwrap_or(people.key);
    let step = last_step(context, &blame, table, last, people, to)?;
    steps.push(match copied {
        Some(_) if data.ignore_case => in_any_case(step, [last, to]),
        Some(_) => Step { but_empty: are_texts([last, to]), ..step },
        None => step,
    });
    Ok(steps)
}

/// Several rows may have what differs in case only, and an empty text is nobody's copy.
fn in_any_case(step: Step, columns: [&Column; 2]) -> Step {
    Step { likeness: Likeness::Folded, shared: true, but_empty: are_texts(columns), ..step }
}

fn are_texts(columns: [&Column; 2]) -> bool {
    columns.iter().all(|column| column.kind == ColumnKind::Text)
}

/// From a column that holds a value of the table of people to that table.
fn last_step(
    context: &Context<'_>,
    blame: &Blame<'_>,
    table: &Table,
    from: &Column,
    people: PeopleTable<'_>,
    to: &Column,
) -> Result<Step, Mistake> {
    let declared = table.foreign_keys.iter().any(|key| {
        key.enforcement == Enforcement::Enforced
            && key.columns == [from.name.clone()]
            && key.parent == people.table.name
            && key.parent_columns == [to.name.clone()]
    });
    let likeness = likeness(context.catalog.dialect, from, to, declared)
        .ok_or_else(|| unlike(blame, table, from, people.table, to))?;
    let shared = !tells_rows_apart(people.table, &to.name);
    let (table, key) = (people.table.name.clone(), to.name.clone());
    let column = from.name.clone();
    Ok(Step { column, conditions: Vec::new(), table, only: false, key, likeness, shared, but_empty: false })
}

/// A part of a key of several columns tells no row by itself: those of one person would be taken for another's.
fn half_a_key(blame: &Blame<'_>, way: &Followed<'_>) -> Option<Mistake> {
    let keys = std::iter::once(&way.parent.declared_key).chain(&way.parent.unique_keys);
    let whole = keys.filter(|_| !way.unique).find(|key| key.len() > 1 && key.contains(&way.hop.key))?;
    let columns: Vec<_> = whole.iter().map(Name::as_str).collect();
    let (table, column) = (&way.parent.name, &way.hop.key);
    let reason = format!(
        "`{table}.{column}` is a part of the key ({}) and does not tell one row of `{table}` by itself",
        columns.join(", ")
    );
    let remedy = format!(
        "let the rows go along with those of `{table}` by a foreign key over the whole key, or map them by a column that holds the \
         person's key"
    );
    Some(blame.mistake(reason).remedy(remedy))
}

fn unlike(blame: &Blame<'_>, table: &Table, from: &Column, parent: &Table, to: &Column) -> Mistake {
    let reason = format!(
        "`{}.{}` is of type `{}` and `{}.{}` of type `{}`, and no value of the one is one of the other",
        table.name, from.name, from.sql_type, parent.name, to.name, to.sql_type
    );
    blame.mistake(reason).remedy("name the column that holds the same values")
}

/// How two columns are compared, so that no type, affinity or collation takes two values for one; `None` where bytes would
/// meet something else.
pub(super) fn likeness(dialect: Dialect, from: &Column, to: &Column, declared: bool) -> Option<Likeness> {
    let is_exact_number =
        |kind| matches!(kind, ColumnKind::Integer | ColumnKind::UnsignedInteger | ColumnKind::Decimal);
    let is_number = |column: &Column| is_exact_number(column.kind) || column.kind == ColumnKind::Float;
    let has_floats = from.kind == ColumnKind::Float || to.kind == ColumnKind::Float;
    let is_citext = |column: &Column| column.sql_type.contains("citext");
    let plain_text = |column: &Column| column.collation.is_none() && !is_citext(column) && dialect != Dialect::Mysql;
    let both = |kind| from.kind == kind && to.kind == kind;
    let is_bytes = |column: &Column| column.kind == ColumnKind::Binary && !holds_letters(dialect, column);
    // What a type of SQLite says binds no value.
    if dialect != Dialect::Sqlite && (is_bytes(from) != is_bytes(to) || never_meet(from.kind, to.kind)) {
        return None;
    }
    let same = match dialect {
        // A key is enforced under the same collation and affinity as the comparison, where both columns share them; numbers are
        // compared as such, and a text beside them is none.
        Dialect::Sqlite => {
            let are_numbers = is_number(from) && is_number(to) && (declared || !has_floats);
            from.collation == to.collation && (are_numbers || from.kind == to.kind && (declared || plain_text(from)))
        }
        Dialect::Postgres | Dialect::Mysql => {
            declared
                || is_exact_number(from.kind) && is_exact_number(to.kind)
                || both(ColumnKind::Uuid)
                || both(ColumnKind::Binary)
                || both(ColumnKind::Text) && plain_text(from) && plain_text(to)
        }
    };
    let one_collation = from.collation == to.collation && is_citext(from) == is_citext(to);
    let referred = collation(to).filter(|_| declared && dialect == Dialect::Sqlite);
    Some(match (same, referred) {
        (true, _) => Likeness::Same,
        (false, Some(collation)) => Likeness::Referred(collation),
        (false, None) if dialect == Dialect::Sqlite && is_number(from) && is_number(to) => Likeness::Number,
        (false, None) if both(ColumnKind::Text) && one_collation => Likeness::Exact,
        (false, None) => Likeness::Letters,
    })
}

/// SQLite: the collation under which a key that refers to the column compares; `None` where it is somebody's own, which we do
/// not have.
fn collation(column: &Column) -> Option<Collation> {
    match column.collation.as_deref() {
        None => Some(Collation::Binary),
        Some("NOCASE") => Some(Collation::NoCase),
        Some("RTRIM") => Some(Collation::RTrim),
        Some(_) => None,
    }
}

/// No letters of the one are ever letters of the other.
fn never_meet(one: ColumnKind, other: ColumnKind) -> bool {
    let sort = |kind| match kind {
        ColumnKind::Integer | ColumnKind::UnsignedInteger | ColumnKind::Decimal | ColumnKind::Float => Some(0),
        ColumnKind::Uuid => Some(1),
        ColumnKind::Date | ColumnKind::Timestamp | ColumnKind::TimestampTz => Some(2),
        _ => None,
    };
    sort(one).zip(sort(other)).is_some_and(|(one, other)| one != other)
}

/// Of MySQL's VARBINARY, where applications keep texts whose letters are to be themselves; a short one may be a packed number.
pub(super) fn holds_letters(dialect: Dialect, column: &Column) -> bool {
    const UUID_BYTES: u32 = 16;
    let length = column.sql_type.strip_prefix("varbinary(").and_then(|rest| rest.strip_suffix(')'));
    let bytes: Option<u32> = length.and_then(|length| length.parse().ok());
    dialect == Dialect::Mysql && bytes.is_some_and(|bytes| bytes > UUID_BYTES)
}

/// The key of one person as somebody typed it, in the terms of the key's column.
///
/// # Errors
/// A text that no value of the column can be; it is not repeated, because it may lead to a person.
pub fn person_key(catalog: &Catalog, erasure: &Erasure, text: &str) -> Result<PersonKey, Mistake> {
    let table = catalog.find(&erasure.people.table);
    let column = table.and_then(|table| table.column(catalog.dialect, &erasure.key.name));
    typed_key(catalog.dialect, &erasure.subject, column.map(|column| column.kind), &erasure.key.name, text)
}

/// What is typed in other letters than the database would write it, such as a UUID in capitals, is the same person's.
fn typed_key(
    dialect: Dialect,
    table: &TableName,
    kind: Option<ColumnKind>,
    column: &Name,
    text: &str,
) -> Result<PersonKey, Mistake> {
    let (key, what) = match kind {
        Some(ColumnKind::Integer | ColumnKind::UnsignedInteger) => (whole_key(text), "whole numbers"),
        Some(ColumnKind::Uuid) => (uuid_key(text), "UUIDs"),
        Some(ColumnKind::Decimal) => (decimal_key(text), "numbers"),
        Some(ColumnKind::Binary) => (hex_key(dialect, text), "bytes in hexadecimal digits"),
        _ => (Some(PersonKey::Text(text.to_owned())), "texts"),
    };
    key.ok_or_else(|| {
        Mistake::error(format!("the keys of `{table}` in `{column}` are {what}, and this is none"))
            .remedy("give the person's key as the column holds it")
    })
}

fn whole_key(text: &str) -> Option<PersonKey> {
    let whole = text.parse().map(PersonKey::Whole);
    whole.or_else(|_| text.parse().map(PersonKey::Unsigned)).ok()
}

fn uuid_key(text: &str) -> Option<PersonKey> {
    let is_digit =
        |(at, c): (usize, char)| if matches!(at, 8 | 13 | 18 | 23) { c == '-' } else { c.is_ascii_hexdigit() };
    (text.len() == 36 && text.chars().enumerate().all(is_digit)).then(|| PersonKey::Text(text.to_lowercase()))
}

fn decimal_key(text: &str) -> Option<PersonKey> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = digits.chars().all(|c| c.is_ascii_digit() || c == '.') && digits.parse::<f64>().is_ok();
    is_number.then(|| PersonKey::Text(text.to_owned()))
}

/// Bytes as the database writes them, of which some are UUIDs and were typed with dashes.
fn hex_key(dialect: Dialect, text: &str) -> Option<PersonKey> {
    let digits = text.replace('-', "");
    let is_hex = digits.len().is_multiple_of(2) && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| match dialect {
        Dialect::Postgres => PersonKey::Text(digits.to_lowercase()),
        Dialect::Sqlite | Dialect::Mysql => PersonKey::Text(digits.to_uppercase()),
    })
}

/// A condition on the table of people that is true of one of them.
///
/// # Errors
/// As [`person_key`], and where the map does not fit the live table.
pub fn one_person(context: &Context<'_>, subject: &Subject, text: &str) -> Result<String, Mistake> {
    let people = PeopleTable::find(context, subject)?;
    let column = people.key_column(context, subject)?;
    let dialect = context.catalog.dialect;
    let key = typed_key(dialect, &subject.table, Some(people.key.kind), &people.key.name, text)?;
    Ok(condition::is_person(dialect, &column, &key))
}

/// As messages name an entry.
pub fn label(data: &Data) -> String {
    format!("subject data `{}`", data.name())
}

/// The tables in which a hold on people covers what is theirs, with the ways that lead to them.
pub(super) fn covered<'c>(
    context: &Context<'c>,
    table: &Table,
    blame: &Blame<'_>,
) -> Result<Vec<(&'c Table, HeldPeople)>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut maps = Vec::new();
    for subject in context.maps {
        match PeopleTable::find(context, subject) {
            Ok(people) if people.table.name == table.name => maps.push((people, *subject)),
            Ok(_) => {}
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if maps.is_empty() && mistakes.is_empty() {
        let reason = format!("no [subject] of a schedule says that `{}` holds people", table.name);
        return Err(vec![blame.mistake(reason).remedy("add a [subject] for that table, or hold its rows alone")]);
    }
    let mut found: Vec<(&Table, HeldPeople)> = Vec::new();
    for (people, subject, data) in
        maps.iter().flat_map(|(people, subject)| subject.data.iter().map(|data| (*people, *subject, data)))
    {
        let (table, way) = match way(context, subject, data, people) {
            Ok(way) => way,
            Err(mistake) => {
                mistakes.push(mistake);
                continue;
            }
        };
        // The people's own rows are covered by the condition itself.
        if way.steps.is_empty() {
            continue;
        }
        let is_known = |(known, held): &(&Table, HeldPeople)| known.name == table.name && held.ways.contains(&way);
        if found.iter().any(is_known) {
            continue;
        }
        match found.iter_mut().find(|(known, _)| known.name == table.name) {
            Some((_, held)) => held.ways.push(way),
            None => {
                let (name, alias) = (people.table.name.clone(), people.table.name.table.clone());
                found.push((table, HeldPeople { table: name, alias, ways: vec![way] }));
            }
        }
    }
    if mistakes.is_empty() { Ok(found) } else { Err(mistakes) }
}

fn way<'c>(
    context: &Context<'c>,
    subject: &Subject,
    data: &Data,
    people: PeopleTable<'c>,
) -> Result<(&'c Table, Way), Mistake> {
    let (table, bare) = bare_way(context, data, people)?;
    Ok((table, Way { steps: steps(context, subject, data, table, people)?, ..bare }))
}

/// As the entry by itself says it.
fn bare_way<'c>(context: &Context<'c>, data: &Data, people: PeopleTable<'_>) -> Result<(&'c Table, Way), Mistake> {
    let label = label(data);
    let table = find_table(context, &Blame { label: &label, places: &data.places, key: "table" }, &data.table)?;
    let steps = bare_steps(context, data, table, people)?;
    let condition = parse_condition(context, table, (&label, &data.places), data.condition.as_deref())?;
    Ok((table, Way { condition, steps }))
}

impl<'a, 'c> Resolver<'a, 'c> {
    /// Maps of other schedules that are in force today over rows of the same table of people.
    pub(super) fn second_maps(&self, subject: &Subject) -> Vec<Mistake> {
        let catalog = self.context.catalog;
        let today = self.context.as_of.to_zoned(self.schedule.policy.timezone.clone()).date();
        let own = catalog.find(&subject.table).filter(|_| subject.is_in_force_on(today));
        let is_second = |other: &&&Subject| {
            let shares =
                || own.zip(catalog.find(&other.table)).is_some_and(|(own, other)| catalog.share_rows(own, other));
            !Arc::ptr_eq(&other.places.source, &subject.places.source) && other.is_in_force_on(today) && shares()
        };
        self.context.maps.iter().filter(is_second).map(|other| second_map(catalog, subject, other)).collect()
    }

    /// Why the erasure would release holds, where its map can be understood.
    pub(super) fn released(&self, subject: &Subject) -> Vec<Mistake> {
        // A hold that asks for what the map changes could leave the entries without an order.
        let without_holds = Resolver { context: self.context, schedule: self.schedule, holds: Vec::new() };
        let map = without_holds.erasure(subject);
        map.map(|erasure| grip::released_by_erasure(self.context.catalog, &self.holds, &erasure)).unwrap_or_default()
    }

    /// # Errors
    /// Every mistake of the map. Whoever is to be erased is erased by the whole map or not at all.
    pub(super) fn erasure(&self, subject: &Subject) -> Result<Erasure, Vec<Mistake>> {
        let people = PeopleTable::find(self.context, subject).map_err(|mistake| vec![mistake])?;
        let mut mistakes: Vec<_> = self.without_a_key(subject).into_iter().collect();
        let mut note = |more: Vec<Mistake>| mistakes.extend(more);
        let key = people.key_column(self.context, subject).map_err(|mistake| note(vec![mistake])).ok();
        let target = key.as_ref().and_then(|key| self.people(subject, people, key).map_err(&mut note).ok());
        let blame = Blame { label: "subject", places: &subject.places, key: "created" };
        let created =
            self.instant(&blame, people.table, subject.created.as_ref()).map_err(&mut note).unwrap_or_default();
        let requests = subject.requests.as_ref().map(|requests| self.requests(requests, people));
        let requests = requests.transpose().map_err(&mut note).unwrap_or_default();
        let (Some(target), Some(key)) = (target, key) else { return Err(mistakes) };
        let (entries, kept) = match map::of(self, subject, people, &target) {
            Ok(map) if mistakes.is_empty() => map,
            Ok(_) => return Err(mistakes),
            Err(more) => {
                mistakes.extend(more);
                return Err(mistakes);
            }
        };
        Ok(Erasure {
            promises: subject.promises.clone(),
            database: self.context.database.to_owned(),
            subject: subject.table.clone(),
            once_called: people.once_called(self.context.catalog, subject),
            called: people.called(self.context.catalog),
            people: target,
            who: Who::Closed,
            key,
            created,
            deadline: subject.deadline.clone(),
            request_deadline: subject.request_deadline.clone(),
            tables: row_tables::of(self.context.catalog, &entries),
            entries,
            kept,
            max_people: subject.max_people,
            requests,
        })
    }

    /// Without a key of the installation the ledger could say nothing of a person that does not lead to them.
    fn without_a_key(&self, subject: &Subject) -> Option<Mistake> {
        let blame = Blame { label: "subject", places: &subject.places, key: "" };
        self.context.hmac_key.is_none().then(|| {
            let mistake = blame.mistake("the ledger calls people by a keyed digest, and there is no key");
            mistake.remedy("name a file with a secret of at least 32 characters as `hmac_key_file` in tenure.toml")
        })
    }

    /// Who is due by a map, of which nothing else is asked.
    pub(super) fn people_of(&self, subject: &Subject, people: PeopleTable<'_>) -> Result<Arc<Target>, Vec<Mistake>> {
        let key = people.key_column(self.context, subject).map_err(|mistake| vec![mistake])?;
        self.people(subject, people, &key)
    }

    /// Who is due: closed before the grace began, and held by nothing.
    fn people(&self, subject: &Subject, people: PeopleTable<'_>, key: &KeyColumn) -> Result<Arc<Target>, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let blame = Blame { label: "subject", places: &subject.places, key: "closed" };
        let wanted: Vec<_> = subject.closed.iter().cloned().collect();
        let anchors = anchors(self.context, &blame, people.table, &wanted, self.grace_began(subject))
            .map_err(|more| mistakes.extend(more))
            .unwrap_or_default();
        let here = ("subject", &subject.places);
        let condition = parse_condition(self.context, people.table, here, subject.condition.as_deref())
            .map_err(|mistake| mistakes.push(mistake))
            .unwrap_or_default();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let leaves = self.context.catalog.leaves_of(people.table);
        let along_closing = axes::along_anchor(self.context.catalog, people.table, &anchors);
        let axes = along_closing.into_iter().chain([Axis::Key(vec![key.clone()])]).collect();
        Ok(Arc::new(Target {
            holds: self.holds_on(&leaves, &leaves),
            condition,
            anchors,
            axes,
            ..self.plain(people.table)
        }))
    }

    /// Accounts that were closed before this instant cannot come back any more.
    pub(super) fn grace_began(&self, subject: &Subject) -> Timestamp {
        let (as_of, zone) = (self.context.as_of, &self.schedule.policy.timezone);
        match &subject.grace {
            Some(grace) => grace.before(as_of, zone).unwrap_or(Timestamp::MIN),
            None => as_of,
        }
    }

    /// All rows of a table, whoever's and of any age.
    pub(super) fn plain(&self, table: &Table) -> Target {
        Target {
            table: table.name.clone(),
            root: table.name.clone(),
            alias: table.name.table.clone(),
            only: false,
            whose: None,
            anchors: Vec::new(),
            condition: None,
            redactions: Vec::new(),
            stamped: table.stamped(),
            holds: Vec::new(),
            blockers: Vec::new(),
            self_links: Vec::new(),
            has_triggers: false,
            passages: Vec::new(),
            axes: Vec::new(),
            key: table.row_key().map(<[Name]>::to_vec).unwrap_or_default(),
        }
    }

    /// A column that tells when something was, without a bound of its own.
    fn instant(
        &self,
        blame: &Blame<'_>,
        table: &Table,
        wanted: Option<&schedule::Anchor>,
    ) -> Result<Option<Anchor>, Vec<Mistake>> {
        let wanted: Vec<_> = wanted.into_iter().cloned().collect();
        Ok(anchors(self.context, blame, table, &wanted, self.context.as_of)?.pop())
    }

    fn requests(&self, wanted: &schedule::Requests, people: PeopleTable<'_>) -> Result<Requests, Vec<Mistake>> {
        let label = "subject.requests";
        let blame = |key| Blame { label, places: &wanted.places, key };
        let table = find_table(self.context, &blame("table"), &wanted.table).map_err(|mistake| vec![mistake])?;
        let mut mistakes: Vec<_> = unfit(&blame("table"), self.context.catalog, table).into_iter().collect();
        let mut note = |more: Vec<Mistake>| mistakes.extend(more);
        let whose = self.step_of_request(&blame("key"), wanted, table, people).map_err(|one| note(vec![one])).ok();
        let requested =
            self.instant(&blame("requested"), table, Some(&wanted.requested)).map_err(&mut note).ok().flatten();
        let mut condition = |key, text: &str| {
            condition::parse_on(self.context.catalog, table, text)
                .map_err(|reason| note(vec![no_expression(&blame(key), &reason)]))
                .ok()
        };
        let (verified, done) = (condition("verified", &wanted.verified), condition("done", &wanted.done));
        let mark: Vec<_> = wanted
            .mark
            .iter()
            .filter_map(|(name, with)| self.mark(&blame("mark"), table, name, with).map_err(&mut note).ok())
            .collect();
        let (Some(whose), Some(requested), Some(verified), Some(done), true) =
            (whose, requested, verified, done, mistakes.is_empty())
        else {
            return Err(mistakes);
        };
        Ok(Requests {
            shown: wanted.table.clone(),
            table: table.name.clone(),
            alias: table.name.table.clone(),
            whose,
            requested,
            verified,
            done,
            mark,
            stamped: table.stamped(),
        })
    }

    fn step_of_request(
        &self,
        blame: &Blame<'_>,
        wanted: &schedule::Requests,
        table: &Table,
        people: PeopleTable<'_>,
    ) -> Result<Step, Mistake> {
        let from = column(self.context, blame, table, &wanted.key)?;
        // A text that looks like somebody's bytes would have them erased.
        let may_be_bytes = |column: &Column| matches!(column.kind, ColumnKind::Binary | ColumnKind::Other);
        if self.context.catalog.dialect == Dialect::Sqlite && may_be_bytes(from) != may_be_bytes(people.key) {
            return Err(unlike(blame, table, from, people.table, people.key));
        }
        last_step(self.context, blame, table, from, people, people.key)
    }

    fn mark(&self, blame: &Blame<'_>, table: &Table, name: &Name, with: &MarkWith) -> Result<Mark, Vec<Mistake>> {
        let column = column(self.context, blame, table, name).map_err(|mistake| vec![mistake])?;
        if column.generated {
            let reason = format!("`{}.{}` is computed by the database", table.name, column.name);
            return Err(vec![blame.mistake(reason).remedy("mark the request in another column")]);
        }
        let to = match with {
            MarkWith::Set(value) => MarkValue::Set(value.clone()),
            MarkWith::Now => {
                let path = schedule::ColumnPath { hops: Vec::new(), column: column.name.clone() };
                let wanted = schedule::Anchor { path, reading: schedule::Reading::Native, never: Vec::new() };
                let found = anchors(self.context, blame, table, std::slice::from_ref(&wanted), self.context.as_of)?;
                MarkValue::Now(found.into_iter().next().ok_or_else(Vec::new)?)
            }
        };
        Ok(Mark { column: column.name.clone(), to })
    }

    /// The same without the schedule's own holds on tables: what a kept record need not hold is the schedule's own word.
    pub(super) fn passing_written_holds(&self) -> Resolver<'a, 'c> {
        let holds = self.holds.iter().copied().filter(|hold| !hold.is_passed_by_kept).collect();
        Resolver { context: self.context, schedule: self.schedule, holds }
    }
}

/// Two maps over one table of people.
pub fn second_map(catalog: &Catalog, subject: &Subject, other: &Subject) -> Mistake {
    let table = catalog.find(&subject.table).map_or(subject.table.clone(), |table| catalog.as_written(&table.name));
    let reason = format!(
        "subject: `{}` maps the people of `{table}`, and so does `{}`; each table of people has one map",
        subject.places.source.path.display(),
        other.places.source.path.display()
    );
    let remedy = "move the entries of the one into the other, and take its [subject] out";
    Mistake::error(reason).at(&subject.places, "table").remedy(remedy)
}

fn no_expression(blame: &Blame<'_>, reason: &str) -> Mistake {
    blame
        .mistake(format!("the condition is not one expression: {reason}"))
        .remedy("write a condition as it could stand behind WHERE, without comments and semicolons")
}
