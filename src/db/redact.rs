//! Redactions: what each column becomes, and whether it would change at all.

use super::builder::Sql;
use super::{Dialect, Value};
use crate::name::Name;
use crate::plan::{Redaction, Target};
use crate::schedule::{Redact, Scalar, TemplatePart};

/// Marks a keyed hash, so that it is not hashed again.
pub(super) const HMAC_MARK: &str = "hmac:";

/// `column = expression, …`
pub(super) fn assignments(sql: &mut Sql, target: &Target) {
    sql.list(&target.redactions, ", ", |sql, redaction| {
        sql.name(&redaction.column).push(" = ");
        becomes(sql, &target.alias, redaction);
    });
}

/// At least one column is not yet what it would become: else a redacted row would be redacted in every run for ever.
pub(super) fn would_change(sql: &mut Sql, target: &Target) {
    sql.push("(");
    sql.list(&target.redactions, " OR ", |sql, redaction| differs(sql, &target.alias, redaction));
    sql.push(")");
}

fn differs(sql: &mut Sql, alias: &Name, redaction: &Redaction) {
    let column = &redaction.column;
    match redaction.how {
        Redact::Null => {
            sql.column(alias, column).push(" IS NOT NULL");
        }
        Redact::Hmac => {
            sql.column(alias, column).push(" NOT LIKE 'hmac:%'");
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
            Dialect::Mysql => {
                sql.push("NOT (").column(alias, column).push(" <=> ");
                becomes(sql, alias, redaction);
                sql.push(")");
            }
        },
    }
}

fn becomes(sql: &mut Sql, alias: &Name, redaction: &Redaction) {
    match &redaction.how {
        Redact::Null => {
            sql.push("NULL");
        }
        Redact::Set(scalar) => {
            let value = match scalar {
                Scalar::Text(text) => Value::Text(text.clone()),
                Scalar::Integer(int) => Value::Int(*int),
                Scalar::Float(float) => Value::Float(*float),
                Scalar::Boolean(bool) => Value::Bool(*bool),
            };
            sql.bind_as(value, &redaction.sql_type);
        }
        Redact::TruncateIp => truncated_ip(sql, alias, redaction),
        Redact::Year => first_of_year(sql, alias, redaction),
        Redact::Hmac => keyed_hash(sql, alias, redaction),
        Redact::Placeholder(parts) => placeholder(sql, alias, redaction, parts),
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
            sql.push("CASE WHEN ")
                .column(alias, column)
                .push(" ~ '^([0-9]{1,3}[.]){3}[0-9]{1,3}$' THEN regexp_replace(");
            sql.column(alias, column).push(", '[0-9]+$', '0') WHEN ").column(alias, column);
            sql.push(" ~ '^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$' THEN COALESCE(substring(").column(alias, column);
            sql.push(" from '^[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,2}'), '') || '::' END");
        }
        (Dialect::Mysql, _) => {
            sql.push("CASE WHEN ").column(alias, column).push(" REGEXP '^([0-9]{1,3}[.]){3}[0-9]{1,3}$' THEN ");
            sql.push("CONCAT(SUBSTRING_INDEX(")
                .column(alias, column)
                .push(", '.', 3), '.0') WHEN ")
                .column(alias, column);
            sql.push(" REGEXP '^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$' THEN CONCAT(COALESCE(REGEXP_SUBSTR(")
                .column(alias, column);
            sql.push(", '^[0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4}){0,2}'), ''), '::') END");
        }
    }
}

fn first_of_year(sql: &mut Sql, alias: &Name, redaction: &Redaction) {
    let column = &redaction.column;
    match sql.dialect {
        Dialect::Postgres => {
            sql.push("CAST(date_trunc('year', ").column(alias, column).push(") AS ");
            sql.type_name(&redaction.sql_type).push(")");
        }
        Dialect::Mysql => {
            sql.push("MAKEDATE(YEAR(").column(alias, column).push("), 1)");
        }
        Dialect::Sqlite => {
            sql.push("CASE WHEN length(").column(alias, column).push(") > 10 THEN substr(").column(alias, column);
            sql.push(", 1, 4) || '-01-01 00:00:00' ELSE substr(").column(alias, column).push(", 1, 4) || '-01-01' END");
        }
    }
}

/// HMAC-SHA-256, written out as RFC 2104 does, with the padded keys bound; 128 bits of it in hexadecimal.
fn keyed_hash(sql: &mut Sql, alias: &Name, redaction: &Redaction) {
    let key = redaction.key.as_ref().map(|key| key.reveal().as_bytes()).unwrap_or_default();
    let column = &redaction.column;
    match sql.dialect {
        Dialect::Sqlite => {
            sql.push("tenure_hmac(").bind(Value::Bytes(key.to_vec())).push(", ").column(alias, column).push(")");
        }
        Dialect::Postgres => {
            sql.push("CASE WHEN ").column(alias, column).push(" LIKE 'hmac:%' THEN CAST(").column(alias, column);
            sql.push(" AS text) ELSE 'hmac:' || left(encode(sha256(").bind(Value::Bytes(padded(key, 0x5c)));
            sql.push(" || sha256(").bind(Value::Bytes(padded(key, 0x36))).push(" || convert_to(CAST(");
            sql.column(alias, column).push(" AS text), 'UTF8'))), 'hex'), 32) END");
        }
        Dialect::Mysql => {
            sql.push("CASE WHEN ").column(alias, column).push(" LIKE 'hmac:%' THEN ").column(alias, column);
            sql.push(" ELSE CONCAT('hmac:', LEFT(SHA2(CONCAT(").bind(Value::Bytes(padded(key, 0x5c)));
            sql.push(", UNHEX(SHA2(CONCAT(").bind(Value::Bytes(padded(key, 0x36))).push(", CAST(CONVERT(");
            sql.column(alias, column).push(" USING utf8mb4) AS BINARY)), 256))), 256), 32)) END");
        }
    }
}

/// The key, hashed where it is longer than a block, XORed with the pad of RFC 2104.
fn padded(key: &[u8], pad: u8) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    const BLOCK: usize = 64;
    let mut block = if key.len() > BLOCK { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.resize(BLOCK, 0);
    block.iter().map(|byte| byte ^ pad).collect()
}

fn placeholder(sql: &mut Sql, alias: &Name, redaction: &Redaction, parts: &[TemplatePart]) {
    let dialect = sql.dialect;
    let piece = |sql: &mut Sql, part: &TemplatePart| match part {
        TemplatePart::Literal(text) => {
            sql.bind_as(Value::Text(text.clone()), "text");
        }
        TemplatePart::Column(column) => {
            sql.push("CAST(").column(alias, column).push(match dialect {
                Dialect::Mysql => " AS CHAR)",
                Dialect::Postgres | Dialect::Sqlite => " AS text)",
            });
        }
    };
    match dialect {
        Dialect::Mysql => {
            sql.push("CONCAT(").list(parts, ", ", piece).push(")");
        }
        Dialect::Sqlite => {
            sql.push("(").list(parts, " || ", piece).push(")");
        }
        Dialect::Postgres => {
            sql.push("CAST((").list(parts, " || ", piece).push(") AS ").type_name(&redaction.sql_type).push(")");
        }
    }
}
