//! Redactions against the live columns: what cannot work is said before anything starts.

use super::Context;
use super::people::holds_letters;
use super::reading::{Blame, column};
use crate::db::Dialect;
use crate::db::catalog::{Column, ColumnKind, Table};
use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Places;
use crate::plan::Redaction;
use crate::schedule::{self, Redact, Scalar, TemplatePart};

pub(super) fn redactions(
    context: &Context<'_>,
    label: &str,
    places: &Places,
    table: &Table,
    wanted: &[schedule::Redaction],
) -> Result<Vec<Redaction>, Vec<Mistake>> {
    let (found, mistakes): (Vec<_>, Vec<_>) =
        wanted.iter().map(|redaction| one(context, label, places, table, wanted, redaction)).partition(Result::is_ok);
    if mistakes.is_empty() {
        Ok(found.into_iter().filter_map(Result::ok).collect())
    } else {
        Err(mistakes.into_iter().filter_map(Result::err).collect())
    }
}

fn one(
    context: &Context<'_>,
    label: &str,
    places: &Places,
    table: &Table,
    all: &[schedule::Redaction],
    wanted: &schedule::Redaction,
) -> Result<Redaction, Mistake> {
    let key = format!("redact.{}", wanted.column);
    let blame = Blame { label, places, key: &key };
    let target = column(context, &blame, table, &wanted.column)?;
    let dialect = context.catalog.dialect;
    let mut bytes = Vec::new();
    if let Redact::Placeholder(parts) = &wanted.how {
        for part in parts {
            if let TemplatePart::Column(name) = part {
                let source = column(context, &blame, table, name)?;
                if source.kind == ColumnKind::Binary && !holds_letters(dialect, source) {
                    bytes.push(name.clone());
                }
                let redacted = |other: &schedule::Redaction| {
                    table.column(dialect, &other.column).is_some_and(|other| other.name == source.name)
                };
                if all.iter().any(redacted) {
                    let reason = format!("the placeholder would keep `{name}`, which this rule redacts");
                    return Err(blame.mistake(reason).remedy("tell rows apart by their key: `deleted-{id}`"));
                }
            }
        }
    }
    if let Some((reason, remedy)) = flaw(context, table, target, &wanted.how) {
        return Err(blame.mistake(format!("`{}.{}` {reason}", table.name, target.name)).remedy(remedy));
    }
    let hmac_key = matches!(wanted.how, Redact::Hmac).then(|| context.hmac_key.cloned()).flatten();
    Ok(Redaction {
        column: target.name.clone(),
        is_text: matches!(target.kind, ColumnKind::Text | ColumnKind::Binary),
        is_unique: is_unique(table, target),
        sql_type: target.sql_type.clone(),
        how: wanted.how.clone(),
        bytes,
        key: hmac_key,
    })
}

/// A unique index over a column that may be NULL is no key, and lets a value stand once all the same.
fn is_unique(table: &Table, column: &Column) -> bool {
    let alone = [column.name.clone()];
    table.unique_keys.iter().any(|key| *key == alone)
        || table.indexes.iter().any(|index| index.unique && index.columns == alone)
}

fn flaw(context: &Context<'_>, table: &Table, column: &Column, how: &Redact) -> Option<(String, &'static str)> {
    let sqlite = context.catalog.dialect == Dialect::Sqlite;
    if column.generated {
        return Some(("is computed by the database".into(), "redact the columns that it is computed from"));
    }
    if table.declared_key.contains(&column.name) {
        return Some(("is part of the primary key".into(), "delete the rows, or redact another column"));
    }
    let is_text = column.kind == ColumnKind::Text || sqlite;
    // As MediaWiki keeps all its names there.
    let holds_any_letters = context.catalog.dialect == Dialect::Mysql && column.kind == ColumnKind::Binary;
    match how {
        Redact::Null if !column.nullable => {
            Some(("is NOT NULL".into(), "redact with `{ set = … }` or `{ placeholder = … }`"))
        }
        Redact::Set(_) if is_unique(table, column) => Some((
            "is unique, so one value cannot stand in every row".into(),
            "redact with `{ placeholder = \"deleted-{id}\" }`",
        )),
        Redact::TruncateIp if !is_text && column.kind != ColumnKind::Inet => {
            Some((format!("is of type `{}`, which holds no address", column.sql_type), "redact with \"null\""))
        }
        Redact::TruncateIp if !column.nullable && column.kind != ColumnKind::Inet => Some((
            "is NOT NULL, and a text that is no address would become NULL".into(),
            "redact with `{ set = … }`, or let the column be NULL",
        )),
        Redact::Year if !matches!(column.kind, ColumnKind::Date | ColumnKind::Timestamp | ColumnKind::TimestampTz) => {
            Some((format!("is of type `{}`, which is no date", column.sql_type), "redact with \"null\""))
        }
        Redact::Hmac if !is_text => {
            Some((format!("is of type `{}`, which holds no text", column.sql_type), "redact with \"null\""))
        }
        Redact::Hmac if column.max_chars.is_some_and(|max| max < 37) => {
            Some(("is too short for a keyed hash of 37 characters".into(), "redact with \"null\""))
        }
        Redact::Set(Scalar::Text(text)) if column.max_chars.is_some_and(|max| text.chars().count() > max as usize) => {
            let (max, chars) = (column.max_chars.unwrap_or_default(), text.chars().count());
            Some((format!("holds {max} characters, and the text has {chars}"), "redact with a shorter text"))
        }
        Redact::Placeholder(parts) if column.max_chars.is_some_and(|max| shortest(parts) > max as usize) => {
            let max = column.max_chars.unwrap_or_default();
            Some((format!("holds {max} characters, too few for the placeholder"), "redact with a shorter one"))
        }
        Redact::Hmac if context.catalog.dialect == Dialect::Mysql && table.row_key().is_none() => Some((
            "is to be hashed in the program, and no unique key tells the rows of its table apart".into(),
            "give the table a primary key, or redact with \"null\"",
        )),
        Redact::Hmac if context.hmac_key.is_none() => Some((
            "is to be hashed, but there is no key".into(),
            "name a file with a secret of at least 32 characters as `hmac_key_file` in tenure.toml",
        )),
        Redact::Placeholder(_) if !is_text && !holds_any_letters => {
            Some((format!("is of type `{}`, which holds no text", column.sql_type), "redact with \"null\""))
        }
        _ => None,
    }
}

/// Characters of the placeholder where each column in it has one.
fn shortest(parts: &[TemplatePart]) -> usize {
    let characters = |part: &TemplatePart| match part {
        TemplatePart::Literal(text) => text.chars().count(),
        TemplatePart::Column(_) => 1,
    };
    parts.iter().map(characters).sum()
}
