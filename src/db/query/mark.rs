//! Marks: the rows of some people, what goes along with them and what refers to them, read before anything is changed.
//!
//! In a batch's transaction the rows are locked as they are read: PostgreSQL works on one snapshot and refuses rows that changed
//! since, MariaDB and MySQL lock what they read, SQLite has one writer. A dry run reads the same without locks.

use std::collections::BTreeMap;

use crate::base::name::Name;
use crate::db::predicate::eligible::{self, Look, Scope, equal};
use crate::db::predicate::few::{Few, key_of};
use crate::db::predicate::key_batch;
use crate::db::predicate::whose::{self, Sharers};
use crate::db::predicate::window::{Window, is_within};
use crate::db::query::count::{number, scope};
use crate::db::sql::builder::Sql;
use crate::db::write::redact;
use crate::db::{Connection, DbError, Dialect, Row, Statement};
use crate::plan::{
    Axis, By, Erasure, FamilyReference, Hold, PersonKey, ReferenceEffect, RowTable, RulePlan, TableKey, Target, Whose,
};
use crate::settle::{Claim, ColumnNumbers, Columns, HoldSet, Marks, OTHER_COLUMNS, PartId, Reference, RowKey, Terms};

/// What is asked for all rows of an erasure, put together once.
pub struct Family<'e> {
    pub erasure: &'e Erasure,
    pub references: Vec<FamilyReference<'e>>,
    pub numbers: ColumnNumbers,
    pub terms: Terms,
    /// By place: entries whose rows nothing keeps and nothing waits for (see [`Erasure::is_free`]).
    pub free: Vec<bool>,
}

impl<'e> Family<'e> {
    pub fn of(erasure: &'e Erasure) -> Self {
        let references = erasure.family();
        let numbers = ColumnNumbers::of(erasure, &references);
        let terms = Terms::of(erasure, &references, &numbers);
        let free = (0..erasure.entries.len()).map(|place| erasure.is_free(place, &references)).collect();
        Self { erasure, references, numbers, terms, free }
    }
}

/// Of whom, and when.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The people of a batch; `None`: all who are due.
    few: Option<Few<'a>>,
    look: Look,
}

impl<'a> Asked<'a> {
    /// In the transaction of a batch, of its people.
    pub fn now(few: Few<'a>) -> Self {
        Self { few: Some(few), look: Look::Now }
    }

    /// As a plan asks, of all who are due; what rules before the erasure take is gone.
    pub fn ahead() -> Self {
        Self { few: None, look: Look::Ahead }
    }
}

/// What is found of an entry, as it is told from one connection to another.
#[derive(Debug)]
pub enum Found {
    Row(FoundRow),
    /// So many rows of a free entry are this person's.
    Rows(PersonKey, u64),
}

/// A row of an entry that is somebody's.
#[derive(Debug)]
pub struct FoundRow {
    table: u32,
    key: RowKey,
    person: PersonKey,
    held_by: Vec<u16>,
    is_shared: bool,
    changes: Columns,
}

/// One part of the rows of one table.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    pub target: &'a Target,
    pub axis: &'a Axis,
    pub window: &'a Window,
}

/// Calls `tell` with each row of an entry and each of those whose it is; rows of a free entry are counted.
pub fn claims(
    conn: &mut Connection,
    family: &Family<'_>,
    place: usize,
    asked: Asked<'_>,
    tell: &mut dyn FnMut(Found) -> Result<(), DbError>,
) -> Result<(), DbError> {
    for target in &family.erasure.entries[place].plan.targets {
        match family.free[place] {
            true => count_in(conn, family, place, target, asked, tell)?,
            false => claims_in(conn, family, place, target, None, asked, tell)?,
        }
    }
    Ok(())
}

/// The same of a part of one of its tables.
pub fn claims_of_part(
    conn: &mut Connection,
    family: &Family<'_>,
    place: usize,
    part: Part<'_>,
    asked: Asked<'_>,
    tell: &mut dyn FnMut(Found) -> Result<(), DbError>,
) -> Result<(), DbError> {
    claims_in(conn, family, place, part.target, Some(part), asked, tell)
}

fn claims_in(
    conn: &mut Connection,
    family: &Family<'_>,
    place: usize,
    target: &Target,
    part: Option<Part<'_>>,
    asked: Asked<'_>,
    tell: &mut dyn FnMut(Found) -> Result<(), DbError>,
) -> Result<(), DbError> {
    let Some(claims) = Claims::of(family, place, target) else { return Ok(()) };
    let statement = claims.statement(conn.dialect(), part, asked);
    conn.each(&statement, &mut |row| tell(Found::Row(claims.read(&row)?)))
}

/// Counts the rows by their people, each once.
fn count_in(
    conn: &mut Connection,
    family: &Family<'_>,
    place: usize,
    target: &Target,
    asked: Asked<'_>,
    tell: &mut dyn FnMut(Found) -> Result<(), DbError>,
) -> Result<(), DbError> {
    let Some(whose) = &target.whose else { return Ok(()) };
    let (plan, key) = (&family.erasure.entries[place].plan, &family.erasure.key);
    let scope = Scope { few: asked.few, ..scope(plan, target) };
    let mut sql = Sql::new(conn.dialect());
    let found = whose::found(&mut sql, whose);
    sql.push("SELECT ");
    whose::person(&mut sql, scope, key, found.as_ref());
    sql.push(", COUNT(*) FROM ");
    eligible::from(&mut sql, target);
    whose::join_people(&mut sql, scope, whose, (asked.look, Sharers::One), key, found.as_ref());
    sql.filter(|sql| eligible::considered(sql, Scope { is_joined: found.is_some(), ..scope }, asked.look));
    sql.push(" GROUP BY ");
    whose::person(&mut sql, scope, key, found.as_ref());
    conn.each(&sql.finish(), &mut |row| tell(Found::Rows(key_of(&row, 0)?, number(&row, 1))))
}

/// The rows of an entry in one table.
struct Claims<'f> {
    family: &'f Family<'f>,
    plan: &'f RulePlan,
    target: &'f Target,
    whose: &'f Whose,
    number: u32,
    /// Of a redaction, the bits of its columns; `None`: none has a bit of its own.
    changes: Option<Vec<(Columns, Vec<&'f Name>)>>,
}

impl<'f> Claims<'f> {
    fn of(family: &'f Family<'f>, place: usize, target: &'f Target) -> Option<Self> {
        let plan = &family.erasure.entries[place].plan;
        let number = family.erasure.tables.number_of(&target.table)?;
        let changes = changes(family, place, plan.act.removes());
        Some(Self { family, plan, target, whose: target.whose.as_ref()?, number, changes })
    }

    fn key(&self) -> &'f TableKey {
        &self.family.erasure.tables.get(self.number).key
    }

    fn is_shared(&self) -> bool {
        whose::may_be_shared(self.target)
    }

    fn statement(&self, dialect: Dialect, part: Option<Part<'_>>, asked: Asked<'_>) -> Statement {
        let (target, key) = (self.target, &self.family.erasure.key);
        let scope = Scope { few: asked.few, ..scope(self.plan, target) };
        let mut sql = Sql::new(dialect);
        let found = whose::found(&mut sql, self.whose);
        sql.push("SELECT ");
        key_batch::select(&mut sql, &target.alias, self.key());
        sql.push(", ");
        whose::person(&mut sql, scope, key, found.as_ref());
        if self.is_shared() {
            flag(&mut sql, |sql| whose::someone_elses_too(sql, scope, self.whose));
        }
        hold_flags(&mut sql, &target.alias, &target.holds);
        for (_, columns) in self.changes.iter().flatten() {
            flag(&mut sql, |sql| differs(sql, target, columns));
        }
        sql.push(" FROM ");
        eligible::from(&mut sql, target);
        whose::join_people(&mut sql, scope, self.whose, (asked.look, Sharers::All), key, found.as_ref());
        sql.filter(|sql| {
            sql.all(|terms| {
                if let Some(part) = part {
                    terms.term(|sql| is_within(sql, target, part.axis, part.window));
                }
                terms.term(|sql| eligible::considered(sql, Scope { is_joined: found.is_some(), ..scope }, asked.look));
            });
        });
        lock(&mut sql, asked.look);
        sql.finish()
    }

    fn read(&self, row: &Row) -> Result<FoundRow, DbError> {
        let person = key_width(self.key());
        let holds = person + 1 + usize::from(self.is_shared());
        let rest = holds + self.target.holds.len();
        let changes = match &self.changes {
            None => OTHER_COLUMNS,
            Some(changes) => {
                let differing = changes.iter().enumerate().filter(|(at, _)| row.int(rest + at) == Some(1));
                differing.fold(0, |bits, (_, (bit, _))| bits | bit)
            }
        };
        Ok(FoundRow {
            table: self.number,
            key: key_batch::read(row, 0, self.key())?,
            person: key_of(row, person)?,
            held_by: held_by(row, holds, self.target.holds.len()),
            is_shared: self.is_shared() && row.int(person + 1) == Some(1),
            changes,
        })
    }
}

/// The statements that mark the rows of an entry, as a dry run sends them.
pub fn statements(dialect: Dialect, family: &Family<'_>, place: usize) -> Vec<Statement> {
    let targets = family.erasure.entries[place].plan.targets.iter();
    let claims = targets.filter_map(|target| Claims::of(family, place, target));
    claims.map(|claims| claims.statement(dialect, None, Asked::ahead())).collect()
}

/// Of a redaction, the bits of its columns, where some have bits of their own.
fn changes<'e>(family: &Family<'e>, place: usize, removes: bool) -> Option<Vec<(Columns, Vec<&'e Name>)>> {
    let changes = family.numbers.of_entry(&family.erasure.entries[place]);
    let is_plain = removes || changes.iter().all(|(bit, _)| *bit == OTHER_COLUMNS);
    (!is_plain).then_some(changes)
}

fn differs(sql: &mut Sql, target: &Target, columns: &[&Name]) {
    let meant: Vec<_> = target.redactions.iter().filter(|one| columns.contains(&&one.column)).collect();
    sql.any(|terms| {
        terms.each(&meant, |sql, one| redact::differs(sql, &target.alias, one));
    });
}

fn flag(sql: &mut Sql, condition: impl FnOnce(&mut Sql)) {
    sql.push(", ").either(condition, "1", "0");
}

fn hold_flags(sql: &mut Sql, alias: &Name, holds: &[Hold]) {
    holds.iter().for_each(|hold| flag(sql, |sql| eligible::covers(sql, alias, hold)));
}

fn held_by(row: &Row, first: usize, count: usize) -> Vec<u16> {
    (0..count).filter(|at| row.int(first + at) == Some(1)).filter_map(|at| u16::try_from(at).ok()).collect()
}

fn lock(sql: &mut Sql, look: Look) {
    if look == Look::Now && sql.dialect == Dialect::Mysql {
        // The statements that follow in the transaction are to meet the same rows.
        sql.push(" FOR UPDATE");
    }
}

/// Adds a row that was found to the marks.
pub fn note(marks: &mut Marks, family: &Family<'_>, place: usize, found: Found) {
    let found = match found {
        Found::Row(found) => found,
        Found::Rows(person, rows) => {
            let person = marks.person(person);
            marks.free.push((place as u32, person, rows));
            return;
        }
    };
    let entry = &family.erasure.entries[place];
    let table = &family.erasure.tables.get(found.table).table;
    let target = entry.plan.targets.iter().find(|target| target.table == *table);
    let held_by = hold_set(marks, target.map_or(&[], |target| &target.holds), &found.held_by);
    let row = marks.row(found.table, found.key);
    let people = vec![marks.person(found.person)];
    let FoundRow { is_shared, changes, .. } = found;
    marks.claim(Claim { entry: place as u32, row, part: 0, people, held_by, is_shared, changes });
}

fn hold_set(marks: &mut Marks, holds: &[Hold], covering: &[u16]) -> HoldSet {
    let names = covering.iter().map(|at| marks.hold(&holds[usize::from(*at)].name)).collect();
    marks.hold_set(names)
}

/// All marks of the people of a batch. Rows of free entries are left out on PostgreSQL, where one statement a table does all that
/// is to be done to them and says whose they were.
pub fn marks(conn: &mut Connection, family: &Family<'_>, asked: Asked<'_>) -> Result<Marks, DbError> {
    let mut marks = Marks::new();
    let is_marked = |place: &usize| conn.dialect() != Dialect::Postgres || !family.free[*place];
    let places: Vec<usize> = (0..family.erasure.entries.len()).filter(is_marked).collect();
    for place in places {
        for target in &family.erasure.entries[place].plan.targets {
            claims_in(conn, family, place, target, None, asked, &mut |found| {
                note(&mut marks, family, place, found);
                Ok(())
            })?;
        }
    }
    follow(conn, family, &mut marks, asked)?;
    Ok(marks)
}

/// Adds what goes along with the claimed rows, level by level, and then all that refers to any of them.
pub fn follow(conn: &mut Connection, family: &Family<'_>, marks: &mut Marks, asked: Asked<'_>) -> Result<(), DbError> {
    marks.sort_people();
    let mut reader = Reader { conn, family, marks, look: asked.look };
    let mut fresh = reader.claimed();
    while !fresh.is_empty() {
        fresh = reader.go_along(&fresh)?;
    }
    reader.refer()?;
    reader.count_copies()
}

struct Reader<'c, 'f, 'm> {
    conn: &'c mut Connection,
    family: &'f Family<'f>,
    marks: &'m mut Marks,
    look: Look,
}

/// A row that refers to a part.
struct Referring {
    to: PartId,
    table: u32,
    key: RowKey,
    /// Holds on the row, by their places.
    held: Vec<u16>,
}

/// Rows of one physical table.
type ByTable = BTreeMap<u32, Vec<PartId>>;

impl<'f> Reader<'_, 'f, '_> {
    fn claimed(&self) -> Vec<PartId> {
        let removes = |part: &PartId| {
            let entry = self.marks.parts[*part as usize].entry;
            self.family.terms.entries[entry as usize].removes
        };
        (0..self.marks.parts.len() as PartId).filter(removes).collect()
    }

    fn go_along(&mut self, fresh: &[PartId]) -> Result<Vec<PartId>, DbError> {
        let mut next = Vec::new();
        for (terms, reference) in self.family.references.iter().enumerate() {
            let ReferenceEffect::GoesAlong(level) = reference.effect else { continue };
            for (parents, parts) in self.of_level(reference, fresh.iter().copied()) {
                for Referring { to, table, key, held } in self.referring(reference, parents, &parts)? {
                    let row = self.marks.row(table, key);
                    let (part, is_new) = self.marks.part(reference.entry as u32, level as u32, row);
                    let held_by = hold_set(self.marks, reference.holds, &held);
                    let (terms, from) = (terms as u32, Some(row));
                    self.marks.references.push(Reference { terms, from, part: Some(part), to, held_by });
                    if is_new {
                        next.push(part);
                    }
                }
            }
        }
        Ok(next)
    }

    fn refer(&mut self) -> Result<(), DbError> {
        let all: Vec<PartId> = (0..self.marks.parts.len() as PartId).collect();
        for (terms, reference) in self.family.references.iter().enumerate() {
            if matches!(reference.effect, ReferenceEffect::GoesAlong(_)) {
                continue;
            }
            for (parents, parts) in self.of_level(reference, all.iter().copied()) {
                for Referring { to, table, key, held } in self.referring(reference, parents, &parts)? {
                    let from = match reference.effect {
                        ReferenceEffect::LetsGo => Some(self.marks.row(table, key)),
                        _ => self.marks.find_row(table, &key),
                    };
                    let held_by = hold_set(self.marks, reference.holds, &held);
                    self.marks.references.push(Reference { terms: terms as u32, from, part: None, to, held_by });
                }
            }
        }
        Ok(())
    }

    /// Those of the parts that the reference may lead to, by their physical tables.
    fn of_level(&self, reference: &FamilyReference<'_>, parts: impl Iterator<Item = PartId>) -> ByTable {
        let mut by_table = ByTable::new();
        for id in parts {
            let part = &self.marks.parts[id as usize];
            if (part.entry as usize, part.level as usize) == (reference.entry, reference.level) {
                by_table.entry(self.marks.rows[part.row as usize].table).or_default().push(id);
            }
        }
        by_table
    }

    /// Rows that refer to these parts, all of one table.
    fn referring(
        &mut self,
        reference: &FamilyReference<'f>,
        parents: u32,
        parts: &[PartId],
    ) -> Result<Vec<Referring>, DbError> {
        let tables = &self.family.erasure.tables;
        let plan = &self.family.erasure.entries[reference.entry].plan;
        let children: Vec<u32> = match &reference.by {
            By::Columns { table, .. } => tables.of(table).to_vec(),
            // The row itself is found by the other entry as well.
            By::Path(passage) if passage.steps == 0 => vec![parents],
            By::Path(passage) => tables.of(&passage.target.root).to_vec(),
        };
        let mut found = Vec::new();
        for some in parts.chunks(key_batch::most(self.conn.dialect())) {
            let keys: BTreeMap<&RowKey, PartId> = some
                .iter()
                .map(|part| (&self.marks.rows[self.marks.parts[*part as usize].row as usize].key, *part))
                .collect();
            for child in &children {
                let sides = Sides { parent: tables.get(parents), child: tables.get(*child) };
                let wanted: Vec<&RowKey> = keys.keys().copied().collect();
                let statement = sides.statement(self.conn.dialect(), plan, reference, self.look, &wanted);
                let width = key_width(&sides.parent.key);
                let holds = width + key_width(&sides.child.key);
                self.conn.each(&statement, &mut |row| {
                    let parent = key_batch::read(&row, 0, &sides.parent.key)?;
                    let key = key_batch::read(&row, width, &sides.child.key)?;
                    let held = held_by(&row, holds, reference.holds.len());
                    found.extend(keys.get(&parent).map(|part| Referring { to: *part, table: *child, key, held }));
                    Ok(())
                })?;
            }
        }
        Ok(found)
    }

    /// Rows that nothing tells apart, where a table has no key.
    fn count_copies(&mut self) -> Result<(), DbError> {
        let tables = &self.family.erasure.tables;
        let mut by_table: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (row, marked) in (0..).zip(&self.marks.rows) {
            if matches!(tables.get(marked.table).key, TableKey::Digest(_)) {
                by_table.entry(marked.table).or_default().push(row);
            }
        }
        for (number, rows) in by_table {
            let table = tables.get(number);
            for some in rows.chunks(key_batch::most(self.conn.dialect())) {
                let keys: BTreeMap<RowKey, u32> =
                    some.iter().map(|row| (self.marks.rows[*row as usize].key.clone(), *row)).collect();
                let mut sql = Sql::new(self.conn.dialect());
                sql.push("SELECT ");
                key_batch::select(&mut sql, &table.table.table, &table.key);
                from(&mut sql, table, &table.table.table);
                sql.push(" WHERE ");
                key_batch::is_among(&mut sql, &table.table.table, &table.key, &keys.keys().collect::<Vec<_>>());
                lock(&mut sql, self.look);
                let mut copies: BTreeMap<u32, u32> = BTreeMap::new();
                self.conn.each(&sql.finish(), &mut |row| {
                    let key = key_batch::read(&row, 0, &table.key)?;
                    keys.get(&key).into_iter().for_each(|row| *copies.entry(*row).or_default() += 1);
                    Ok(())
                })?;
                copies.into_iter().for_each(|(row, count)| self.marks.rows[row as usize].copies = count);
            }
        }
        Ok(())
    }
}

fn key_width(key: &TableKey) -> usize {
    match key {
        TableKey::Columns(columns) => columns.len(),
        TableKey::Place | TableKey::Digest(_) => 1,
    }
}

/// The two tables of a reference.
struct Sides<'t> {
    parent: &'t RowTable,
    child: &'t RowTable,
}

impl Sides<'_> {
    fn statement(
        &self,
        dialect: Dialect,
        plan: &RulePlan,
        reference: &FamilyReference<'_>,
        look: Look,
        keys: &[&RowKey],
    ) -> Statement {
        // Looking ahead: rows that rules before the erasure take refer to nothing.
        let earlier = if look == Look::Ahead { &plan.earlier[..] } else { &[] };
        let mut sql = Sql::new(dialect);
        match &reference.by {
            By::Columns { table, columns, parent_columns, .. } => {
                let (parent, child) = (sql.fresh_alias(), &table.table);
                self.select(&mut sql, &parent, child, reference.holds);
                from(&mut sql, self.parent, &parent);
                sql.push(" JOIN ");
                named(&mut sql, self.child, child);
                sql.push(" ON ");
                equal(&mut sql, child, columns, &parent, parent_columns);
                sql.filter(|sql| {
                    sql.all(|terms| {
                        terms.term(|sql| key_batch::is_among(sql, &parent, &self.parent.key, keys));
                        eligible::left_by(terms, earlier, table, child);
                        eligible::referring_still(terms, earlier, (table, columns), child);
                    });
                });
            }
            By::Path(passage) => {
                let target = &passage.target;
                let among = |sql: &mut Sql, alias: &Name| key_batch::is_among(sql, alias, &self.parent.key, keys);
                let is_the_row = passage.steps == 0;
                if is_the_row {
                    self.select(&mut sql, &target.alias, &target.alias, &[]);
                    from(&mut sql, self.child, &target.alias);
                } else {
                    let found = sql.fresh_alias();
                    self.select(&mut sql, &found, &target.alias, &[]);
                    from(&mut sql, self.child, &target.alias);
                    whose::join_path(&mut sql, passage, self.parent, &found, &among);
                }
                sql.filter(|sql| {
                    sql.all(|terms| {
                        if is_the_row {
                            terms.term(|sql| among(sql, &target.alias));
                            terms.term(|sql| whose::leads_to_somebody(sql, passage, &target.alias));
                        }
                        whose::is_looked_for(terms, target, earlier);
                    });
                });
            }
        }
        lock(&mut sql, look);
        sql.finish()
    }

    fn select(&self, sql: &mut Sql, parent: &Name, child: &Name, holds: &[Hold]) {
        sql.push("SELECT ");
        key_batch::select(sql, parent, &self.parent.key);
        sql.push(", ");
        key_batch::select(sql, child, &self.child.key);
        hold_flags(sql, child, holds);
    }
}

fn from(sql: &mut Sql, table: &RowTable, alias: &Name) {
    sql.push(" FROM ");
    named(sql, table, alias);
}

fn named(sql: &mut Sql, table: &RowTable, alias: &Name) {
    if table.only {
        sql.push("ONLY ");
    }
    sql.table(&table.table).push(" AS ").name(alias);
}
