//! An update of ours must not make a row young: a trigger that renews the age at each change would do so, and the row would
//! count as new for another period although nothing of it was changed but by us.

use crate::db::predicate::age;
use crate::db::predicate::eligible;
use crate::db::query::count::{number, one_row};
use crate::db::sql::builder::Sql;
use crate::db::{Connection, DbError, ErrorKind};
use crate::plan::Target;

/// Runs an update of rows among those that `are_met`, and asks before and after it how many of these are past their period,
/// whatever else is said of them, where a trigger could have its hand in it.
///
/// # Errors
/// [`ErrorKind::Raised`] where there are fewer after it; the caller rolls back.
pub(super) fn keeping_age(
    conn: &mut Connection,
    target: &Target,
    are_met: &dyn Fn(&mut Sql),
    update: impl FnOnce(&mut Connection) -> Result<u64, DbError>,
) -> Result<u64, DbError> {
    if !target.has_triggers || target.anchors.is_empty() {
        return update(conn);
    }
    let before = expired(conn, target, are_met)?;
    let rows = update(conn)?;
    if expired(conn, target, are_met)? >= before {
        return Ok(rows);
    }
    let columns: Vec<_> = target.anchors.iter().map(|anchor| format!("`{}`", anchor.column)).collect();
    Err(DbError::new(
        ErrorKind::Raised,
        format!(
            "rows of `{}` were past their period before they were redacted and are not after it, so they stay as they were; a trigger \
             sets {} anew at each change: let it leave changes by tenure's role alone, or name an anchor that it does not set",
            target.table,
            columns.join(", ")
        ),
    ))
}

fn expired(conn: &mut Connection, target: &Target, are_met: &dyn Fn(&mut Sql)) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM ");
    eligible::from(&mut sql, target);
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(are_met);
            terms.term(|sql| age::expired(sql, &target.alias, &target.anchors));
        });
    });
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}
