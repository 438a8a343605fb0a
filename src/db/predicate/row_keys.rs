//! The keys of the rows that a batch is about: read once, and then what every statement of the batch goes by.
//!
//! PostgreSQL takes them as one array a column, SQLite and MariaDB whole numbers as JSON, which they turn into a table. All
//! other keys are written as lists of bound values, in parts.

use crate::base::name::Name;
use crate::db::predicate::window::{inward, outward};
use crate::db::sql::builder::Sql;
use crate::db::sql::insert::push_element;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Statement, Value};
use crate::plan::{Axis, KeyColumn, Target, Transport};

/// Keys in one list of bound values. MariaDB turns longer lists into tables, and then reads everything.
const LONGEST_LIST: usize = 900;

/// Rows of one physical table by their keys.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::db) struct RowKeys {
    columns: Vec<KeyColumn>,
    rows: Vec<Vec<Value>>,
}

/// All of the keys, or as many as one statement takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::db) struct KeyBatch<'a> {
    columns: &'a [KeyColumn],
    rows: &'a [Vec<Value>],
}

impl RowKeys {
    /// No keys yet, of the columns that tell the target's rows apart. PostgreSQL's ctid does so within one transaction.
    ///
    /// # Errors
    /// Where there are no such columns.
    pub fn of(dialect: Dialect, target: &Target) -> Result<Self, DbError> {
        let by_key = target.axes.iter().find_map(|axis| match axis {
            Axis::Key(columns) if columns.iter().all(travels_in_an_array) => Some(columns.clone()),
            _ => None,
        });
        let plain = |name: &Name| KeyColumn { name: name.clone(), transport: Transport::Plain };
        let columns = match (by_key, dialect) {
            (Some(columns), _) => columns,
            (None, Dialect::Postgres) => vec![ctid()],
            (None, Dialect::Sqlite) if !target.key.is_empty() => target.key.iter().map(plain).collect(),
            (None, Dialect::Sqlite | Dialect::Mysql) => return Err(nameless(target)),
        };
        Ok(Self { columns, rows: Vec::new() })
    }

    /// Reads the keys that `found` answers with: a query whose select list is [`select`](Self::select)'s.
    pub fn read(&mut self, conn: &mut Connection, found: &Statement) -> Result<(), DbError> {
        self.rows.clear();
        conn.each(found, &mut |row| {
            self.rows.push(row.0);
            Ok(())
        })
    }

    /// The key columns of the row that `alias` names, on their way to the program.
    pub fn select(&self, sql: &mut Sql, alias: &Name) {
        sql.list(&self.columns, ", ", |sql, column| outward(sql, alias, &column.name, &column.transport));
    }

    /// The same of columns that bear the key under other names.
    pub fn select_as(&self, sql: &mut Sql, alias: &Name, names: &[Name]) {
        let pairs: Vec<_> = self.columns.iter().zip(names).collect();
        sql.list(&pairs, ", ", |sql, (column, name)| outward(sql, alias, name, &column.transport));
    }

    pub fn all(&self) -> KeyBatch<'_> {
        KeyBatch { columns: &self.columns, rows: &self.rows }
    }

    /// All of them, as many at a time as one statement takes.
    pub fn parts(&self, dialect: Dialect) -> impl Iterator<Item = KeyBatch<'_>> {
        let is_one_value = dialect == Dialect::Postgres || self.all().are_whole();
        let most = if is_one_value { self.rows.len().max(1) } else { LONGEST_LIST };
        self.rows.chunks(most).map(|rows| KeyBatch { columns: &self.columns, rows })
    }

    pub fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes those away that are among the others.
    pub fn remove(&mut self, others: &RowKeys) {
        self.rows.retain(|row| !others.rows.contains(row));
    }
}

/// An array of arrays would be one of more dimensions.
fn travels_in_an_array(column: &KeyColumn) -> bool {
    !matches!(&column.transport, Transport::Cast(sql_type) if sql_type.ends_with(']'))
}

fn ctid() -> KeyColumn {
    let name = Name::new("ctid").expect("letters are a name");
    KeyColumn { name, transport: Transport::Cast("tid".to_owned()) }
}

fn nameless(target: &Target) -> DbError {
    DbError::new(
        ErrorKind::Missing,
        format!(
            "`{}` has no key that tells its rows apart, so that others cannot go with them one for one; give it a primary key",
            target.table
        ),
    )
}

impl KeyBatch<'_> {
    pub fn names(self) -> Vec<Name> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Are these the key columns, in this order?
    pub fn is_of(self, columns: &[Name]) -> bool {
        self.columns.iter().map(|column| &column.name).eq(columns)
    }

    fn are_whole(self) -> bool {
        self.columns.len() == 1 && self.rows.iter().all(|row| matches!(row[0], Value::Int(_) | Value::Unsigned(_)))
    }

    /// MariaDB and MySQL: are the keys to be joined as a table? A DELETE or UPDATE with IN (SELECT …) would ask each row.
    pub fn is_joined(self, dialect: Dialect) -> bool {
        dialect == Dialect::Mysql && self.are_whole()
    }

    /// `JSON_TABLE(…) AS` the name: the keys as its one column `k1`.
    pub fn table(self, sql: &mut Sql, name: &Name) {
        let is_unsigned = self.rows.iter().any(|row| matches!(row[0], Value::Unsigned(_)));
        sql.push("JSON_TABLE(").bind(Value::Keys(self.json()));
        sql.push(if is_unsigned {
            ", '$[*]' COLUMNS (k1 BIGINT UNSIGNED PATH '$')) AS "
        } else {
            ", '$[*]' COLUMNS (k1 BIGINT PATH '$')) AS "
        });
        sql.name(name);
    }

    /// `alias`.`columns` hold one of the keys; they are the key columns, or others that refer to them.
    pub fn among(self, sql: &mut Sql, alias: &Name, columns: &[Name]) {
        match sql.dialect {
            Dialect::Postgres => self.among_arrays(sql, alias, columns),
            Dialect::Sqlite if self.are_whole() => {
                sql.columns(alias, columns).push(" IN (SELECT value FROM json_each(");
                sql.bind(Value::Keys(self.json())).push("))");
            }
            Dialect::Mysql if self.are_whole() => {
                let keys = sql.fresh_alias();
                sql.columns(alias, columns).push(" IN (SELECT k1 FROM ");
                self.table(sql, &keys);
                sql.push(")");
            }
            Dialect::Sqlite | Dialect::Mysql => self.among_list(sql, alias, columns),
        }
    }

    /// Whole numbers that are neighbours are also said to lie between the least and the greatest: a long array by itself makes
    /// the planner read everything, batch by batch, and beside a range that it could look up too. So the array is hidden
    /// from it there.
    fn among_arrays(self, sql: &mut Sql, alias: &Name, columns: &[Name]) {
        if let ([column], Some((least, greatest))) = (columns, self.range()) {
            sql.all(|terms| {
                terms.term(|sql| {
                    sql.column(alias, column).push(" >= ").bind(Value::Int(least));
                });
                terms.term(|sql| {
                    sql.column(alias, column).push(" <= ").bind(Value::Int(greatest));
                });
                terms.term(|sql| {
                    sql.push("(").column(alias, column).push(" = ANY(").bind(Value::Wholes(self.wholes()));
                    sql.push(")) IS TRUE");
                });
            });
            return;
        }
        if let [column] = columns {
            sql.column(alias, column).push(" = ANY(");
            if self.is_yet_unknown() {
                sql.bind(Value::Keys("{}".to_owned()));
            } else if self.are_whole() {
                sql.bind(Value::Wholes(self.wholes()));
            } else {
                self.array(sql, 0);
            }
            sql.push(")");
            return;
        }
        let places: Vec<usize> = (0..columns.len()).collect();
        sql.push("(").columns(alias, columns).push(") IN (SELECT * FROM unnest(");
        sql.list(&places, ", ", |sql, place| match self.is_yet_unknown() {
            true => {
                sql.bind(Value::Keys("{}".to_owned()));
            }
            false => self.array(sql, *place),
        });
        sql.push("))");
    }

    /// A batch without keys is written to be shown, and never sent.
    fn is_yet_unknown(self) -> bool {
        self.rows.is_empty()
    }

    /// One column of the keys as an array of its type.
    fn array(self, sql: &mut Sql, place: usize) {
        let transport = &self.columns[place].transport;
        let values = || self.rows.iter().map(|row| &row[place]);
        let mut array = String::from("{");
        for (index, value) in values().enumerate() {
            if index > 0 {
                array.push(',');
            }
            match (value, transport) {
                (Value::Text(hex), Transport::Hex) => push_element(&mut array, &Value::Text(format!("\\x{hex}"))),
                _ => push_element(&mut array, value),
            }
        }
        array.push('}');
        let element = match transport {
            Transport::Cast(sql_type) => sql_type.as_str(),
            Transport::Hex => "bytea",
            Transport::Plain if values().any(|value| matches!(value, Value::Text(_))) => "text",
            Transport::Plain => "bigint",
        };
        sql.bind_as(Value::Keys(array), &format!("{element}[]"));
    }

    /// A list of values, or of ORs where MySQL would use no index for a comparison of rows.
    fn among_list(self, sql: &mut Sql, alias: &Name, columns: &[Name]) {
        if self.is_yet_unknown() {
            sql.key(alias, columns).push(" IN (").bind(Value::Keys(String::new())).push(")");
            return;
        }
        if let ([column], [typed]) = (columns, self.columns) {
            sql.column(alias, column).push(" IN (");
            sql.list(self.rows, ", ", |sql, row| inward(sql, typed, &row[0]));
            sql.push(")");
            return;
        }
        sql.any(|terms| {
            terms.each(self.rows, |sql, row| {
                let parts: Vec<_> = columns.iter().zip(self.columns).zip(row).collect();
                sql.all(|terms| {
                    terms.each(&parts, |sql, ((column, typed), value)| {
                        sql.column(alias, column).push(" = ");
                        inward(sql, typed, value);
                    });
                });
            });
        });
    }

    /// Between which whole numbers several keys lie, where so many of these are keys that a range is of use.
    fn range(self) -> Option<(i64, i64)> {
        /// So many numbers a key.
        const DENSE: u64 = 10;
        if self.rows.len() < 2 || !self.are_whole() {
            return None;
        }
        let wholes = self.wholes();
        let (least, greatest) = (*wholes.iter().min()?, *wholes.iter().max()?);
        (greatest.abs_diff(least) / DENSE < wholes.len() as u64).then_some((least, greatest))
    }

    fn wholes(self) -> Vec<i64> {
        let whole = |row: &Vec<Value>| match row[0] {
            Value::Int(whole) => whole,
            _ => 0,
        };
        self.rows.iter().map(whole).collect()
    }

    fn json(self) -> String {
        let mut json = String::from("[");
        for (index, row) in self.rows.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            push_element(&mut json, &row[0]);
        }
        json.push(']');
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, transport: Transport) -> KeyColumn {
        KeyColumn { name: Name::new(name).unwrap(), transport }
    }

    fn among(dialect: Dialect, columns: &[KeyColumn], rows: &[Vec<Value>]) -> Statement {
        let mut sql = Sql::new(dialect);
        let batch = KeyBatch { columns, rows };
        batch.among(&mut sql, &Name::new("t").unwrap(), &batch.names());
        sql.finish()
    }

    #[test]
    fn whole_numbers_travel_as_one_value() {
        let (id, rows) = ([column("id", Transport::Plain)], [vec![Value::Int(1)], vec![Value::Int(-200)]]);
        let of = |dialect| among(dialect, &id, &rows);
        assert_eq!(of(Dialect::Postgres).sql, r#""t"."id" = ANY($1)"#);
        assert_eq!(of(Dialect::Postgres).binds, [Value::Wholes(vec![1, -200])]);
        assert_eq!(of(Dialect::Sqlite).sql, r#""t"."id" IN (SELECT value FROM json_each(?))"#);
        assert_eq!(of(Dialect::Sqlite).binds, [Value::Keys("[1,-200]".into())]);
        assert_eq!(of(Dialect::Mysql).binds, [Value::Keys("[1,-200]".into())]);
        let neighbours = among(Dialect::Postgres, &id, &[vec![Value::Int(7)], vec![Value::Int(5)]]);
        assert_eq!(neighbours.sql, r#""t"."id" >= $1 AND "t"."id" <= $2 AND ("t"."id" = ANY($3)) IS TRUE"#);
    }

    #[test]
    fn texts_of_a_key_cannot_end_their_quotation_and_bytes_stay_bytes() {
        let text = [column("id", Transport::Plain)];
        let odd = [vec![Value::Text("a\",NULL,\"b".into())]];
        let statement = among(Dialect::Postgres, &text, &odd);
        assert_eq!(statement.sql, r#""t"."id" = ANY(CAST($1 AS text[]))"#);
        assert_eq!(statement.binds, [Value::Keys(r#"{"a\",NULL,\"b"}"#.into())]);
        assert_eq!(among(Dialect::Sqlite, &text, &odd).binds, [odd[0][0].clone()]);
        let bytes = among(Dialect::Postgres, &[column("id", Transport::Hex)], &[vec![Value::Text("00ff".into())]]);
        assert_eq!(bytes.binds, [Value::Keys(r#"{"\\x00ff"}"#.into())]);
    }

    #[test]
    fn keys_of_several_columns_are_compared_column_by_column() {
        let pair = [column("house", Transport::Plain), column("no", Transport::Plain)];
        let rows = [vec![Value::Int(1), Value::Text("a".into())], vec![Value::Int(2), Value::Text("b".into())]];
        assert_eq!(
            among(Dialect::Postgres, &pair, &rows).sql,
            r#"("t"."house", "t"."no") IN (SELECT * FROM unnest(CAST($1 AS bigint[]), CAST($2 AS text[])))"#
        );
        assert_eq!(
            among(Dialect::Mysql, &pair, &rows).sql,
            "((`t`.`house` = ? AND `t`.`no` = ?) OR (`t`.`house` = ? AND `t`.`no` = ?))"
        );
    }

    #[test]
    fn long_lists_are_cut_and_one_value_is_not() {
        let keys = |value: fn(i64) -> Value| RowKeys {
            columns: vec![column("id", Transport::Plain)],
            rows: (0..2_000).map(|n| vec![value(n)]).collect(),
        };
        let (wholes, texts) = (keys(Value::Int), keys(|n| Value::Text(n.to_string())));
        let parts = |keys: &RowKeys, dialect| keys.parts(dialect).map(|part| part.rows.len()).collect::<Vec<_>>();
        assert_eq!(parts(&wholes, Dialect::Mysql), [2_000]);
        assert_eq!(parts(&texts, Dialect::Mysql), [900, 900, 200]);
        assert_eq!(parts(&texts, Dialect::Postgres), [2_000]);
    }
}
