//! Where a database is, as it says itself: by this a ledger is bound to its database.

use std::fmt;

use crate::db::{Connection, DbError, Dialect, ErrorKind, Statement};

/// What stays the same over restarts and failovers, and differs between two databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path of a SQLite file, the name of a PostgreSQL database, the name of a MySQL schema.
    pub name: String,
    /// PostgreSQL: the system identifier of the cluster; `None` where the server does not tell it. (The nodes of a MySQL
    /// cluster have nothing in common that another cluster has not.)
    pub cluster: Option<String>,
}

impl Place {
    /// Can they be one place? What is not known differs from nothing.
    pub fn may_be(&self, other: &Place) -> bool {
        let differ = self.cluster.is_some() && other.cluster.is_some() && self.cluster != other.cluster;
        self.name == other.name && !differ
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cluster {
            Some(cluster) => write!(f, "{} (cluster {cluster})", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The place of the database behind a connection.
pub fn of(conn: &mut Connection) -> Result<Place, DbError> {
    let statement = Statement::plain(match conn.dialect() {
        Dialect::Sqlite => "SELECT file FROM pragma_database_list WHERE name = 'main'",
        Dialect::Postgres => "SELECT CAST(current_database() AS text)",
        Dialect::Mysql => "SELECT DATABASE()",
    });
    let name = text(conn, &statement)?;
    let name = name.ok_or_else(|| DbError::new(ErrorKind::Other, "the database does not say what it is called"))?;
    Ok(Place { name, cluster: cluster(conn)? })
}

fn cluster(conn: &mut Connection) -> Result<Option<String>, DbError> {
    if conn.dialect() != Dialect::Postgres {
        return Ok(None);
    }
    // Servers that only speak PostgreSQL's protocol lack the function, and a statement that fails ends the transaction.
    let may_ask = Statement::plain(
        "SELECT CASE WHEN has_function_privilege(to_regprocedure('pg_catalog.pg_control_system()')::oid, 'execute') \
         THEN 'yes' END",
    );
    if text(conn, &may_ask)?.is_none() {
        return Ok(None);
    }
    text(conn, &Statement::plain("SELECT CAST(system_identifier AS text) FROM pg_catalog.pg_control_system()"))
}

fn text(conn: &mut Connection, statement: &Statement) -> Result<Option<String>, DbError> {
    let rows = conn.query(statement)?;
    Ok(rows.first().and_then(|row| row.text(0)).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_places_are_told_apart_by_all_that_both_know() {
        let place =
            |name: &str, cluster: Option<&str>| Place { name: name.into(), cluster: cluster.map(str::to_owned) };
        let here = place("campus", Some("7"));
        for (other, may_be) in [
            (place("campus", Some("7")), true),
            (place("campus", None), true),
            (place("campus", Some("8")), false),
            (place("billing", Some("7")), false),
            (place("billing", None), false),
        ] {
            assert_eq!((here.may_be(&other), other.may_be(&here)), (may_be, may_be), "{other}");
        }
    }
}
