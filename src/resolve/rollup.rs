//! Roll-ups against the live tables: does the target have the columns that the measures need?

use jiff::tz::TimeZone;

use super::Context;
use super::fitness::unfit;
use super::reading::{Blame, column};
use crate::base::name::{Name, NameError};
use crate::db::Dialect;
use crate::db::catalog::{Column, ColumnKind, Table};
use crate::diagnostic::mistake::Mistake;
use crate::plan::{BucketForm, Dimension, Fold, Measure, Rollup};
use crate::schedule::{self, Aggregate, MeasureFunction};

pub(super) fn rollup(
    context: &Context<'_>,
    rule: &schedule::Rule,
    label: &str,
    source: &Table,
    wanted: &Aggregate,
    zone: &TimeZone,
) -> Result<Rollup, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut look = |name: &Name, key: &str| {
        let blame = Blame { label, places: &rule.places, key };
        column(context, &blame, source, name).map_err(|mistake| mistakes.push(mistake)).ok()
    };
    let dimensions: Vec<_> = wanted.keep.iter().filter_map(|name| look(name, "aggregate.keep")).collect();
    let people = wanted.people.as_ref().and_then(|name| look(name, "aggregate.people"));
    for measure in &wanted.measures {
        if let Some(name) = measured(&measure.function) {
            look(name, &format!("aggregate.measures.{}", measure.name));
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let folds = wanted.measures.iter().map(|measure| {
        let key = format!("aggregate.measures.{}", measure.name);
        let blame = Blame { label, places: &rule.places, key: &key };
        folds(measure).map_err(|error| {
            let reason = format!("the columns of the measure `{}` get no name: {error}", measure.name);
            blame.mistake(reason).remedy("give the measure a shorter name")
        })
    });
    let measures: Vec<Measure> =
        folds.collect::<Result<Vec<_>, _>>().map_err(|mistake| vec![mistake])?.into_iter().flatten().collect();
    let into = target(context, rule, label, source, wanted, &dimensions, &measures)?;
    let form = bucket_form(context, into, zone);
    Ok(Rollup {
        into: into.name.clone(),
        bucket: wanted.bucket,
        zone: zone.clone(),
        form,
        dimensions: dimensions
            .iter()
            .map(|column| Dimension { column: column.name.clone(), is_text: column.kind == ColumnKind::Text })
            .collect(),
        measures,
        // Where one person is enough, nobody is hidden.
        people: people.filter(|_| wanted.at_least > 1).map(|column| column.name.clone()),
        at_least: wanted.at_least,
        leaves: source.leaves.clone(),
    })
}

fn measured(function: &MeasureFunction) -> Option<&Name> {
    match function {
        MeasureFunction::Count => None,
        MeasureFunction::Sum(name)
        | MeasureFunction::Min(name)
        | MeasureFunction::Max(name)
        | MeasureFunction::Avg(name)
        | MeasureFunction::Distinct(name) => Some(name),
    }
}

/// An average cannot be merged, its sum and count can.
///
/// # Errors
/// Where a suffix makes the name longer than a name may be.
fn folds(measure: &schedule::Measure) -> Result<Vec<Measure>, NameError> {
    let one = |fold| vec![Measure { target: measure.name.clone(), fold }];
    let part =
        |suffix: &str, fold| Name::new(format!("{}_{suffix}", measure.name)).map(|target| Measure { target, fold });
    Ok(match &measure.function {
        MeasureFunction::Count => one(Fold::CountRows),
        MeasureFunction::Sum(name) => one(Fold::Sum(name.clone())),
        MeasureFunction::Min(name) => one(Fold::Min(name.clone())),
        MeasureFunction::Max(name) => one(Fold::Max(name.clone())),
        MeasureFunction::Distinct(name) => one(Fold::Distinct(name.clone())),
        MeasureFunction::Avg(name) => {
            vec![part("sum", Fold::Sum(name.clone()))?, part("count", Fold::CountValues(name.clone()))?]
        }
    })
}

/// The target, or every reason why it cannot take the roll-up, with the statement that makes one that can.
fn target<'c>(
    context: &Context<'c>,
    rule: &schedule::Rule,
    label: &str,
    source: &Table,
    wanted: &Aggregate,
    dimensions: &[&Column],
    measures: &[Measure],
) -> Result<&'c Table, Vec<Mistake>> {
    let blame = Blame { label, places: &rule.places, key: "aggregate.into" };
    let statement = create_table(context.catalog.dialect, source, wanted, dimensions, measures);
    let Some(table) = context.catalog.find(&wanted.into) else {
        let reason = format!("there is no table `{}` to roll up into", wanted.into);
        return Err(vec![blame.mistake(reason).remedy(format!("make it:\n{statement}"))]);
    };
    if table.name == source.name {
        let reason = format!("`{}` cannot be rolled up into itself", source.name);
        return Err(vec![blame.mistake(reason).remedy("name another table")]);
    }
    if let Some(mistake) = unfit(&blame, context.catalog, table) {
        return Err(vec![mistake]);
    }
    if table.unlogged {
        let reason = format!(
            "`{}` is UNLOGGED, so that a crash would empty it when its rows are nowhere else any more",
            table.name
        );
        return Err(vec![blame.mistake(reason).remedy(format!("ALTER TABLE {} SET LOGGED", table.name))]);
    }
    let has = |name: &str| Name::new(name).ok().and_then(|name| table.column(context.catalog.dialect, &name)).is_some();
    let needed = ["bucket", "folded"].into_iter().map(str::to_owned);
    let missing: Vec<_> = needed
        .chain(dimensions.iter().map(|column| column.name.to_string()))
        .chain(measures.iter().map(|measure| measure.target.to_string()))
        .filter(|name| !has(name))
        .collect();
    if missing.is_empty() {
        fixed_columns(context, &blame, table, dimensions, measures, &statement)?;
        wide_columns(context, &blame, table, source, dimensions, measures, &statement)?;
        return Ok(table);
    }
    let reason = format!("`{}` lacks the columns {}", wanted.into, missing.join(", "));
    Err(vec![blame.mistake(reason).remedy(format!("this is the shape that it needs:\n{statement}"))])
}

/// Folded rows have no dimension, the residual row has no bucket, and an empty measure is NULL.
fn fixed_columns(
    context: &Context<'_>,
    blame: &Blame<'_>,
    table: &Table,
    dimensions: &[&Column],
    measures: &[Measure],
    statement: &str,
) -> Result<(), Vec<Mistake>> {
    let may_be_null = |name: &Name| table.column(context.catalog.dialect, name).is_some_and(|column| column.nullable);
    let bucket = Name::new("bucket").into_iter();
    let not_null: Vec<_> = bucket
        .chain(dimensions.iter().filter(|column| column.kind != ColumnKind::Text).map(|column| column.name.clone()))
        .chain(
            measures
                .iter()
                .filter(|m| !matches!(m.fold, Fold::CountRows | Fold::CountValues(_)))
                .map(|m| m.target.clone()),
        )
        .filter(|name| !may_be_null(name))
        .map(|name| name.to_string())
        .collect();
    if not_null.is_empty() {
        return Ok(());
    }
    let reason =
        format!("`{}` has NOT NULL columns that a roll-up must leave empty: {}", table.name, not_null.join(", "));
    Err(vec![blame.mistake(reason).remedy(format!("this is the shape that it needs:\n{statement}"))])
}

/// A column that is narrower than what goes into it would round or cut it, and two groups could become one: servers do
/// that in silence. (SQLite keeps every value as it is.)
fn wide_columns(
    context: &Context<'_>,
    blame: &Blame<'_>,
    table: &Table,
    source: &Table,
    dimensions: &[&Column],
    measures: &[Measure],
    statement: &str,
) -> Result<(), Vec<Mistake>> {
    let dialect = context.catalog.dialect;
    if dialect == Dialect::Sqlite {
        return Ok(());
    }
    let into = |name: &Name| table.column(dialect, name);
    let of_dimensions = dimensions
        .iter()
        .filter(|from| into(&from.name).is_some_and(|to| !holds_each(to, from)))
        .map(|from| &from.name);
    let of_measures = measures.iter().filter(|measure| {
        let Some(to) = into(&measure.target) else { return false };
        let from = |name: &Name| source.column(dialect, name);
        !match &measure.fold {
            Fold::CountRows | Fold::CountValues(_) | Fold::Distinct(_) => {
                is_whole(to) || to.kind == ColumnKind::Decimal
            }
            Fold::Sum(name) => from(name).is_none_or(|from| holds_sum(to, from)),
            Fold::Min(name) | Fold::Max(name) => from(name).is_none_or(|from| holds_each(to, from)),
        }
    });
    let narrow: Vec<_> = of_dimensions.chain(of_measures.map(|m| &m.target)).map(|name| format!("`{name}`")).collect();
    if narrow.is_empty() {
        return Ok(());
    }
    let reason =
        format!("`{}` has columns that cannot hold all that goes into them: {}", table.name, narrow.join(", "));
    Err(vec![blame.mistake(reason).remedy(format!("this is the shape that it needs:\n{statement}"))])
}

fn is_whole(column: &Column) -> bool {
    matches!(column.kind, ColumnKind::Integer | ColumnKind::UnsignedInteger)
}

/// A value that is too large or too long is an error when it comes; one that is rounded, cut or folded is none.
fn holds_each(to: &Column, from: &Column) -> bool {
    let ignores_case = |column: &Column| column.sql_type.contains("citext");
    match from.kind {
        ColumnKind::Decimal => to.kind == ColumnKind::Decimal && has_room(scale(to), scale(from)),
        ColumnKind::Integer | ColumnKind::UnsignedInteger => is_whole(to) || to.kind == ColumnKind::Decimal,
        ColumnKind::Text => to.kind == ColumnKind::Text && ignores_case(to) == ignores_case(from),
        kind => to.kind == kind,
    }
}

fn holds_sum(to: &Column, from: &Column) -> bool {
    match from.kind {
        ColumnKind::Float => to.kind == ColumnKind::Float,
        _ => holds_each(to, from),
    }
}

/// Digits behind the point; `None` is as many as there are.
fn scale(column: &Column) -> Option<u32> {
    let size = column.sql_type.split_once('(').and_then(|(_, size)| size.split_once(')')).map(|(size, _)| size)?;
    Some(size.split_once(',').map_or(Ok(0), |(_, scale)| scale.trim().parse()).unwrap_or(0))
}

fn has_room(to: Option<u32>, from: Option<u32>) -> bool {
    match (to, from) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(to), Some(from)) => to >= from,
    }
}

fn create_table(
    dialect: Dialect,
    source: &Table,
    wanted: &Aggregate,
    dimensions: &[&Column],
    measures: &[Measure],
) -> String {
    let quoted = |name: &Name| name.quoted(dialect.quote());
    let bucket_type = match dialect {
        Dialect::Sqlite | Dialect::Mysql => "datetime",
        Dialect::Postgres => "timestamptz",
    };
    let mut lines = vec![format!("  bucket {bucket_type} NULL")];
    lines.extend(dimensions.iter().map(|column| format!("  {} {} NULL", quoted(&column.name), column.sql_type)));
    for measure in measures {
        let sql_type = match &measure.fold {
            Fold::CountRows | Fold::CountValues(_) | Fold::Distinct(_) => "bigint".to_owned(),
            Fold::Sum(name) => sum_type(dialect, source.column(dialect, name)),
            Fold::Min(name) | Fold::Max(name) => {
                source.column(dialect, name).map_or_else(|| "bigint".to_owned(), |column| column.sql_type.clone())
            }
        };
        lines.push(format!("  {} {sql_type} NULL", quoted(&measure.target)));
    }
    lines.push("  folded smallint NOT NULL DEFAULT 0".to_owned());
    let schema = wanted.into.schema.as_ref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
    format!("CREATE TABLE {schema}{} (\n{}\n);", quoted(&wanted.into.table), lines.join(",\n"))
}

fn sum_type(dialect: Dialect, column: Option<&Column>) -> String {
    match (dialect, column.map(|column| column.kind)) {
        (Dialect::Sqlite, _) => "numeric".to_owned(),
        (_, Some(ColumnKind::Float)) => "double precision".to_owned(),
        (Dialect::Postgres, Some(ColumnKind::Decimal)) => "numeric".to_owned(),
        (Dialect::Mysql, Some(ColumnKind::Decimal)) => format!("decimal(65,{})", column.and_then(scale).unwrap_or(0)),
        _ => "decimal(38,6)".to_owned(),
    }
}

fn bucket_form(context: &Context<'_>, into: &Table, zone: &TimeZone) -> BucketForm {
    let bucket = Name::new("bucket").ok().and_then(|name| into.column(context.catalog.dialect, &name));
    match bucket.map(|column| column.kind) {
        Some(ColumnKind::TimestampTz) => BucketForm::Instant,
        Some(ColumnKind::Date) => BucketForm::Date(zone.clone()),
        _ => BucketForm::Naive(context.naive_zone.clone()),
    }
}
