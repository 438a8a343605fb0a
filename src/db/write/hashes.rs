//! Keyed hashes on servers: computed here, because whatever is bound to a statement stands in the server's log, and a key
//! that stands there is none any more.
//!
//! The rows of a batch are read and locked, each under a text by which it is told from every other. What is bound then is, for
//! each column, one JSON object of these texts and the hashes.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER_PERMISSIVE;
use serde_json::Map;

use crate::base::keyed_hash::keyed_hash;
use crate::base::name::Name;
use crate::db::predicate::eligible;
use crate::db::sql::builder::Sql;
use crate::db::{Connection, DbError, Dialect, Value};
use crate::plan::{Redaction, Target};
use crate::schedule::Redact;

/// By column: the hash of each row of a batch.
#[derive(Debug, Default)]
pub(in crate::db) struct Hashes(BTreeMap<Name, String>);

/// Does the act on the target take hashes, and so two statements that must meet the same rows?
pub fn takes_hashes(dialect: Dialect, target: &Target) -> bool {
    dialect != Dialect::Sqlite && hashed(target).next().is_some()
}

fn hashed(target: &Target) -> impl Iterator<Item = &Redaction> {
    target.redactions.iter().filter(|redaction| matches!(redaction.how, Redact::Hmac))
}

impl Hashes {
    /// Of the rows that the caller's next statement is to change, in a transaction in which both meet the same rows: those for
    /// which holds what `filter` writes, with its ` WHERE`.
    pub fn of(conn: &mut Connection, target: &Target, filter: impl FnOnce(&mut Sql)) -> Result<Self, DbError> {
        if !takes_hashes(conn.dialect(), target) {
            return Ok(Self::default());
        }
        let columns: Vec<&Redaction> = hashed(target).collect();
        let mut sql = Sql::new(conn.dialect());
        sql.push("SELECT ");
        identity(&mut sql, target);
        for redaction in &columns {
            sql.push(", ");
            letters(&mut sql, &target.alias, &redaction.column);
        }
        sql.push(" FROM ");
        eligible::from(&mut sql, target);
        filter(&mut sql);
        sql.push(" FOR UPDATE");
        let mut maps: Vec<Map<String, serde_json::Value>> = vec![Map::new(); columns.len()];
        conn.each(&sql.finish(), &mut |row| {
            for (at, redaction) in columns.iter().enumerate() {
                let (Some(row_is), Some(text), Some(key)) = (row.text(0), row.text(at + 1), &redaction.key) else {
                    continue;
                };
                let text = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).unwrap_or_default();
                maps[at].insert(row_is.to_owned(), keyed_hash(key, &text).into());
            }
            Ok(())
        })?;
        let names = columns.iter().map(|redaction| redaction.column.clone());
        Ok(Self(names.zip(maps).map(|(name, map)| (name, serde_json::Value::Object(map).to_string())).collect()))
    }

    /// The hash that the row is to bear in this column.
    pub fn write(&self, sql: &mut Sql, target: &Target, column: &Name) {
        let map = Value::Text(self.0.get(column).cloned().unwrap_or_else(|| "{}".to_owned()));
        match sql.dialect {
            Dialect::Postgres => {
                sql.push("(").bind_as(map, "jsonb").push(" ->> ");
                identity(sql, target);
                sql.push(")");
            }
            Dialect::Mysql | Dialect::Sqlite => {
                sql.push("JSON_UNQUOTE(JSON_EXTRACT(").bind(map).push(", CONCAT('$.\"', ");
                identity(sql, target);
                sql.push(", '\"')))");
            }
        }
    }
}

/// The digits of the row's unique key; of a table of PostgreSQL without one, where the row lies, which a transaction that has
/// locked it can rely on.
fn identity(sql: &mut Sql, target: &Target) {
    if target.key.is_empty() && sql.dialect == Dialect::Postgres {
        sql.push("CAST(").name(&target.alias).push(".ctid AS text)");
        return;
    }
    sql.push("CONCAT_WS('_', ").list(&target.key, ", ", |sql, column| letters(sql, &target.alias, column));
    sql.push(")");
}

/// The bytes of the column's text in UTF-8, in hexadecimal digits.
fn letters(sql: &mut Sql, alias: &Name, column: &Name) {
    match sql.dialect {
        Dialect::Postgres => {
            sql.push("encode(convert_to(CAST(").column(alias, column).push(" AS text), 'UTF8'), 'hex')");
        }
        Dialect::Mysql | Dialect::Sqlite => {
            sql.push("HEX(CAST(CONVERT(").column(alias, column).push(" USING utf8mb4) AS BINARY))");
        }
    }
}
