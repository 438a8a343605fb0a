//! Closed accounts with rows in eleven more tables, each with an index on the person: eight are deleted from, three redacted.

use std::path::{Path, PathBuf};

use crate::cases::{CUTOFF, Case};

/// Rows of a person in each table.
const ROWS: u64 = 2;
const TABLES: u32 = 11;
const REDACTED: u32 = 3;

fn parts() -> impl Iterator<Item = (String, bool)> {
    (1..=TABLES).map(|n| (format!("part_{n}"), n <= REDACTED))
}

/// PostgreSQL: the people, half of whom closed their accounts, and their rows, scattered over each table.
pub fn tables(case: &Case) -> String {
    let Case { rows, due, .. } = case;
    let mut script = format!(
        "CREATE TABLE person (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, name text, closed_at timestamptz); \
         INSERT INTO person SELECT n, 'person' || n || '@example.org', 'Person ' || n, \
         CASE WHEN n < {due} THEN '2024-01-01 00:00:00+00'::timestamptz END FROM generate_series(0, {rows}::bigint - 1) n; "
    );
    for (table, _) in parts() {
        script += &format!(
            "CREATE TABLE {table} (id bigint PRIMARY KEY, person_id bigint, note text, at timestamptz NOT NULL); \
             INSERT INTO {table} SELECT n, n * 7919 % {rows}, 'note ' || n || ' of medium length', \
             '2024-01-01 00:00:00+00' FROM generate_series(0, {last}::bigint) n; \
             CREATE INDEX {table}_of_person ON {table} (person_id); ",
            last = rows * ROWS - 1
        );
    }
    script
}

pub fn schedule() -> String {
    let mut map = "[policy]\nname = \"bench\"\n[subject]\ntable = \"person\"\nkey = \"id\"\nclosed = \"closed_at\"\n\
                   grace = \"30 days\"\nwithin = \"60 days\"\n[[subject.data]]\ntable = \"person\"\ncolumn = \"id\"\n\
                   action = \"redact\"\nredact = { email = { placeholder = \"gone-{id}\" }, name = \"null\" }\n"
        .to_owned();
    for (table, is_redacted) in parts() {
        let act = if is_redacted { "redact\"\nredact = { note = \"null\" }" } else { "delete\"" };
        map += &format!("[[subject.data]]\ntable = \"{table}\"\ncolumn = \"person_id\"\naction = \"{act}\n");
    }
    map
}

/// The statements that a careful person would send instead, all in one transaction.
pub fn bare() -> String {
    let theirs = format!("person_id IN (SELECT id FROM person WHERE closed_at < '{CUTOFF}')");
    let mut statements: Vec<String> = parts()
        .map(|(table, is_redacted)| match is_redacted {
            true => format!("UPDATE {table} SET note = NULL WHERE {theirs} AND note IS NOT NULL"),
            false => format!("DELETE FROM {table} WHERE {theirs}"),
        })
        .collect();
    statements.push(format!("UPDATE person SET email = 'gone-' || id, name = NULL WHERE closed_at < '{CUTOFF}'"));
    statements.join("; ")
}

/// People are called by a keyed digest in the ledger, and erased over two connections.
pub fn config(dir: &Path, url: &str) -> PathBuf {
    let file = dir.join("people.toml");
    let text = format!("hmac_key_file = \"hmac.key\"\n[database.main]\nurl = \"{url}\"\nworkers = 2\n");
    std::fs::write(dir.join("hmac.key"), "0123456789abcdef0123456789abcdef").expect("a file can be written");
    std::fs::write(&file, text).expect("a file can be written");
    file
}
