//! The databases' own clients, which send bare statements.

use std::process::Command;

use tenure::db::{Access, Connection};

/// The first word of the command line with which this program plays SQLite's client.
pub const SQLITE_CLIENT: &str = "sqlite-client";

/// Sends statements to a SQLite database in one transaction: the same library with the same settings as the program's.
pub fn be_sqlite_client(url: &str, statements: &str) {
    let mut conn = Connection::open(url, Access::ReadWrite).expect("the database can be opened");
    conn.script(&format!("BEGIN IMMEDIATE; {statements}; COMMIT")).expect("the statements are right");
}

pub fn sqlite(url: &str, statements: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args([SQLITE_CLIENT, url, statements]);
    command
}

/// Each statement by itself, as maintenance wants it; a caller that wants one transaction says BEGIN and COMMIT.
pub fn postgres(url: &str, statements: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url]);
    for statement in statements.split(';').filter(|statement| !statement.trim().is_empty()) {
        command.args(["--command", statement]);
    }
    command
}

pub fn mysql(url: &str, statements: &str) -> Command {
    let url = url::Url::parse(url).expect("tests/with-servers exports URLs");
    let part = |name: &str, value: &str| format!("--{name}={value}");
    let mut command = Command::new("mariadb");
    command.arg("--no-defaults").env("MYSQL_PWD", url.password().unwrap_or_default());
    command.args([part("host", url.host_str().unwrap_or_default()), part("user", url.username())]);
    command.arg(part("port", &url.port().unwrap_or(3306).to_string()));
    command.args([part("database", url.path().trim_start_matches('/')), part("execute", statements)]);
    command
}
