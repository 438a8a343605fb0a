//! The keys of the rows that a rule would act upon, by which it can be told later whether they are the same.

use crate::db::predicate::eligible::{self, Look};
use crate::db::predicate::window::outward;
use crate::db::query::count::scope;
use crate::db::sql::builder::Sql;
use crate::db::{Connection, DbError, Dialect, Row};
use crate::plan::{Axis, RulePlan, Target};

/// Hands over the key of each row of the rule that is due; false where rows of the table cannot be told apart.
pub fn each_key(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    tell: &mut dyn FnMut(Row) -> Result<(), DbError>,
) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ");
    let key = target.axes.iter().find_map(|axis| match axis {
        Axis::Key(columns) => Some(columns),
        Axis::Anchor(_) | Axis::Pages | Axis::Whole => None,
    });
    match (key, conn.dialect()) {
        (Some(columns), _) => {
            sql.list(columns, ", ", |sql, column| outward(sql, &target.alias, &column.name, &column.transport));
        }
        // A place in a table, and the transaction that wrote the row there: a row that changed is another one.
        (None, Dialect::Postgres) => {
            let parts = [".tableoid AS text)", ".ctid AS text)", ".xmin AS text)"];
            sql.list(&parts, ", ", |sql, part| {
                sql.push("CAST(").name(&target.alias).push(part);
            });
        }
        (None, Dialect::Sqlite | Dialect::Mysql) => return Ok(false),
    }
    sql.push(" FROM ");
    eligible::from(&mut sql, target);
    sql.filter(|sql| eligible::due(sql, scope(rule, target), Look::Ahead));
    conn.each(&sql.finish(), tell)?;
    Ok(true)
}
