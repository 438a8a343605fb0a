//! Whether two conditions of a schedule can be true of one row: only what is plain to see counts, such as two values of one column,
//! or a condition and its `NOT`.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};
use sqlparser::parser::Parser;

use crate::db::Dialect;
use crate::db::predicate::condition::{grammar, volatile_parts};
use crate::plan::Condition;

/// Is no row such that both are true of it, whatever it holds?
pub fn exclude_each_other(dialect: Dialect, one: &Condition, other: &Condition) -> bool {
    let expression = |condition: &Condition| {
        // The tree of a long one is deep, and what is not plain to see counts for nothing.
        const LONGEST: usize = 2_000;
        if condition.as_str().len() > LONGEST {
            return None;
        }
        // How a backslash is read is a matter of settings.
        let is_steady = volatile_parts(dialect, condition).is_empty() && !condition.as_str().contains('\\');
        let grammar = grammar(dialect);
        let mut parser = Parser::new(grammar.as_ref()).try_with_sql(condition.as_str()).ok()?;
        parser.parse_expr().ok().filter(|_| is_steady)
    };
    let (Some(one), Some(other)) = (expression(one), expression(other)) else { return false };
    let (ones, others) = (parts(&one), parts(&other));
    ones.iter().any(|one| others.iter().any(|other| denies(one, other) || denies(other, one) || differ(one, other)))
}

/// The expression, and all of which it says that they are true as well.
fn parts(expression: &Expr) -> Vec<&Expr> {
    let expression = bare(expression);
    let mut all = vec![expression];
    if let Expr::BinaryOp { left, op: BinaryOperator::And, right } = expression {
        all.extend(parts(left));
        all.extend(parts(right));
    }
    all
}

/// Without what makes no difference to whether it is true.
fn bare(expression: &Expr) -> &Expr {
    match expression {
        Expr::Nested(inner) | Expr::IsTrue(inner) => bare(inner),
        _ => expression,
    }
}

/// Does the second say that the first is not true?
fn denies(one: &Expr, other: &Expr) -> bool {
    match other {
        Expr::UnaryOp { op: UnaryOperator::Not, expr } | Expr::IsFalse(expr) | Expr::IsNotTrue(expr) => {
            bare(expr) == one
        }
        _ => false,
    }
}

/// What a condition says of one column.
enum Says<'a> {
    Null,
    NotNull,
    /// It is one of these.
    Among(Vec<&'a Value>),
    /// It is none of these.
    NoneOf(Vec<&'a Value>),
    Compares(&'a BinaryOperator, &'a Value),
}

/// Do they say of one column what cannot be true together?
fn differ(one: &Expr, other: &Expr) -> bool {
    let (Some((column, one)), Some((another, other))) = (claim(one), claim(other)) else { return false };
    column.eq_ignore_ascii_case(&another) && (rules_out(&one, &other) || rules_out(&other, &one))
}

fn rules_out(one: &Says<'_>, other: &Says<'_>) -> bool {
    match (one, other) {
        (Says::Null, Says::NotNull | Says::Among(_) | Says::NoneOf(_) | Says::Compares(..)) => true,
        (Says::Among(these), Says::Among(those)) => {
            these.iter().all(|one| those.iter().all(|other| are_two_values(one, other)))
        }
        (Says::Among(these), Says::NoneOf(those)) => these.iter().all(|one| those.contains(one)),
        (
            Says::Compares(BinaryOperator::Lt, bound),
            Says::Compares(BinaryOperator::GtEq | BinaryOperator::Gt, other),
        )
        | (Says::Compares(BinaryOperator::LtEq, bound), Says::Compares(BinaryOperator::Gt, other)) => bound == other,
        _ => false,
    }
}

fn claim(expression: &Expr) -> Option<(String, Says<'_>)> {
    let (column, says) = match expression {
        Expr::IsNull(column) => (column, Says::Null),
        Expr::IsNotNull(column) => (column, Says::NotNull),
        Expr::InList { expr, list, negated } => {
            let values = list.iter().map(literal).collect::<Option<Vec<_>>>()?;
            (expr, if *negated { Says::NoneOf(values) } else { Says::Among(values) })
        }
        Expr::BinaryOp { left, op, right } => {
            let value = literal(right)?;
            let says = match op {
                BinaryOperator::Eq => Says::Among(vec![value]),
                BinaryOperator::NotEq => Says::NoneOf(vec![value]),
                BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => {
                    Says::Compares(op, value)
                }
                _ => return None,
            };
            (left, says)
        }
        _ => return None,
    };
    match &**column {
        Expr::Identifier(name) => Some((name.to_string(), says)),
        Expr::CompoundIdentifier(names) => {
            Some((names.iter().map(ToString::to_string).collect::<Vec<_>>().join("."), says))
        }
        _ => None,
    }
}

fn literal(expression: &Expr) -> Option<&Value> {
    match expression {
        Expr::Value(value) => match &value.value {
            value @ (Value::Number(..) | Value::SingleQuotedString(_) | Value::Boolean(_)) => Some(value),
            _ => None,
        },
        _ => None,
    }
}

/// Does no database take the two for one, whatever the column's type and collation?
fn are_two_values(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one, _), Value::Number(other, _)) => {
            matches!((one.parse::<i64>(), other.parse::<i64>()), (Ok(one), Ok(other)) if one != other)
        }
        (Value::SingleQuotedString(one), Value::SingleQuotedString(other)) => {
            matches!((word(one), word(other)), (Some(one), Some(other)) if one != other)
        }
        (Value::Boolean(one), Value::Boolean(other)) => one != other,
        _ => false,
    }
}

/// The letters that count under every collation; `None` where it is no plain word, but a number, or written with anything else.
fn word(text: &str) -> Option<String> {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_- .:/".contains(c));
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    (is_plain && text.starts_with(|c: char| c.is_ascii_alphabetic())).then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::predicate::condition::parse;

    fn exclude(one: &str, other: &str) -> bool {
        let found = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql].map(|dialect| {
            let parsed = |text| parse(dialect, text).unwrap_or_else(|reason| panic!("{text}: {reason}"));
            let (one, other) = (parsed(one), parsed(other));
            assert_eq!(exclude_each_other(dialect, &one, &other), exclude_each_other(dialect, &other, &one));
            exclude_each_other(dialect, &one, &other)
        });
        assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
        found[0]
    }

    #[test]
    fn what_cannot_be_true_of_one_row_is_seen() {
        for (one, other) in [
            ("kind = 'fee'", "kind = 'tip'"),
            ("kind = 'fee' AND txt IS NOT NULL", "(Kind = 'tip' OR kind = 'x') IS FALSE AND kind IN ('gift', 'tip')"),
            ("t.kind = 1", "t.kind IN (2, 3)"),
            ("kind <> 'fee'", "kind = 'fee'"),
            ("kind NOT IN (1, 2)", "kind IN (2)"),
            ("txt IS NULL", "txt IS NOT NULL"),
            ("txt IS NULL", "txt < 'm'"),
            ("at < '2020-01-01'", "at >= '2020-01-01'"),
            ("ip LIKE '10.%'", "NOT (ip LIKE '10.%') AND kind = 1"),
            ("kind = 1 AND txt = 'a'", "NOT (kind = 1 AND txt = 'a')"),
            ("(kind = 1) IS TRUE", "(kind = 1) IS NOT TRUE"),
        ] {
            assert!(exclude(one, other), "{one} | {other}");
        }
    }

    #[test]
    fn what_may_be_true_of_one_row_is_not_taken_to_tell_rows_apart() {
        for (one, other) in [
            ("kind = 'fee'", "kind = 'fee'"),
            ("kind = 'fee'", "kind = 'FEE'"),
            ("kind = 'fee'", "kind = 'fee '"),
            ("kind = 'fée'", "kind = 'fee'"),
            ("kind = '1'", "kind = '01'"),
            ("kind = 1", "kind = 1.0"),
            ("kind = 1", "other = 2"),
            ("kind = 1", "kind = '2'"),
            ("kind = 1 OR txt = 'a'", "kind = 2"),
            ("kind IN (1, 2)", "kind IN (2, 3)"),
            ("kind > 1", "kind < 5"),
            ("kind <> 1", "kind <> 2"),
            ("kind <> 1", "kind IN (1, 2)"),
            ("ip LIKE '10.%'", "ip LIKE '11.%'"),
            ("txt IS NULL", "kind = 1"),
        ] {
            assert!(!exclude(one, other), "{one} | {other}");
        }
    }
}
