//! Writing a SQLite file anew, so that nothing of what was erased is left in it.
//!
//! `secure_delete` zeroes what is deleted where it stands. But as SQLite moves rows and index entries between its pages it leaves
//! the bytes of where they stood before, in gaps that no statement reaches, and an application without `secure_delete` leaves what it
//! deleted. A file that was written anew holds rows and nothing else.

use super::count::{number, one_row};
use super::{Connection, DbError, Dialect, ErrorKind, Statement};

/// VACUUM counts the rows of such tables anew, and an application may have kept their numbers.
const NUMBERED_BY_NOTHING: &str = "
    SELECT l.name FROM pragma_table_list AS l
     WHERE l.schema = 'main' AND l.type IN ('table', 'shadow') AND l.wr = 0 AND substr(lower(l.name), 1, 7) <> 'sqlite_'
       AND NOT EXISTS (SELECT 1 FROM pragma_table_info(l.name, 'main') AS c WHERE c.pk > 0)
       AND NOT EXISTS (SELECT 1 FROM pragma_index_list(l.name, 'main'))
     ORDER BY l.name LIMIT 1";

/// Writes the file anew where it has no more than `largest` bytes, which keeps writers waiting for as long as it takes; why it was
/// not, if so. Nothing is to be done on servers, which reuse freed space as they see fit.
///
/// # Errors
/// Those after which the connection is of no use; whatever else stands in the way is the reason.
pub fn rewrite(conn: &mut Connection, largest: u64) -> Result<Option<String>, DbError> {
    if conn.dialect() != Dialect::Sqlite {
        return Ok(None);
    }
    let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let size = number(&one_row(conn, &Statement::plain(size))?, 0);
    if size > largest {
        return Ok(Some("it is larger than `vacuum_up_to_mib` of its database in the config".to_owned()));
    }
    let tables = conn.query(&Statement::plain(NUMBERED_BY_NOTHING))?;
    if let Some(table) = tables.first().and_then(|row| row.name(0)) {
        let reason = format!(
            "table `{table}` has neither a primary key nor an index, so that its rows would be numbered anew, which an application may \
             not expect"
        );
        return Ok(Some(reason));
    }
    match conn.script("VACUUM") {
        Ok(()) => Ok(None),
        Err(error) if error.kind == ErrorKind::Lost => Err(error),
        Err(error) => Ok(Some(error.message)),
    }
}
