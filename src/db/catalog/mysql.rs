//! The catalog of MySQL and MariaDB, from `information_schema`, which shows a role only what it has some right on.
//!
//! It is not joined: MariaDB opens the tables anew for every row of a join over it. Names are matched here instead, also
//! because its own comparison ignores case where the names do not.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;

use super::draft::{Draft, table_name};
use super::tokens::{Token, find, tokens};
use super::{Catalog, ColumnKind, Table, ask, fingerprint, version_number};
use crate::base::name::{Name, TableName};
use crate::db::{Connection, DbError, Dialect, ErrorKind, Row, Statement, Value};

pub(super) fn read(connection: &mut Connection) -> Result<Catalog, DbError> {
    let server = Server::ask(connection)?;
    let mut references = ask(connection, REFERENCES)?;
    let unseen = unseen_references(connection, &references)?;
    references.extend(unseen.iter().flatten().cloned());
    let scope = Scope::new(server.database.clone(), &references);
    let references = with_rules(connection, scope.only(references))?;

    let mut draft = Draft::default();
    draft.tables(&scope.only(scope.ask(connection, TABLES)?));
    draft.tables(&scope.only(unseen_tables(unseen.as_deref().unwrap_or_default(), &draft)));
    let columns = scope.ask(connection, COLUMNS)?;
    draft.columns(&columns, column_kind);
    draft.leave_out_control_tables();
    draft.indexes(&scope.ask(connection, &server.indexes())?);
    draft.foreign_keys(&references)?;
    draft.triggers(&scope.ask(connection, TRIGGERS)?);
    draft.spell_parents_as_declared(server.folds_names);
    note_column_rights(&mut draft, &columns);
    let grants = ask(connection, "SHOW GRANTS")?;
    note_delete_rights(&mut draft.tables, &grants);

    Ok(Catalog {
        lookup: OnceLock::new(),
        dialect: Dialect::Mysql,
        grammar: connection.grammar(),
        version: format!("{} {}", if server.is_mariadb { "MariaDB" } else { "MySQL" }, server.version),
        version_number: version_number(&server.version),
        table_names_ignore_case: server.folds_names,
        sees_every_table: places(&grants, "SELECT").any(|place| place.is_all_of(&server.database)),
        sees_every_reference: unseen.is_some(),
        fingerprint: fingerprint::of_databases(connection, scope.databases())?,
        search_path: vec![server.database],
        tables: draft.tables,
    })
}

/// Every foreign key that the role can see, in whatever database: one elsewhere can cascade from here.
const REFERENCES: &str = "
    SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME,
           REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME
      FROM information_schema.KEY_COLUMN_USAGE
     WHERE REFERENCED_TABLE_NAME IS NOT NULL
     ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION";

const TABLES: &str = "
    SELECT TABLE_SCHEMA, TABLE_NAME,
           CASE WHEN TABLE_TYPE LIKE '%VIEW' THEN 'view'
                WHEN TABLE_TYPE = 'SYSTEM VERSIONED' THEN 'versioned'
                WHEN TABLE_TYPE = 'BASE TABLE' AND ENGINE = 'InnoDB' THEN 'ordinary' ELSE 'engine' END,
           0, 0, 0, 0, 0, 0, TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH, ENGINE
      FROM information_schema.TABLES
     WHERE TABLE_SCHEMA IN ({}) AND TABLE_NAME <> '__diesel_schema_migrations'
     ORDER BY TABLE_SCHEMA, TABLE_NAME";

/// The last but one is what the role may do with the column, by every grant and enabled role.
const COLUMNS: &str = "
    SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, CAST(COLUMN_TYPE AS CHAR), IS_NULLABLE = 'YES',
           EXTRA LIKE '%VIRTUAL GENERATED%' OR EXTRA LIKE '%STORED GENERATED%',
           CASE WHEN DATA_TYPE IN ('char', 'varchar') THEN CHARACTER_MAXIMUM_LENGTH END,
           NULLIF(COLLATION_NAME, @@collation_database), PRIVILEGES, EXTRA LIKE '%on update %'
      FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA IN ({})
     ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION";

const TRIGGERS: &str = "
    SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME, EVENT_MANIPULATION = 'DELETE',
           EVENT_MANIPULATION = 'UPDATE', ACTION_TIMING = 'BEFORE'
      FROM information_schema.TRIGGERS
     WHERE EVENT_OBJECT_SCHEMA IN ({})
     ORDER BY EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME";

struct Server {
    /// Digits and dots.
    version: String,
    is_mariadb: bool,
    database: Name,
    /// `lower_case_table_names` is not 0.
    folds_names: bool,
}

impl Server {
    fn ask(connection: &mut Connection) -> Result<Self, DbError> {
        let rows = ask(connection, "SELECT VERSION(), DATABASE(), @@lower_case_table_names")?;
        let row = rows.first().cloned().unwrap_or(Row(vec![]));
        let version = row.text(0).unwrap_or_default();
        let database = row.name(1).ok_or_else(|| {
            DbError::new(ErrorKind::Missing, "the URL names no database; end it with one: mysql://user@host/database")
        })?;
        Ok(Self {
            version: version.split('-').next().unwrap_or_default().to_owned(),
            is_mariadb: version.contains("MariaDB"),
            database,
            folds_names: row.int(2) != Some(0),
        })
    }

    /// The column is NULL for an expression, and for the prefix of a column, by which nothing can be walked in order. An
    /// index that the optimiser was told to ignore still keeps its columns unique.
    fn indexes(&self) -> String {
        let in_use = if self.is_mariadb { "IGNORED = 'NO'" } else { "IS_VISIBLE = 'YES'" };
        format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, INDEX_NAME = 'PRIMARY', NON_UNIQUE = 0, 0,
                    INDEX_TYPE = 'BTREE' AND {in_use}, CASE WHEN SUB_PART IS NULL THEN COLUMN_NAME END
               FROM information_schema.STATISTICS
              WHERE TABLE_SCHEMA IN ({{}})
              ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
        )
    }
}

/// The tables that concern us: all of the current database, and those of other databases whose foreign keys lead into it,
/// over however many steps.
struct Scope {
    database: Name,
    outside: BTreeSet<TableName>,
}

impl Scope {
    fn new(database: Name, references: &[Row]) -> Self {
        let mut scope = Self { database, outside: BTreeSet::new() };
        let pairs: HashSet<(TableName, TableName)> =
            references.iter().filter_map(|row| Some((table_name(row, 0)?, table_name(row, 4)?))).collect();
        loop {
            let led_in = |(child, parent): &&(TableName, TableName)| !scope.holds(child) && scope.holds(parent);
            let found: Vec<TableName> = pairs.iter().filter(led_in).map(|(child, _)| child.clone()).collect();
            if found.is_empty() {
                return scope;
            }
            scope.outside.extend(found);
        }
    }

    fn holds(&self, table: &TableName) -> bool {
        table.schema.as_ref() == Some(&self.database) || self.outside.contains(table)
    }

    /// Those rows whose table is in scope. A table with a name that is none stays, for [`Draft`] to judge.
    fn only(&self, mut rows: Vec<Row>) -> Vec<Row> {
        rows.retain(|row| table_name(row, 0).is_none_or(|table| self.holds(&table)));
        rows
    }

    /// In which these tables are.
    fn databases(&self) -> BTreeSet<&Name> {
        let elsewhere = self.outside.iter().filter_map(|table| table.schema.as_ref());
        elsewhere.chain([&self.database]).collect()
    }

    /// Puts the databases in question in place of `{}`.
    fn ask(&self, connection: &mut Connection, sql: &str) -> Result<Vec<Row>, DbError> {
        let databases = self.databases();
        let placeholders = vec!["?"; databases.len()].join(", ");
        let binds = databases.into_iter().map(|name| Value::Text(name.as_str().to_owned())).collect();
        connection.query(&Statement { sql: sql.replace("{}", &placeholders), binds })
    }
}

/// Where InnoDB tells of foreign keys, whoever may see their tables; `None` without the PROCESS right.
fn innodb_keys(connection: &mut Connection, on_mariadb: &str, on_mysql: &str) -> Result<Option<Vec<Row>>, DbError> {
    let version = ask(connection, "SELECT VERSION()")?;
    let is_mariadb = version.first().and_then(|row| row.text(0)).is_some_and(|version| version.contains("MariaDB"));
    match ask(connection, if is_mariadb { on_mariadb } else { on_mysql }) {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if error.kind == ErrorKind::Privilege => Ok(None),
        Err(error) => Err(error),
    }
}

/// One part of a name as MariaDB's InnoDB keeps it, `database/table` in the letters of file names, as the name that it is.
macro_rules! plain {
    ($part:literal, $name:literal) => {
        concat!(
            "CONVERT(CONVERT(CAST(SUBSTRING_INDEX(",
            $name,
            ", '/', ",
            $part,
            ") AS BINARY) USING filename) USING utf8mb4)"
        )
    };
}

const UNSEEN_ON_MARIADB: &str = concat!(
    "SELECT ",
    plain!(1, "f.FOR_NAME"),
    ", ",
    plain!(-1, "f.FOR_NAME"),
    ", SUBSTRING(f.ID, LOCATE('/', f.ID) + 1), c.FOR_COL_NAME, ",
    plain!(1, "f.REF_NAME"),
    ", ",
    plain!(-1, "f.REF_NAME"),
    ", c.REF_COL_NAME, f.TYPE \
     FROM information_schema.INNODB_SYS_FOREIGN f JOIN information_schema.INNODB_SYS_FOREIGN_COLS c ON c.ID = f.ID ORDER BY f.ID, c.POS"
);

const UNSEEN_ON_MYSQL: &str = "\
    SELECT SUBSTRING_INDEX(f.FOR_NAME, '/', 1), SUBSTRING_INDEX(f.FOR_NAME, '/', -1), SUBSTRING(f.ID, LOCATE('/', f.ID) + 1), \
           c.FOR_COL_NAME, SUBSTRING_INDEX(f.REF_NAME, '/', 1), SUBSTRING_INDEX(f.REF_NAME, '/', -1), c.REF_COL_NAME, f.TYPE \
      FROM information_schema.INNODB_FOREIGN f JOIN information_schema.INNODB_FOREIGN_COLS c ON c.ID = f.ID ORDER BY f.ID, c.POS";

/// Foreign keys that are not among those that the role sees, as rows of them with their rules; `None` where the role may not ask.
fn unseen_references(connection: &mut Connection, seen: &[Row]) -> Result<Option<Vec<Row>>, DbError> {
    // Servers may keep the names that they compare in any case in small letters here.
    let key = |row: &Row| [0, 1, 2].map(|column| row.text(column).unwrap_or_default().to_lowercase());
    let seen: HashSet<_> = seen.iter().map(key).collect();
    let Some(mut rows) = innodb_keys(connection, UNSEEN_ON_MARIADB, UNSEEN_ON_MYSQL)? else { return Ok(None) };
    rows.retain(|row| !seen.contains(&key(row)));
    for row in &mut rows {
        let [on_delete, on_update] = rules_of_type(row.int(7).unwrap_or_default());
        row.0.truncate(7);
        row.0.extend([Value::Text(on_delete.to_owned()), Value::Text(on_update.to_owned()), Value::Bool(false)]);
    }
    Ok(Some(rows))
}

/// ON DELETE and ON UPDATE, from InnoDB's bits.
fn rules_of_type(bits: i64) -> [&'static str; 2] {
    let rule = |cascade, set_null| match bits {
        bits if bits & cascade != 0 => "CASCADE",
        bits if bits & set_null != 0 => "SET NULL",
        _ => "RESTRICT",
    };
    [rule(1, 2), rule(4, 8)]
}

/// Tables of which the role knows nothing but that their foreign keys are there: without columns and rights.
fn unseen_tables(references: &[Row], known: &Draft) -> Vec<Row> {
    let mut names: BTreeSet<TableName> = references.iter().filter_map(|row| table_name(row, 0)).collect();
    names.retain(|name| !known.tables.iter().any(|table| table.name == *name));
    let row = |name: TableName| {
        let schema = name.schema.map_or(Value::Null, |schema| Value::Text(schema.as_str().to_owned()));
        let named = [schema, Value::Text(name.table.as_str().to_owned()), Value::Text("ordinary".to_owned())];
        Row(named.into_iter().chain((3..9).map(|_| Value::Int(0))).chain([Value::Null, Value::Null]).collect())
    };
    names.into_iter().map(row).collect()
}

/// What refers to each table, in short, by its whole name; `None` without the PROCESS right.
pub(super) fn references_in(connection: &mut Connection) -> Result<Option<HashMap<String, String>>, DbError> {
    const ON_MARIADB: &str = concat!(
        "SELECT CONCAT(",
        plain!(1, "REF_NAME"),
        ", '.', ",
        plain!(-1, "REF_NAME"),
        "), \
         CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', ID, FOR_NAME, N_COLS, TYPE)))) \
         FROM information_schema.INNODB_SYS_FOREIGN GROUP BY REF_NAME"
    );
    const ON_MYSQL: &str = "\
        SELECT REPLACE(REF_NAME, '/', '.'), CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', ID, FOR_NAME, N_COLS, TYPE)))) \
          FROM information_schema.INNODB_FOREIGN GROUP BY REF_NAME";
    let rows = innodb_keys(connection, ON_MARIADB, ON_MYSQL)?;
    let pair = |row: &Row| Some((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
    Ok(rows.map(|rows| rows.iter().filter_map(pair).collect()))
}

/// ON DELETE and ON UPDATE of a foreign key.
type KeyRules = [String; 2];

/// Adds ON DELETE, ON UPDATE and "not deferred" to each row of a foreign key.
fn with_rules(connection: &mut Connection, mut references: Vec<Row>) -> Result<Vec<Row>, DbError> {
    let key = |row: &Row| (table_name(row, 0), row.text(2).unwrap_or_default().to_owned());
    let sql = "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE
                 FROM information_schema.REFERENTIAL_CONSTRAINTS";
    let rule = |row: &Row, column: usize| row.text(column).unwrap_or_default().to_owned();
    let mut rules: HashMap<_, KeyRules> =
        ask(connection, sql)?.iter().map(|row| (key(row), [rule(row, 3), rule(row, 4)])).collect();
    let hidden: BTreeSet<TableName> = references
        .iter()
        .filter(|row| row.0.len() == 7 && !rules.contains_key(&key(row)))
        .filter_map(|row| table_name(row, 0))
        .collect();
    for table in hidden {
        for (name, both) in hidden_rules(connection, &table)? {
            rules.insert((Some(table.clone()), name), both);
        }
    }
    for row in references.iter_mut().filter(|row| row.0.len() == 7) {
        let [on_delete, on_update] = rules.get(&key(row)).cloned().unwrap_or_default();
        row.0.extend([Value::Text(on_delete), Value::Text(on_update), Value::Bool(false)]);
    }
    Ok(references)
}

/// MariaDB hides the rules, and they alone, from a role that may only read; the statement that made the table tells them,
/// and has to be asked for table by table. Where that is refused too, the rule stays unknown and is taken for NO ACTION:
/// then the rows that are referred to are kept.
fn hidden_rules(connection: &mut Connection, table: &TableName) -> Result<Vec<(String, KeyRules)>, DbError> {
    let quote = Dialect::Mysql.quote();
    let schema = table.schema.as_ref().map(|schema| format!("{}.", schema.quoted(quote))).unwrap_or_default();
    match ask(connection, &format!("SHOW CREATE TABLE {schema}{}", table.table.quoted(quote))) {
        Ok(rows) => Ok(rows.first().and_then(|row| row.text(1)).map(rules_of).unwrap_or_default()),
        Err(error) if error.kind == ErrorKind::Privilege => Ok(vec![]),
        Err(error) => Err(error),
    }
}

/// Foreign key and its rules, from a `CREATE TABLE` as the server writes it.
fn rules_of(create_table: &str) -> Vec<(String, KeyRules)> {
    let tokens = tokens(create_table);
    let clauses = tokens.split(|token| token.is("CONSTRAINT")).skip(1);
    clauses
        .filter_map(|clause| {
            let [Token::Quoted(name), Token::Word(foreign), ..] = clause else { return None };
            if foreign != "FOREIGN" {
                return None;
            }
            let rule = |event| match find(clause, &["ON", event]).and_then(|at| clause.get(at + 2..)) {
                Some([Token::Word(first), ..]) if first == "CASCADE" => "CASCADE",
                Some([Token::Word(first), second, ..]) if first == "SET" && second.is("NULL") => "SET NULL",
                Some([Token::Word(first), ..]) if first == "SET" => "SET DEFAULT",
                _ => "RESTRICT",
            };
            Some((name.clone(), [rule("DELETE"), rule("UPDATE")].map(str::to_owned)))
        })
        .collect()
}

/// Reading needs every column, redacting only those that it names.
fn note_column_rights(draft: &mut Draft, columns: &[Row]) {
    for columns in columns.chunk_by(|a, b| a.0[..2] == b.0[..2]) {
        let Some(table) = draft.table(&columns[0]) else { continue };
        let may = |row: &Row, right: &str| row.text(9).unwrap_or_default().split(',').any(|word| word.trim() == right);
        table.rights.select = columns.iter().all(|row| may(row, "select"));
        table.rights.insert = columns.iter().all(|row| may(row, "insert"));
        table.rights.update = columns.iter().any(|row| may(row, "update"));
    }
}

/// DELETE is a right on tables, so no column tells it; and `information_schema` does not show what comes from a role.
fn note_delete_rights(tables: &mut [Table], grants: &[Row]) {
    let places: Vec<Place> = places(grants, "DELETE").collect();
    for table in tables {
        table.rights.delete = places.iter().any(|place| place.covers(&table.name));
    }
}

/// Where these grants allow `right`.
fn places<'g>(grants: &'g [Row], right: &'g str) -> impl Iterator<Item = Place> + 'g {
    grants.iter().filter_map(move |row| Place::of(right, row.text(0)?))
}

/// Where a `GRANT` allows something.
#[derive(Debug, PartialEq)]
enum Place {
    Everywhere,
    /// A pattern of database names.
    Databases(String),
    Table(String, String),
}

impl Place {
    fn of(right: &str, grant: &str) -> Option<Self> {
        let tokens = tokens(grant);
        let on = find(&tokens, &["ON"])?;
        let allows = tokens[..on].split(|token| *token == Token::Mark(',')).any(|words| match words {
            // DELETE HISTORY is another right.
            [.., last] => last.is(right) || words.iter().any(|word| word.is("ALL")),
            [] => false,
        });
        if !tokens.first()?.is("GRANT") || !allows {
            return None;
        }
        let place = tokens[on + 1..].strip_prefix(&[Token::Word("TABLE".into())]).unwrap_or(&tokens[on + 1..]);
        match place {
            [Token::Mark('*'), Token::Mark('.'), Token::Mark('*'), ..] => Some(Self::Everywhere),
            [Token::Quoted(database), Token::Mark('.'), Token::Mark('*'), ..] => {
                Some(Self::Databases(database.clone()))
            }
            [Token::Quoted(database), Token::Mark('.'), Token::Quoted(table), ..] => {
                Some(Self::Table(database.clone(), table.clone()))
            }
            _ => None,
        }
    }

    fn is_all_of(&self, database: &Name) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Databases(pattern) => is_like(pattern, database.as_str()),
            Self::Table(..) => false,
        }
    }

    fn covers(&self, name: &TableName) -> bool {
        let schema = name.schema.as_ref().map(Name::as_str).unwrap_or_default();
        match self {
            Self::Everywhere => true,
            Self::Databases(pattern) => is_like(pattern, schema),
            Self::Table(database, table) => database == schema && table == name.table.as_str(),
        }
    }
}

/// SQL's LIKE, as database names in grants are compared: `%`, `_`, and either of them meant literally after `\`.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut pattern_rest = pattern.chars();
    let mut text_rest = text.chars();
    match pattern_rest.next() {
        None => text.is_empty(),
        Some('%') => {
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| is_like(&pattern[1..], &text[at..]))
        }
        Some('_') => text_rest.next().is_some() && is_like(pattern_rest.as_str(), text_rest.as_str()),
        Some('\\') if pattern_rest.as_str().starts_with(['%', '_', '\\']) => {
            pattern_rest.next() == text_rest.next() && is_like(pattern_rest.as_str(), text_rest.as_str())
        }
        literal => literal == text_rest.next() && is_like(pattern_rest.as_str(), text_rest.as_str()),
    }
}

fn column_kind(data_type: &str, column_type: &str) -> ColumnKind {
    match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" if column_type.contains("unsigned") => {
            ColumnKind::UnsignedInteger
        }
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => ColumnKind::Integer,
        "float" | "double" => ColumnKind::Float,
        "decimal" => ColumnKind::Decimal,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => ColumnKind::Text,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => ColumnKind::Binary,
        "date" => ColumnKind::Date,
        "datetime" => ColumnKind::Timestamp,
        "timestamp" => ColumnKind::TimestampTz,
        "uuid" => ColumnKind::Uuid,
        "inet4" | "inet6" => ColumnKind::Inet,
        "json" => ColumnKind::Json,
        _ => ColumnKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_of_delete_is_read_with_its_place_and_other_rights_are_none() {
        let read = |grant: &str| Place::of("DELETE", grant);
        let table = Place::Table("app".into(), "it`s".into());
        assert_eq!(read("GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION"), Some(Place::Everywhere));
        assert_eq!(read("GRANT SELECT (`id`, `ip`), DELETE ON `app`.`it``s` TO `a`@`%`"), Some(table));
        assert_eq!(read("GRANT DELETE ON `a\\_b`.* TO `janitor`"), Some(Place::Databases("a\\_b".into())));
        assert_eq!(read("GRANT DELETE HISTORY ON `app`.* TO `a`@`%`"), None);
        assert_eq!(read("GRANT UPDATE (`delete`, `all`) ON `app`.`t` TO `a`@`%`"), None);
        assert_eq!(read("GRANT ALL PRIVILEGES ON PROCEDURE `app`.`p` TO `a`@`%`"), None);
        assert_eq!(read("REVOKE DELETE ON `app`.* FROM `a`@`%`"), None);
        assert_eq!(read("GRANT `delete` TO `a`@`%`"), None);
        assert_eq!(Place::of("SELECT", "GRANT SELECT ON `app`.* TO `a`@`%`"), Some(Place::Databases("app".into())));
        assert_eq!(Place::of("SELECT", "GRANT INSERT, UPDATE ON `app`.* TO `a`@`%`"), None);
    }

    #[test]
    fn patterns_of_database_names_match_as_the_server_matches_them() {
        assert!(is_like("app", "app") && !is_like("app", "app2") && !is_like("app2", "app"));
        assert!(is_like("a_p", "app") && !is_like("a\\_p", "app") && is_like("a\\_p", "a_p"));
        assert!(is_like("%", "") && is_like("a%p%", "atop") && !is_like("a%b", "atop") && is_like("%ü", "größü"));
    }

    #[test]
    fn rules_are_read_from_a_create_table_whatever_its_comments_say() {
        let create = "CREATE TABLE `t` (`a` int COMMENT 'it''s CONSTRAINT `x` FOREIGN KEY ON DELETE CASCADE',
            KEY `a` (`a`), CONSTRAINT `plain` FOREIGN KEY (`a`) REFERENCES `p` (`a`),
            CONSTRAINT `null` FOREIGN KEY (`a`) REFERENCES `p` (`a`) ON DELETE SET NULL ON UPDATE CASCADE,
            CONSTRAINT `all` FOREIGN KEY (`a`) REFERENCES `p` (`a`) ON DELETE CASCADE,
            CONSTRAINT `check` CHECK (`a` > 0)) ENGINE=InnoDB";
        let expected =
            [("plain", ["RESTRICT", "RESTRICT"]), ("null", ["SET NULL", "CASCADE"]), ("all", ["CASCADE", "RESTRICT"])];
        assert_eq!(rules_of(create), expected.map(|(name, rules)| (name.to_owned(), rules.map(str::to_owned))));
    }
}
