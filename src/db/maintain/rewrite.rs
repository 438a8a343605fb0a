//! Writing a SQLite file anew, so that nothing of what was erased is left in it.
//!
//! `secure_delete` zeroes what is deleted where it stands. But as SQLite moves rows and index entries between its pages it leaves
//! the bytes of where they stood before, in gaps that no statement reaches, and an application without `secure_delete` leaves what it
//! deleted. A file that was written anew holds rows and nothing else, once indexes of words are merged and samples of indexes taken anew,
//! which keep something of rows that are gone.

use crate::base::name::Name;
use crate::db::query::count::{number, one_row};
use crate::db::{Connection, DbError, Dialect, ErrorKind, Statement};

/// VACUUM counts the rows of such tables anew, and an application may have kept their numbers.
const NUMBERED_BY_NOTHING: &str = "
    SELECT l.name FROM pragma_table_list AS l
     WHERE l.schema = 'main' AND l.type IN ('table', 'shadow') AND l.wr = 0 AND substr(lower(l.name), 1, 7) <> 'sqlite_'
       AND NOT EXISTS (SELECT 1 FROM pragma_table_info(l.name, 'main') AS c WHERE c.pk > 0)
       AND NOT EXISTS (SELECT 1 FROM pragma_index_list(l.name, 'main'))
     ORDER BY l.name LIMIT 1";

/// An index of words keeps those of a row that is gone, marked as such, until its parts are merged. It is known by the tables
/// that it makes: parts of FTS3 and FTS4, and of FTS5.
pub(in crate::db) const FULL_TEXT: &str = "
    SELECT l.name FROM pragma_table_list AS l
     WHERE l.schema = 'main' AND l.type = 'virtual' AND EXISTS (
               SELECT 1 FROM pragma_table_list AS s
                WHERE s.schema = 'main' AND s.type = 'shadow' AND s.name IN (l.name || '_segdir', l.name || '_idx'))
     ORDER BY l.name";

/// The planner's, of an application that had them taken.
const SAMPLES: &str = "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('sqlite_stat3', 'sqlite_stat4')";

/// Writes the file anew where it has no more than `largest` bytes, which keeps writers waiting for as long as it takes; what is left
/// of what was erased, where it was not done, and what to do. Nothing is to be done on servers, which reuse freed space as they see
/// fit.
///
/// # Errors
/// Those after which the connection is of no use; whatever else stands in the way is the reason.
pub fn rewrite(conn: &mut Connection, largest: u64) -> Result<Vec<String>, DbError> {
    if conn.dialect() != Dialect::Sqlite {
        return Ok(Vec::new());
    }
    let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let size = number(&one_row(conn, &Statement::plain(size))?, 0);
    let is_too_large =
        (size > largest).then(|| "the file is larger than `vacuum_up_to_mib` of its database in the config".to_owned());
    let mut left = Vec::new();
    for keeper in keepers(conn)? {
        if let Some(reason) = hindrance(conn, is_too_large.as_ref(), &keeper.renewal)? {
            let Keeper { what, renewal } = keeper;
            left.push(format!("{what}, which was not done: {reason}; run {renewal} and then VACUUM"));
        }
    }
    let in_the_way = is_too_large.map_or_else(|| would_be_numbered_anew(conn), |reason| Ok(Some(reason)))?;
    if let Some(reason) = hindrance(conn, in_the_way.as_ref(), "VACUUM")? {
        left.push(format!(
            "what was erased may be legible in gaps of the pages of the database's file until it is written anew, which was not \
             done: {reason}; run VACUUM on it"
        ));
    }
    Ok(left)
}

/// What keeps something of rows that are gone until it is renewed.
struct Keeper {
    what: String,
    renewal: String,
}

fn keepers(conn: &mut Connection) -> Result<Vec<Keeper>, DbError> {
    let indexes = conn.query(&Statement::plain(FULL_TEXT))?;
    let mut keepers: Vec<_> = indexes.iter().filter_map(|row| row.name(0)).map(|index| full_text(&index)).collect();
    if number(&one_row(conn, &Statement::plain(SAMPLES))?, 0) > 0 {
        keepers.push(Keeper {
            what: "SQLite's samples of indexes (`sqlite_stat4`) may hold values of what was erased until they are taken anew".into(),
            renewal: "ANALYZE".into(),
        });
    }
    Ok(keepers)
}

/// The index takes a command as a row whose one value stands in a column of its own name.
fn full_text(index: &Name) -> Keeper {
    let name = index.quoted(Dialect::Sqlite.quote());
    Keeper {
        what: format!("the full-text index `{index}` may hold words of what was erased until its parts are merged"),
        renewal: format!("INSERT INTO {name} ({name}) VALUES ('optimize')"),
    }
}

fn would_be_numbered_anew(conn: &mut Connection) -> Result<Option<String>, DbError> {
    let tables = conn.query(&Statement::plain(NUMBERED_BY_NOTHING))?;
    Ok(tables.first().and_then(|row| row.name(0)).map(|table| {
        format!(
            "table `{table}` has neither a primary key nor an index, so that its rows would be numbered anew, which an application may \
             not expect"
        )
    }))
}

/// Runs the statement where nothing is in the way; what was, or became so.
fn hindrance(conn: &mut Connection, in_the_way: Option<&String>, sql: &str) -> Result<Option<String>, DbError> {
    if let Some(reason) = in_the_way {
        return Ok(Some(reason.clone()));
    }
    match conn.script(sql) {
        Ok(()) => Ok(None),
        Err(error) if error.kind == ErrorKind::Lost => Err(error),
        Err(error) => Ok(Some(error.message)),
    }
}
