//! The statements of an erasure: who is due, what their rows count to, and the acts on the rows of a few of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::db::predicate::anchor;
use crate::db::predicate::doomed::Within;
use crate::db::predicate::eligible::{self, Look, Scope};
use crate::db::predicate::few::{Few, key_of, typed};
use crate::db::predicate::whose::{self, Sharers, are_due, may_be_shared, of_people};
use crate::db::predicate::window::{Window, outward};
use crate::db::query::count::{self, Consequences, Counts, counts_of, number, one_row, scope};
use crate::db::sql::builder::Sql;
use crate::db::write::batch::{self, Deleted, Done};
use crate::db::write::redact;
use crate::db::{Connection, DbError, Dialect, Row, Statement};
use crate::plan::{Axis, Entry, Erasure, KeyColumn, People, PersonKey, RulePlan, Target, Whose};

/// What the rows of each person count to.
pub type ByPerson = BTreeMap<PersonKey, Counts>;

/// When an account was made, as far as the data tells: a day tells no hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedUp {
    earliest: Timestamp,
    latest: Timestamp,
}

impl SignedUp {
    /// Surely: of the same day nobody knows.
    pub fn is_after(self, at: Timestamp) -> bool {
        self.earliest > at
    }

    /// Surely.
    pub fn is_before(self, at: Timestamp) -> bool {
        self.latest < at
    }

    /// Selects what [`SignedUp::read`] reads: two columns.
    pub(in crate::db) fn select(sql: &mut Sql, erasure: &Erasure) {
        let alias = &erasure.people.alias;
        eligible::latest(sql, alias, erasure.created.as_slice());
        sql.push(", ");
        match &erasure.created {
            Some(anchor) => anchor::is_day(sql, alias, anchor),
            None => {
                sql.push("0");
            }
        }
    }

    pub(in crate::db) fn read(row: &Row, column: usize, erasure: &Erasure, dialect: Dialect) -> Option<Self> {
        let reading = &erasure.created.as_ref()?.reading;
        let instant = anchor::instant_of(row.int(column)?, reading, dialect)?;
        match row.int(column + 1) {
            Some(1) => anchor::day_of(instant, reading, dialect).map(|(earliest, latest)| Self { earliest, latest }),
            _ => Some(Self { earliest: instant, latest: instant }),
        }
    }
}

/// Somebody who is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub key: PersonKey,
    /// When the account was closed; `None` where that is not known, as of somebody who asked and closed nothing.
    pub closed: Option<Timestamp>,
    /// Where the schedule names the column.
    pub created: Option<SignedUp>,
}

/// Called with each person and what their rows in one table count to.
pub(in crate::db) type Tell<'a> = &'a mut dyn FnMut(PersonKey, Counts) -> Result<(), DbError>;

/// Counts the rows of one table by their people: of the few, or of everybody who is due. Nothing is told of people without any.
fn counts_in(
    conn: &mut Connection,
    scope: Scope<'_>,
    whose: &Whose,
    key: &KeyColumn,
    (look, sharers): (Look, Sharers),
    tell: Tell<'_>,
) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    let found = whose::found(&mut sql, whose);
    let person = |sql: &mut Sql| whose::person(sql, scope, key, found.as_ref());
    sql.push("SELECT ");
    person(&mut sql);
    sql.push(", ");
    count::select_counts(&mut sql, Scope { is_joined: false, ..scope }, look);
    sql.push(" FROM ");
    eligible::from(&mut sql, scope.target);
    whose::join_people(&mut sql, scope, whose, (look, sharers), key, found.as_ref());
    sql.push(" WHERE ");
    eligible::considered(&mut sql, Scope { is_joined: found.is_some(), ..scope }, look);
    sql.push(" GROUP BY ");
    person(&mut sql);
    if look == Look::Now && sql.dialect == Dialect::Mysql {
        // The statements that follow in the transaction are to meet the same rows.
        sql.push(" FOR UPDATE");
    }
    conn.each(&sql.finish(), &mut |row| tell(key_of(&row, 0)?, counts_of(&row, 1, scope.target)))
}

/// Counts the rows of an entry by their people, as a plan does: what earlier rules take is gone. Whoever has rows in several
/// tables (partitions) is told of for each of them.
pub fn counts_ahead(conn: &mut Connection, plan: &RulePlan, key: &KeyColumn, tell: Tell<'_>) -> Result<(), DbError> {
    counts_by_person(conn, plan, key, None, (Look::Ahead, Sharers::One), tell)
}

/// Can a row of the entry be several people's?
pub fn has_sharers(plan: &RulePlan) -> bool {
    plan.targets.iter().any(may_be_shared)
}

/// As [`counts_ahead`], with each row counted for everybody whose it is.
pub fn counts_of_sharers(
    conn: &mut Connection,
    plan: &RulePlan,
    key: &KeyColumn,
    tell: Tell<'_>,
) -> Result<(), DbError> {
    counts_by_person(conn, plan, key, None, (Look::Ahead, Sharers::All), tell)
}

fn counts_by_person(
    conn: &mut Connection,
    plan: &RulePlan,
    key: &KeyColumn,
    few: Option<Few<'_>>,
    how: (Look, Sharers),
    tell: Tell<'_>,
) -> Result<(), DbError> {
    plan.targets
        .iter()
        .filter_map(|target| Some((target, target.whose.as_ref()?)))
        .try_for_each(|(target, whose)| counts_in(conn, Scope { few, ..scope(plan, target) }, whose, key, how, tell))
}

/// Counts the rows of a few people's as they are now, in the batch's transaction.
fn counts_now(conn: &mut Connection, plan: &RulePlan, few: Few<'_>, sharers: Sharers) -> Result<ByPerson, DbError> {
    let mut all = ByPerson::new();
    counts_by_person(conn, plan, few.column, Some(few), (Look::Now, sharers), &mut |person, counts| {
        all.entry(person).or_default().add(&counts);
        Ok(())
    })?;
    Ok(all)
}

/// What is there of an entry's rows that are a few people's, in the batch's transaction; those that several share count for each.
pub fn there_now(conn: &mut Connection, entry: &Entry, few: Few<'_>) -> Result<ByPerson, DbError> {
    counts_now(conn, &entry.plan, few, Sharers::All)
}

/// What happened to the rows of an entry that are a few people's.
#[derive(Debug, Default)]
pub struct Erased {
    pub done: Done,
    /// Rows done, by person.
    pub by_person: HashMap<PersonKey, u64>,
    /// What went along with them, or let go of them, by person.
    pub along: BTreeMap<PersonKey, Consequences>,
    /// What stayed, by person: held or blocked.
    pub stayed: ByPerson,
}

/// Erases what an entry says of a few people's rows, in the caller's transaction.
///
/// # Errors
/// [`ErrorKind::Conflict`](crate::db::ErrorKind::Conflict) where the statements did not meet the same rows; the caller rolls
/// back.
pub fn erase(conn: &mut Connection, entry: &Entry, few: Few<'_>) -> Result<Erased, DbError> {
    // Everybody's rows wait for others; and of no keys at all PostgreSQL could not tell the type.
    if few.keys.is_empty() {
        return Ok(Erased::default());
    }
    if tells_by_itself(conn.dialect(), entry) {
        return erase_and_be_told(conn, entry, few);
    }
    let plan = &entry.plan;
    let before = counts_now(conn, plan, few, Sharers::One)?;
    let eligible: u64 = before.values().map(|counts| counts.eligible).sum();
    if eligible == 0 {
        return Ok(Erased::default());
    }
    let Deleted { done, along } = act_on_all(conn, entry, few)?;
    if done.rows == eligible {
        let by_person = before.into_iter().map(|(person, counts)| (person, counts.eligible)).collect();
        return Ok(Erased { done, by_person, along, stayed: ByPerson::new() });
    }
    let stayed = counts_now(conn, plan, few, Sharers::One)?;
    let left = |person: &PersonKey| stayed.get(person).map_or(0, |counts| counts.eligible);
    let by_person: HashMap<_, _> = before
        .iter()
        .map(|(person, counts)| (person.clone(), counts.eligible.saturating_sub(left(person))))
        .filter(|(_, rows)| *rows > 0)
        .collect();
    batch::require_same(sum_of(&by_person), done.rows)?;
    // What stays, stays of everybody whose it is.
    let stayed = match has_sharers(plan) {
        true => counts_now(conn, plan, few, Sharers::All)?,
        false => stayed,
    };
    Ok(Erased { done, by_person, along, stayed })
}

/// Can one statement a table do all that the entry says, and answer whose the rows were? PostgreSQL alone returns what a
/// join says of them. Counting first would read the scattered rows of the people twice.
fn tells_by_itself(dialect: Dialect, entry: &Entry) -> bool {
    let plan = &entry.plan;
    dialect == Dialect::Postgres
        && entry.redact_first.is_empty()
        && plan.targets.iter().all(|target| !plan.act.removes() || !batch::takes_several(plan, target))
        && !batch::frees_its_own(plan)
}

/// Can some of the rows stay that the statement is about? In the batch's snapshot nobody adds to them, so where no hold, no
/// reference, nobody else and no trigger keeps any there is nothing left to count, and the pages need not be read again.
fn may_stay(plan: &RulePlan) -> bool {
    plan.targets.iter().any(|target| {
        let scope = scope(plan, target);
        target.has_triggers || eligible::has_holds(scope) || eligible::has_blockers(scope)
    })
}

fn erase_and_be_told(conn: &mut Connection, entry: &Entry, few: Few<'_>) -> Result<Erased, DbError> {
    let plan = &entry.plan;
    let mut by_person = HashMap::new();
    for target in &plan.targets {
        let Some(whose) = &target.whose else { continue };
        let acting = act_on_theirs(Scope { few: Some(few), ..scope(plan, target) }, whose, few.column);
        conn.each(&acting, &mut |row| {
            *by_person.entry(key_of(&row, 0)?).or_default() += 1;
            Ok(())
        })?;
    }
    let stayed = match may_stay(plan) {
        true => counts_now(conn, plan, few, Sharers::All)?,
        false => ByPerson::new(),
    };
    let done = Done { rows: sum_of(&by_person), ..Done::default() };
    Ok(Erased { done, by_person, along: BTreeMap::new(), stayed })
}

fn sum_of(by_person: &HashMap<PersonKey, u64>) -> u64 {
    by_person.values().sum()
}

/// The act on the rows of a target, in PostgreSQL's words; it answers of each row whose it was. To let the server count them would
/// take it longer than to say it.
fn act_on_theirs(scope: Scope<'_>, whose: &Whose, key: &KeyColumn) -> Statement {
    let mut sql = Sql::new(Dialect::Postgres);
    let found = whose::found(&mut sql, whose);
    sql.push(if scope.removes { "DELETE FROM " } else { "UPDATE " });
    eligible::from(&mut sql, scope.target);
    if !scope.removes {
        sql.push(" SET ");
        redact::assignments(&mut sql, scope.target);
    }
    if let Some((_, found)) = &found {
        sql.push(if scope.removes { " USING " } else { " FROM " });
        whose::with_people(&mut sql, scope, whose, (Look::Now, Sharers::One), key, found);
    }
    sql.push(" WHERE ");
    if let Some((step, found)) = &found {
        whose::leads_to(&mut sql, scope, step, found);
        sql.push(" AND ");
    }
    eligible::due(&mut sql, Scope { is_joined: found.is_some(), ..scope }, Look::Now);
    sql.push(" RETURNING ");
    whose::person(&mut sql, scope, key, found.as_ref());
    sql.finish()
}

/// Does what stayed of an entry ask for the person's own row to stay as well? What somebody else shares is theirs now.
pub fn keep_the_person(entry: &Entry, stayed: &Counts) -> bool {
    // Where a row may be blocked by a reference as well, that is what is feared.
    let is_free =
        |target: &Target| target.blockers.is_empty() && target.self_links.is_empty() && target.passages.is_empty();
    let is_referred_to = !entry.plan.targets.iter().all(is_free) || !entry.plan.dependents.is_empty();
    let is_shared = has_sharers(&entry.plan) && !is_referred_to;
    stayed.held > 0 || stayed.remaining() > 0 || (stayed.blocked > 0 && !is_shared)
}

/// All tables of the entry, over and over while what went frees more of its own kind.
fn act_on_all(conn: &mut Connection, entry: &Entry, few: Few<'_>) -> Result<Deleted, DbError> {
    let (axis, window) = (Axis::Whole, Window::default());
    let mut all = Deleted::default();
    loop {
        let before = all.done.rows;
        for target in &entry.plan.targets {
            all.add(act_within(conn, entry, target, few, Within::Window(&axis, &window))?);
        }
        if all.done.rows == before || !batch::frees_its_own(&entry.plan) {
            return Ok(all);
        }
    }
}

/// Erases the rows of a few people that lie in a window of one table, in the caller's transaction.
///
/// # Errors
/// As [`erase`].
pub fn erase_window(
    conn: &mut Connection,
    entry: &Entry,
    target: &Target,
    few: Few<'_>,
    axis: &Axis,
    window: &Window,
) -> Result<Done, DbError> {
    Ok(act_within(conn, entry, target, few, Within::Window(axis, window))?.done)
}

fn act_within(
    conn: &mut Connection,
    entry: &Entry,
    target: &Target,
    few: Few<'_>,
    part: Within<'_>,
) -> Result<Deleted, DbError> {
    let scope = Scope { few: Some(few), ..scope(&entry.plan, target) };
    if !entry.plan.act.removes() {
        return Ok(batch::redact_of(conn, scope, part)?.into());
    }
    if !entry.redact_first.is_empty() {
        let changed = Target { redactions: entry.redact_first.clone(), ..target.clone() };
        batch::redact_of(conn, Scope { target: &changed, ..scope }, part)?;
    }
    batch::delete_of(conn, &entry.plan, scope, part)
}

/// Those of the people who are due, locked until the transaction ends: nobody opens an account again meanwhile.
pub fn lock(conn: &mut Connection, erasure: &Erasure, keys: &[PersonKey]) -> Result<Vec<Person>, DbError> {
    let mut sql = due_people(conn.dialect(), erasure, Some(Few { column: &erasure.key, keys }));
    if conn.dialect() != Dialect::Sqlite {
        sql.push(" FOR UPDATE");
    }
    people_of(conn, erasure, &sql.finish())
}

/// Calls `tell` with everybody who is due.
pub fn who_is_due(conn: &mut Connection, erasure: &Erasure, tell: &mut dyn FnMut(Person)) -> Result<(), DbError> {
    let statement = due_people(conn.dialect(), erasure, None).finish();
    each_of(conn, erasure, &statement, tell)
}

fn due_people(dialect: Dialect, erasure: &Erasure, few: Option<Few<'_>>) -> Sql {
    let people = People { target: Arc::clone(&erasure.people), who: erasure.who.clone() };
    let mut sql = Sql::new(dialect);
    select_people(&mut sql, erasure);
    sql.push(" WHERE ");
    are_due(&mut sql, &people, few);
    if few.is_some() {
        eligible::meant(&mut sql, &erasure.people);
    }
    sql
}

/// `SELECT` key, closing time and time of signing up `FROM` the table of people.
fn select_people(sql: &mut Sql, erasure: &Erasure) {
    let target = &erasure.people;
    sql.push("SELECT ");
    outward(sql, &target.alias, &erasure.key.name, &erasure.key.transport);
    sql.push(", ");
    eligible::latest(sql, &target.alias, &target.anchors);
    sql.push(", ");
    SignedUp::select(sql, erasure);
    sql.push(" FROM ");
    eligible::from(sql, target);
}

fn people_of(conn: &mut Connection, erasure: &Erasure, statement: &Statement) -> Result<Vec<Person>, DbError> {
    let mut people = Vec::new();
    each_of(conn, erasure, statement, &mut |person| people.push(person))?;
    Ok(people)
}

fn each_of(
    conn: &mut Connection,
    erasure: &Erasure,
    statement: &Statement,
    tell: &mut dyn FnMut(Person),
) -> Result<(), DbError> {
    let dialect = conn.dialect();
    let instant = |row: &Row, column, anchors: &[crate::plan::Anchor]| {
        anchor::instant_of(row.int(column)?, &anchors.last()?.reading, dialect)
    };
    conn.each(statement, &mut |row| {
        tell(Person {
            key: key_of(&row, 0)?,
            closed: instant(&row, 1, &erasure.people.anchors),
            created: SignedUp::read(&row, 2, erasure, dialect),
        });
        Ok(())
    })
}

/// How many people whose account is closed and whose grace is over are under a hold on people.
pub fn held(conn: &mut Connection, erasure: &Erasure) -> Result<u64, DbError> {
    let target = &erasure.people;
    if target.holds.is_empty() {
        return Ok(0);
    }
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM ");
    eligible::from(&mut sql, target);
    sql.push(" WHERE ");
    whose::closed(&mut sql, target);
    eligible::meant(&mut sql, target);
    sql.push(" AND (");
    eligible::held(&mut sql, of_people(target));
    sql.push(")");
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// Counts the rows of a target that are a few people's, for the record: nothing is locked and nothing counts as gone.
pub(in crate::db) fn counts_of_target(
    conn: &mut Connection,
    target: &Target,
    key: &KeyColumn,
    few: Few<'_>,
    tell: Tell<'_>,
) -> Result<(), DbError> {
    let Some(whose) = &target.whose else { return Ok(()) };
    let scope = Scope { few: Some(few), ..of_people(target) };
    counts_in(conn, scope, whose, key, (Look::Ahead, Sharers::One), tell)
}

/// The people who come after this one in the order of their keys, whether due or not.
pub(in crate::db) fn page_of_people(
    conn: &mut Connection,
    erasure: &Erasure,
    after: Option<&PersonKey>,
    limit: u64,
) -> Result<Vec<Person>, DbError> {
    let target = &erasure.people;
    let mut sql = Sql::new(conn.dialect());
    select_people(&mut sql, erasure);
    sql.push(" WHERE ");
    match after {
        Some(last) => {
            sql.column(&target.alias, &erasure.key.name).push(" > ");
            typed(&mut sql, &erasure.key, last);
        }
        None => {
            sql.push("TRUE");
        }
    }
    eligible::meant(&mut sql, target);
    sql.push(" ORDER BY ").column(&target.alias, &erasure.key.name).push(" LIMIT ").number(limit);
    people_of(conn, erasure, &sql.finish())
}
