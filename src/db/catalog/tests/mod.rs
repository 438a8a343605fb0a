mod on_mysql;
mod on_postgres;
mod on_sqlite;

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::db::{Access, Mode};

/// A fresh database on a server that the environment names, and its catalog as one role or another sees it. Databases and
/// roles are left behind: `make test` throws its servers away.
struct Lab {
    admin: url::Url,
    /// Names the database, and starts the names of its roles, which belong to the whole server.
    name: String,
}

impl Lab {
    fn postgres(script: &str) -> Self {
        Self::new("TENURE_TEST_POSTGRES", script)
    }

    fn mysql(script: &str) -> Self {
        Self::new("TENURE_TEST_MYSQL", script)
    }

    fn new(variable: &str, script: &str) -> Self {
        let lab = Self::unmade(variable);
        let mut server = Connection::open(lab.admin.as_str(), Access::ReadWrite).unwrap();
        server.script(&format!("CREATE DATABASE {}", lab.name)).unwrap();
        lab.script(script);
        lab
    }

    fn unmade(variable: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let admin = std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `make test`"));
        let name = format!("catalog_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self { admin: admin.parse().unwrap(), name }
    }

    /// `{}` in the script stands for the name of the database.
    fn script(&self, script: &str) {
        let mut connection = Connection::open(self.url().as_str(), Access::ReadWrite).unwrap();
        connection.script(&script.replace("{}", &self.name)).unwrap();
    }

    fn url(&self) -> url::Url {
        let mut url = self.admin.clone();
        url.set_path(&self.name);
        url
    }

    fn catalog(&self) -> Catalog {
        read_only(self.url().as_str())
    }

    /// As the role `{}_role` with the password `secret`, which the script made.
    fn catalog_of_role(&self) -> Catalog {
        let mut url = self.url();
        url.set_username(&format!("{}_role", self.name)).unwrap();
        url.set_password(Some("secret")).unwrap();
        read_only(url.as_str())
    }
}

fn sqlite(script: &str) -> Catalog {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    std::fs::write(&path, "").unwrap();
    let url = format!("sqlite://{}", path.display());
    Connection::open(&url, Access::ReadWrite).unwrap().script(script).unwrap();
    read_only(&url)
}

/// As a dry run reads it: in a read-only session and a read-only transaction.
fn read_only(url: &str) -> Catalog {
    let mut connection = Connection::open(url, Access::ReadOnly).unwrap();
    connection.transaction(Mode::ReadOnly, read).unwrap()
}

fn table<'a>(catalog: &'a Catalog, name: &str) -> &'a Table {
    let named = TableName::parse(name).unwrap();
    catalog.find(&named).unwrap_or_else(|| panic!("{name} is not among {:?}", table_names(catalog)))
}

fn table_names(catalog: &Catalog) -> Vec<String> {
    catalog.tables.iter().map(|table| table.name.table.to_string()).collect()
}

fn texts(names: &[Name]) -> Vec<&str> {
    names.iter().map(Name::as_str).collect()
}

fn kinds(table: &Table) -> Vec<(&str, ColumnKind)> {
    table.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect()
}

fn leaves(table: &Table) -> Vec<String> {
    table.leaves.iter().map(|leaf| leaf.table.to_string()).collect()
}

/// `child(columns) -> parent(columns) RULE`, with ON UPDATE where it changes something, and `deferred` where it is.
fn keys(table: &Table) -> Vec<String> {
    let key = |key: &ForeignKey| {
        let deferred = if key.deferred { " deferred" } else { "" };
        let (own, other) = (texts(&key.columns).join(","), texts(&key.parent_columns).join(","));
        let update = match key.on_update {
            KeyAction::NoAction | KeyAction::Restrict => String::new(),
            changes => format!("/{changes:?}"),
        };
        format!("{own} -> {}({other}) {:?}{update}{deferred}", key.parent.table, key.on_delete)
    };
    table.foreign_keys.iter().map(key).collect()
}

/// The tables whose foreign keys point at rows of `name`.
fn referrers(catalog: &Catalog, name: &str) -> Vec<String> {
    let mut names: Vec<String> =
        catalog.referring(&table(catalog, name).name).map(|(table, _)| table.name.table.to_string()).collect();
    names.sort();
    names
}

fn index<'a>(table: &'a Table, name: &str) -> &'a Index {
    table.indexes.iter().find(|index| index.name == name).unwrap()
}

fn trigger_flags(table: &Table) -> Vec<(&str, bool, bool, bool)> {
    table.triggers.iter().map(|t| (t.name.as_str(), t.on_delete, t.on_update, t.before)).collect()
}

const ALL_RIGHTS: Rights = Rights { select: true, insert: true, update: true, delete: true };
const NO_RIGHTS: Rights = Rights { select: false, insert: false, update: false, delete: false };

mod questions {
    use super::*;

    fn catalog() -> Catalog {
        sqlite("CREATE TABLE page_view (id INTEGER PRIMARY KEY, viewed_at DATETIME); CREATE TABLE login (at DATETIME);")
    }

    #[test]
    fn the_nearest_table_is_named_and_a_far_one_is_not() {
        let nearest = |name: &str| catalog().nearest_table(&TableName::parse(name).unwrap());
        assert_eq!(nearest("pageview").as_deref(), Some("page_view"));
        assert_eq!(nearest("Logins").as_deref(), Some("login"));
        assert_eq!(nearest("certificate"), None);
    }

    #[test]
    fn the_nearest_column_is_named_and_a_far_one_is_not() {
        let catalog = catalog();
        let nearest = |name: &str| table(&catalog, "page_view").nearest_column(&Name::new(name).unwrap());
        assert_eq!(nearest("veiwed_at").map(Name::as_str), Some("viewed_at"));
        assert_eq!(nearest("payload"), None);
    }

    #[test]
    fn a_table_without_any_key_has_no_row_key() {
        assert_eq!(table(&catalog(), "login").row_key(), None);
    }

    #[test]
    fn versions_are_read_from_what_servers_say() {
        assert_eq!(version_number("15.18"), (15, 18));
        assert_eq!(version_number("10.11.19"), (10, 11));
        assert_eq!(version_number("17beta1"), (17, 0));
        assert_eq!(version_number("18"), (18, 0));
    }
}
