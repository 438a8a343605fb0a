//! DDL that is written once for three databases.

use tenure::base::name::Name;
use tenure::db::Dialect;

/// Replaces placeholders by the dialect's words: `{pk}` (a counting primary key), `{bigint}`, `{bool}`, `{text}` (can be
/// indexed), `{blob}`, `{uuid}`, `{ts}` (a naive time), `{tstz}` (an instant), and `{q:any name}` (the name, quoted).
pub fn ddl(dialect: Dialect, script: &str) -> String {
    let mut out = String::with_capacity(script.len() * 2);
    let mut rest = script;
    while let Some((before, after)) = rest.split_once('{') {
        let (word, after) = after.split_once('}').unwrap_or_else(|| panic!("a placeholder does not end: {{{after}"));
        out.push_str(before);
        match word.strip_prefix("q:") {
            Some(name) => out.push_str(&Name::new(name).expect("a placeholder holds a name").quoted(dialect.quote())),
            None => out.push_str(type_of(dialect, word)),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn type_of(dialect: Dialect, word: &str) -> &'static str {
    let [sqlite, postgres, mysql] = match word {
        "pk" => ["INTEGER PRIMARY KEY", "bigserial PRIMARY KEY", "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY"],
        "bigint" => ["bigint", "bigint", "BIGINT"],
        "bool" => ["boolean", "boolean", "BOOLEAN"],
        "text" => ["text", "text", "VARCHAR(255)"],
        "blob" => ["blob", "bytea", "LONGBLOB"],
        "uuid" => ["text", "uuid", "CHAR(36)"],
        "ts" => ["timestamp", "timestamp", "DATETIME(6)"],
        "tstz" => ["timestamp", "timestamptz", "TIMESTAMP(6)"],
        _ => panic!("there is no placeholder {{{word}}}"),
    };
    match dialect {
        Dialect::Sqlite => sqlite,
        Dialect::Postgres => postgres,
        Dialect::Mysql => mysql,
    }
}
