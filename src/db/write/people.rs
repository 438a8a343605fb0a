//! The statements of an erasure about the people themselves: who is due, who is held, and how many rows are theirs.

use std::sync::Arc;

use jiff::Timestamp;

use crate::db::predicate::age::{self, Told};
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::{Look, Scope};
use crate::db::predicate::few::{Few, key_of, typed};
use crate::db::predicate::whose;
use crate::db::predicate::whose::{Sharers, are_due, may_be_shared, of_people};
use crate::db::predicate::window::outward;
use crate::db::query::count::{Counts, number, one_row};
use crate::db::sql::builder::Sql;
use crate::db::{Connection, DbError, Dialect, Row, Statement};
use crate::plan::{Entry, Erasure, KeyColumn, People, PersonKey, RulePlan, Target};

/// When an account was made, as far as the data tells: a day tells no hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedUp(Told);

impl SignedUp {
    /// Surely: of the same day nobody knows.
    pub fn is_after(self, at: Timestamp) -> bool {
        self.0.earliest > at
    }

    /// Surely.
    pub fn is_before(self, at: Timestamp) -> bool {
        self.0.latest < at
    }

    /// Selects what [`SignedUp::read`] reads: one column.
    pub(in crate::db) fn select(sql: &mut Sql, erasure: &Erasure) {
        age::latest(sql, &erasure.people.alias, erasure.created.as_slice());
    }

    pub(in crate::db) fn read(row: &Row, column: usize, erasure: &Erasure) -> Option<Self> {
        Told::read(row, column, erasure.created.as_slice()).map(Self)
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

/// Called with each person and how many rows of theirs are in one table.
pub(in crate::db) type Tell<'a> = &'a mut dyn FnMut(PersonKey, u64) -> Result<(), DbError>;

/// Can a row of the entry be several people's?
pub fn has_sharers(plan: &RulePlan) -> bool {
    plan.targets.iter().any(may_be_shared)
}

/// Does what stayed of an entry ask for the person's own row to stay as well? What somebody else shares is theirs now; but where a
/// row may be kept by a reference as well, that is what is feared.
pub fn keep_the_person(entry: &Entry, stayed: &Counts) -> bool {
    let is_shared = has_sharers(&entry.plan) && !entry.may_be_needed();
    stayed.held > 0 || stayed.remaining() > 0 || (stayed.blocked > 0 && !is_shared)
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
    conn.each(statement, &mut |row| {
        tell(Person {
            key: key_of(&row, 0)?,
            closed: Told::read(&row, 1, &erasure.people.anchors).map(|told| told.at),
            created: SignedUp::read(&row, 2, erasure),
        });
        Ok(())
    })
}

/// How many people have a closing time that nobody can read: it may have been one long ago.
pub fn unreadable(conn: &mut Connection, erasure: &Erasure) -> Result<u64, DbError> {
    let target = &erasure.people;
    if target.anchors.is_empty() {
        return Ok(0);
    }
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM ");
    eligible::from(&mut sql, target);
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| age::unknown(sql, &target.alias, &target.anchors));
            terms.not_true(|sql| age::says_none(sql, &target.alias, &target.anchors));
            terms.term(|sql| eligible::is_meant(sql, target));
        });
    });
    Ok(number(&one_row(conn, &sql.finish())?, 0))
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
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| whose::closed(sql, target));
            terms.term(|sql| eligible::is_meant(sql, target));
            terms.term(|sql| eligible::held(sql, of_people(target)));
        });
    });
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
    let mut sql = Sql::new(conn.dialect());
    let found = whose::found(&mut sql, whose);
    let person = |sql: &mut Sql| whose::person(sql, scope, key, found.as_ref());
    sql.push("SELECT ");
    person(&mut sql);
    sql.push(", COUNT(*) FROM ");
    eligible::from(&mut sql, target);
    whose::join_people(&mut sql, scope, whose, (Look::Ahead, Sharers::One), key, found.as_ref());
    sql.filter(|sql| eligible::considered(sql, Scope { is_joined: found.is_some(), ..scope }, Look::Ahead));
    sql.push(" GROUP BY ");
    person(&mut sql);
    conn.each(&sql.finish(), &mut |row| tell(key_of(&row, 0)?, number(&row, 1)))
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
    sql.filter(|sql| {
        sql.all(|terms| {
            if let Some(last) = after {
                terms.term(|sql| {
                    sql.column(&target.alias, &erasure.key.name).push(" > ");
                    typed(sql, &erasure.key, last);
                });
            }
            terms.term(|sql| eligible::is_meant(sql, target));
        });
    });
    sql.push(" ORDER BY ").column(&target.alias, &erasure.key.name).push(" LIMIT ").number(limit);
    people_of(conn, erasure, &sql.finish())
}
