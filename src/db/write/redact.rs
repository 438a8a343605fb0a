//! Redactions: what each column becomes, and whether it would change at all.

use crate::base::name::Name;
use crate::db::sql::builder::Sql;
use crate::db::write::hashes::Hashes;
use crate::db::{Dialect, Value};
use crate::plan::{Redaction, Target};
use crate::schedule::{Redact, Scalar, TemplatePart};

/// `column = expression, …`
pub(in crate::db) fn assignments(sql: &mut Sql, target: &Target, hashes: &Hashes) {
    sql.list(&target.redactions, ", ", |sql, redaction| {
        sql.name(&redaction.column).push(" = ");
        match redaction.how {
            Redact::Hmac if sql.dialect != Dialect::Sqlite => hashes.write(sql, target, &redaction.column),
            _ => becomes(sql, &target.alias, redaction),
        }
    });
    unstamped(sql, &target.alias, &target.stamped, |name| target.redactions.iter().any(|one| one.column == *name));
}

/// `, column = column`: what tells when somebody last changed the row does not speak of us, and may be what tells its age.
pub(in crate::db) fn unstamped(sql: &mut Sql, alias: &Name, stamped: &[Name], is_assigned: impl Fn(&Name) -> bool) {
    for column in stamped.iter().filter(|column| !is_assigned(column)) {
        sql.push(", ").column(alias, column).push(" = ").column(alias, column);
    }
}

/// The column is not yet what it would become.
pub(in crate::db) fn differs(sql: &mut Sql, alias: &Name, redaction: &Redaction) {
    let column = &redaction.column;
    match redaction.how {
        Redact::Null => {
            sql.column(alias, column).push(" IS NOT NULL");
        }
        Redact::Hmac => {
            sql.push("NOT ");
            is_keyed_hash(sql, alias, column);
        }
        _ => match sql.dialect {
            Dialect::Postgres => {
                sql.column(alias, column).push(" IS DISTINCT FROM ");
                becomes(sql, alias, redaction);
            }
            Dialect::Sqlite => {
                sql.column(alias, column).push(" IS NOT ");
                becomes(sql, alias, redaction);
            }
            Dialect::Mysql if redaction.is_text => {
                sql.push("NOT (");
                letters(sql, redaction, |sql| {
                    sql.column(alias, column);
                });
                sql.push(" <=> ");
                letters(sql, redaction, |sql| becomes(sql, alias, redaction));
                sql.push(")");
            }
            Dialect::Mysql => {
                sql.push("NOT (").column(alias, column).push(" <=> ");
                becomes(sql, alias, redaction);
                sql.push(")");
            }
        },
    }
}

/// MySQL: a text by its letters. Under the column's collation `Rémoved` may be equal to `removed`, and would stay. Columns of
/// so many bytes fill up with zeros what they are given, and would never hold what they are compared with.
fn letters(sql: &mut Sql, redaction: &Redaction, text: impl FnOnce(&mut Sql)) {
    let is_filled_up = redaction.sql_type.starts_with("binary(");
    sql.push("CAST(CONVERT(");
    text(sql);
    sql.push(" USING utf8mb4) AS ");
    sql.type_name(if is_filled_up { &redaction.sql_type } else { "BINARY" }).push(")");
}

/// PostgreSQL cuts a text that it casts to a type of fewer characters, and refuses one that it is to store there.
fn uncut(sql_type: &str) -> &str {
    if sql_type.starts_with("character") { "text" } else { sql_type }
}

pub(in crate::db) fn becomes(sql: &mut Sql, alias: &Name, redaction: &Redaction) {
    match &redaction.how {
        Redact::Null => {
            sql.push("NULL");
        }
        Redact::Set(scalar) => {
            sql.bind_as(constant(sql.dialect, redaction.is_text, scalar), uncut(&redaction.sql_type));
        }
        Redact::TruncateIp => truncated_ip(sql, alias, redaction),
        Redact::Year => first_of_year(sql, alias, redaction),
        Redact::Hmac => keyed_hash(sql, alias, redaction),
        Redact::Placeholder(parts) => placeholder(sql, alias, redaction, parts),
    }
}

/// MySQL compares a text with a number as numbers, and every name is 0 then: beside texts the constant is a text.
pub(in crate::db) fn constant(dialect: Dialect, is_text: bool, scalar: &Scalar) -> Value {
    let as_text = dialect == Dialect::Mysql && is_text;
    match scalar {
        Scalar::Text(text) => Value::Text(text.clone()),
        Scalar::Integer(int) if as_text => Value::Text(int.to_string()),
        Scalar::Float(float) if as_text => Value::Text(float.to_string()),
        Scalar::Boolean(bool) if as_text => Value::Text(u8::from(*bool).to_string()),
        Scalar::Integer(int) => Value::Int(*int),
        Scalar::Float(float) => Value::Float(*float),
        Scalar::Boolean(bool) => Value::Bool(*bool),
    }
}

/// IPv4 to /24, IPv6 to /48, anything else to NULL.
fn truncated_ip(sql: &mut Sql, alias: &Name, redaction: &Redaction) {
    let column = &redaction.column;
    match (sql.dialect, redaction.sql_type.as_str()) {
        (Dialect::Sqlite, _) => {
            sql.push("tenure_truncate_ip(").column(alias, column).push(")");
        }
        (Dialect::Postgres, "inet") => {
            sql.push("set_masklen(CAST(network(set_masklen(").column(alias, column).push(", CASE WHEN family(");
            sql.column(alias, column).push(") = 4 THEN 24 ELSE 48 END)) AS inet), CASE WHEN family(");
            sql.column(alias, column).push(") = 4 THEN 32 ELSE 128 END)");
        }
        (Dialect::Postgres, "cidr") => {
            sql.push("network(set_masklen(").column(alias, column).push(", CASE WHEN family(").column(alias, column);
            sql.push(") = 4 THEN LEAST(24, masklen(").column(alias, column).push(")) ELSE LEAST(48, masklen(");
            sql.column(alias, column).push(")) END))");
        }
        (Dialect::Postgres, _) => {
            sql.push("CASE WHEN ").column(alias, column).push(" ~ ").bind_as(Value::Text(format!("^{IPV4}$")), "text");
            sql.push(" THEN regexp_replace(").column(alias, column).push(", '[0-9]+$', '0') WHEN ");
            sql.column(alias, column).push(" ~ ").bind_as(Value::Text(ipv6()), "text");
            sql.push(" THEN COALESCE(substring(").column(alias, column);
            sql.push(" from '^[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,2}'), '') || '::' END");
        }
        (Dialect::Mysql, _) => {
            sql.push("CASE WHEN IS_IPV4(").column(alias, column).push(") THEN CONCAT(SUBSTRING_INDEX(");
            sql.column(alias, column).push(", '.', 3), '.0') WHEN IS_IPV6(").column(alias, column);
            sql.push(") THEN CONCAT(COALESCE(REGEXP_SUBSTR(").column(alias, column);
            sql.push(", '^[0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4}){0,2}'), ''), '::') END");
        }
    }
}

/// An address in four numbers, as PostgreSQL's regular expressions say it.
const IPV4: &str = "((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";

/// Eight groups, or fewer around one `::`; the last two may be an address in four numbers.
fn ipv6() -> String {
    let group = "[0-9A-Fa-f]{1,4}";
    let end = format!("({group}|{group}:{group}|{IPV4})");
    format!(
        "^(({group}:){{6}}({group}:{group}|{IPV4})|(?!([^:]*:){{9}})({group}(:{group}){{0,6}})?::(({group}:){{0,6}}{end})?)$"
    )
}

fn first_of_year(sql: &mut Sql, alias: &Name, redaction: &Redaction) {
    let column = &redaction.column;
    match sql.dialect {
        Dialect::Postgres => {
            sql.push("CAST(date_trunc('year', ").column(alias, column).push(") AS ");
            sql.type_name(&redaction.sql_type).push(")");
        }
        Dialect::Mysql => {
            // A date that is all zeros has no year, and MAKEDATE takes years below 100 for others.
            sql.push("CASE WHEN YEAR(").column(alias, column).push(") = 0 THEN ").column(alias, column);
            sql.push(" ELSE CAST(CONCAT(LPAD(YEAR(").column(alias, column).push("), 4, '0'), '-01-01') AS DATE) END");
        }
        Dialect::Sqlite => {
            // The column can hold any text: one that is no date keeps nothing.
            sql.push("CASE WHEN ").column(alias, column).push(" = '' THEN '' WHEN ").column(alias, column);
            sql.push(" GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' THEN substr(").column(alias, column);
            sql.push(", 1, 4) || CASE WHEN length(").column(alias, column);
            sql.push(") > 10 THEN '-01-01 00:00:00' ELSE '-01-01' END END");
        }
    }
}

/// SQLite, in our own process: by a function of ours.
fn keyed_hash(sql: &mut Sql, alias: &Name, redaction: &Redaction) {
    let key = redaction.key.as_ref().map(|key| key.reveal().to_owned()).unwrap_or_default();
    sql.push("tenure_hmac(").bind(Value::Text(key)).push(", ").column(alias, &redaction.column).push(")");
}

/// The text was hashed before: it bears the mark and nothing but a hash. Whoever calls himself `hmac:…` is hashed.
fn is_keyed_hash(sql: &mut Sql, alias: &Name, column: &Name) {
    let dialect = sql.dialect;
    sql.push("(").column(alias, column).push(match dialect {
        Dialect::Postgres => " ~ '^hmac:[0-9a-f]{32}$')",
        Dialect::Mysql => " REGEXP '(?-i)^hmac:[0-9a-f]{32}$')",
        Dialect::Sqlite => " GLOB 'hmac:*' AND length(",
    });
    if dialect == Dialect::Sqlite {
        sql.column(alias, column).push(") = 37 AND substr(").column(alias, column).push(", 6) NOT GLOB '*[^0-9a-f]*')");
    }
}

fn placeholder(sql: &mut Sql, alias: &Name, redaction: &Redaction, parts: &[TemplatePart]) {
    let dialect = sql.dialect;
    let piece = |sql: &mut Sql, part: &TemplatePart| match part {
        TemplatePart::Literal(text) => {
            sql.bind_as(Value::Text(text.clone()), "text");
        }
        TemplatePart::Column(column) => written(sql, alias, column, redaction.bytes.contains(column)),
    };
    match dialect {
        Dialect::Mysql => {
            sql.push("CONCAT(").list(parts, ", ", piece).push(")");
        }
        Dialect::Sqlite => {
            sql.push("(").list(parts, " || ", piece).push(")");
        }
        Dialect::Postgres => {
            sql.push("CAST((").list(parts, " || ", piece).push(") AS ").type_name(uncut(&redaction.sql_type)).push(")");
        }
    }
}

/// A column as a placeholder bears it: bytes by their hexadecimal digits, which PostgreSQL writes by itself.
fn written(sql: &mut Sql, alias: &Name, column: &Name, are_bytes: bool) {
    if sql.dialect == Dialect::Sqlite {
        // A column of any type may hold bytes.
        sql.push("CASE WHEN typeof(").column(alias, column).push(") = 'blob' THEN lower(hex(").column(alias, column);
        sql.push(")) ELSE CAST(").column(alias, column).push(" AS text) END");
        return;
    }
    let (before, after) = match sql.dialect {
        Dialect::Mysql if are_bytes => ("LOWER(HEX(", "))"),
        Dialect::Mysql => ("CAST(", " AS CHAR)"),
        Dialect::Postgres | Dialect::Sqlite => ("CAST(", " AS text)"),
    };
    sql.push(before).column(alias, column).push(after);
}
