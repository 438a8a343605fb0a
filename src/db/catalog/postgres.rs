//! The catalog of PostgreSQL 13 and later, from `pg_catalog`, which every role may read whatever its rights.
//!
//! No query takes a lock on a table: one that is being altered must not keep the plan of all others waiting. So sizes come
//! from the statistics and not from `pg_total_relation_size()`, which opens the table.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::draft::{Draft, table_name};
use super::{Catalog, ColumnKind, Table, TableKind, ask, fingerprint, version_number};
use crate::base::name::TableName;
use crate::db::{Connection, DbError, Dialect};

/// Tables beside those of the server: `c` is the table's `pg_class`, `n` its schema.
const IN_SCOPE: &str = "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' \
     AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname <> '__diesel_schema_migrations'";

pub(super) fn read(connection: &mut Connection) -> Result<Catalog, DbError> {
    let version = ask(connection, "SELECT split_part(current_setting('server_version'), ' ', 1)")?;
    let version = version.first().and_then(|row| row.text(0)).unwrap_or_default();
    let path = "SELECT s::text FROM unnest(current_schemas(false)) WITH ORDINALITY AS p (s, place) \
                WHERE s::text !~ '^pg_' ORDER BY place";
    let search_path = ask(connection, path)?.iter().filter_map(|row| row.name(0)).collect();

    let mut draft = Draft::default();
    draft.tables(&ask(connection, &tables())?);
    draft.columns(&ask(connection, &columns())?, column_kind);
    draft.leave_out_control_tables();
    draft.indexes(&ask(connection, &indexes())?);
    draft.foreign_keys(&ask(connection, &foreign_keys())?)?;
    draft.triggers(&ask(connection, &triggers())?);
    let mut children: HashMap<TableName, Vec<TableName>> = HashMap::new();
    for row in ask(connection, &inheritance())? {
        if let (Some(parent), Some(child)) = (table_name(&row, 0), table_name(&row, 2)) {
            children.entry(parent).or_default().push(child);
        }
    }
    find_leaves(&mut draft.tables, &children);

    Ok(Catalog {
        lookup: OnceLock::new(),
        dialect: Dialect::Postgres,
        grammar: connection.grammar(),
        version: format!("PostgreSQL {version}"),
        version_number: version_number(version),
        search_path,
        table_names_ignore_case: false,
        sees_every_table: true,
        sees_every_reference: true,
        fingerprint: fingerprint::read(connection)?,
        tables: draft.tables,
    })
}

/// A table's rights count only together with USAGE on its schema. Rows: -1, and on old servers 0 beside 0 pages, say that
/// the table was never analysed.
fn tables() -> String {
    format!(
        "SELECT n.nspname::text, c.relname::text,
                CASE WHEN c.relkind = 'p' THEN 'partitioned'
                     WHEN c.relkind IN ('v', 'm') THEN 'view'
                     WHEN c.relkind = 'f' THEN 'foreign'
                     WHEN EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid) THEN 'leaf'
                     ELSE 'ordinary' END,
                row_security_active(c.oid),
                has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
                has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'INSERT'),
                has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'UPDATE'),
                has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'DELETE'),
                FALSE,
                CASE WHEN c.reltuples > 0 OR (c.reltuples = 0 AND c.relpages > 0) THEN c.reltuples::int8 END,
                CASE WHEN c.relpages > 0
                     THEN (c.relpages + coalesce(t.relpages, 0) + coalesce(i.pages, 0))::int8
                          * current_setting('block_size')::int8 END,
                NULL::text, c.relpersistence = 'u'
           FROM pg_class c
           JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
           LEFT JOIN (SELECT x.indrelid, sum(p.relpages) AS pages
                        FROM pg_index x JOIN pg_class p ON p.oid = x.indexrelid GROUP BY x.indrelid) i
                  ON i.indrelid = c.oid
          WHERE {IN_SCOPE}
          ORDER BY 1, 2"
    )
}

/// The type name is that of the base type, however many domains lie over it; a length and NOT NULL may be set by any.
fn columns() -> String {
    format!(
        "WITH RECURSIVE based (domain, type, typmod, firm) AS (
             SELECT d.oid, d.typbasetype, d.typtypmod, d.typnotnull FROM pg_type d WHERE d.typtype = 'd'
             UNION ALL
             SELECT b.domain, d.typbasetype, CASE WHEN b.typmod >= 0 THEN b.typmod ELSE d.typtypmod END,
                    b.firm OR d.typnotnull
               FROM based b JOIN pg_type d ON d.oid = b.type AND d.typtype = 'd')
         SELECT n.nspname::text, c.relname::text, a.attname::text, t.typname::text,
                format_type(a.atttypid, a.atttypmod), NOT (a.attnotnull OR coalesce(b.firm, FALSE)),
                a.attgenerated <> '' OR a.attidentity = 'a',
                CASE WHEN t.typname IN ('varchar', 'bpchar') AND m.typmod > 4 THEN m.typmod - 4 END,
                CASE WHEN l.collname <> 'default' THEN l.collname::text END
           FROM pg_class c
           JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           LEFT JOIN (SELECT b.* FROM based b JOIN pg_type e ON e.oid = b.type AND e.typtype <> 'd') b
                  ON b.domain = a.atttypid
           CROSS JOIN LATERAL (SELECT coalesce(b.typmod, a.atttypmod) AS typmod) m
           JOIN pg_type t ON t.oid = coalesce(b.type, a.atttypid)
           LEFT JOIN pg_collation l ON l.oid = a.attcollation
          WHERE {IN_SCOPE}
          ORDER BY 1, 2, a.attnum"
    )
}

/// The columns after `indnkeyatts` are INCLUDEd: no part of the key. An operator class that is not the type's own sorts
/// otherwise than `<` does, so an index under it cannot be walked in the order that batches want.
fn indexes() -> String {
    format!(
        "SELECT n.nspname::text, c.relname::text, x.relname::text, i.indisprimary, i.indisunique,
                i.indpred IS NOT NULL, m.amname = 'btree' AND o.opcdefault, a.attname::text
           FROM pg_index i
           JOIN pg_class c ON c.oid = i.indrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_class x ON x.oid = i.indexrelid
           JOIN pg_am m ON m.oid = x.relam
           JOIN pg_opclass o ON o.oid = i.indclass[0]
           CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
           LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
          WHERE i.indisvalid AND k.place <= i.indnkeyatts AND {IN_SCOPE}
          ORDER BY 1, 2, 3, k.place"
    )
}

/// As declared: the copies that PostgreSQL makes of a key for each partition, on either side of it, have a parent
/// constraint and are left out. [`Catalog::referring`] finds a key of the root from a partition and the other way round.
/// Before version 15 there is no `confdelsetcols`, and before 18 neither `conenforced` nor `conperiod`, which JSON does not mind.
/// A key is suspended where a trigger is disabled by which it acts on DELETE, be it that of one partition (8 in `tgtype`).
fn foreign_keys() -> String {
    format!(
        "SELECT n.nspname::text, c.relname::text, k.conname::text, a.attname::text,
                fn.nspname::text, f.relname::text, fa.attname::text,
                {}, {},
                k.condeferred, coalesce(to_jsonb(k) -> 'confdelsetcols' @> to_jsonb(u.own), FALSE),
                CASE WHEN NOT coalesce((to_jsonb(k) ->> 'conenforced')::bool, TRUE) THEN 'declared'
                     WHEN EXISTS (SELECT FROM pg_trigger t JOIN pg_constraint p ON p.oid = t.tgconstraint
                                   WHERE (p.oid = k.oid OR p.conparentid = k.oid) AND t.tgrelid = p.confrelid
                                         AND (t.tgtype & 8) <> 0 AND t.tgenabled NOT IN ('O', 'A'))
                     THEN 'suspended' ELSE 'enforced' END,
                coalesce((to_jsonb(k) ->> 'conperiod')::bool, FALSE)
           FROM pg_constraint k
           JOIN pg_class c ON c.oid = k.conrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_class f ON f.oid = k.confrelid
           JOIN pg_namespace fn ON fn.oid = f.relnamespace
           CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS u (own, other, place)
           JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.own
           JOIN pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = u.other
          WHERE k.contype = 'f' AND k.conparentid = 0 AND {IN_SCOPE}
          ORDER BY 1, 2, 3, u.place",
        key_action("confdeltype"),
        key_action("confupdtype")
    )
}

fn key_action(column: &'static str) -> String {
    format!(
        "CASE k.{column} WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' \
         WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END"
    )
}

/// Enabled triggers of the user's making, from the bits of `tgtype`: 2 BEFORE, 8 DELETE, 16 UPDATE, 64 INSTEAD OF. A
/// rewrite rule can turn a statement away as well, so it counts as one.
fn triggers() -> String {
    format!(
        "SELECT n.nspname::text, c.relname::text, t.tgname::text,
                (t.tgtype & 8) <> 0, (t.tgtype & 16) <> 0, (t.tgtype & 66) <> 0
           FROM pg_trigger t
           JOIN pg_class c ON c.oid = t.tgrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND {IN_SCOPE}
          UNION ALL
         SELECT n.nspname::text, c.relname::text, r.rulename::text, r.ev_type = '4', r.ev_type = '2', r.is_instead
           FROM pg_rewrite r
           JOIN pg_class c ON c.oid = r.ev_class
           JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE r.ev_type IN ('2', '4') AND r.ev_enabled IN ('O', 'A') AND {IN_SCOPE}
          ORDER BY 1, 2, 3"
    )
}

/// `parent schema, parent, child schema, child`, partitions among them.
fn inheritance() -> String {
    format!(
        "SELECT pn.nspname::text, p.relname::text, n.nspname::text, c.relname::text
           FROM pg_inherits h
           JOIN pg_class p ON p.oid = h.inhparent
           JOIN pg_namespace pn ON pn.oid = p.relnamespace
           JOIN pg_class c ON c.oid = h.inhrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE {IN_SCOPE}
          ORDER BY 1, 2, 3, 4"
    )
}

/// Fills `leaves` all levels deep, and the sizes of partitioned tables, which hold nothing themselves.
fn find_leaves(tables: &mut [Table], children: &HashMap<TableName, Vec<TableName>>) {
    let storage: HashMap<TableName, (TableKind, Option<u64>, Option<u64>)> = tables
        .iter()
        .map(|table| (table.name.clone(), (table.kind, table.estimated_rows, table.estimated_bytes)))
        .collect();
    for table in tables.iter_mut().filter(|table| children.contains_key(&table.name)) {
        let holds_rows = |name: &&TableName| storage.get(*name).is_some_and(|s| s.0 != TableKind::Partitioned);
        let family = with_descendants(&table.name, children);
        table.leaves = family.into_iter().filter(holds_rows).cloned().collect();
        if table.kind == TableKind::Partitioned {
            let of_leaves = || table.leaves.iter().filter_map(|leaf| storage.get(leaf));
            table.estimated_rows = of_leaves().filter_map(|s| s.1).reduce(|sum, rows| sum + rows);
            table.estimated_bytes = of_leaves().filter_map(|s| s.2).reduce(|sum, bytes| sum + bytes);
        }
    }
}

/// `root` and all below it, each once: with multiple inheritance a table is reached on several ways.
fn with_descendants<'a>(root: &'a TableName, children: &'a HashMap<TableName, Vec<TableName>>) -> Vec<&'a TableName> {
    let mut seen = HashSet::from([root]);
    let mut family = vec![root];
    let mut at = 0;
    while let Some(parent) = family.get(at) {
        let unseen = children.get(*parent).into_iter().flatten().filter(|child| seen.insert(child));
        let unseen: Vec<&TableName> = unseen.collect();
        family.extend(unseen);
        at += 1;
    }
    family
}

fn column_kind(base_type: &str, _as_written: &str) -> ColumnKind {
    match base_type {
        "bool" => ColumnKind::Boolean,
        "int2" | "int4" | "int8" => ColumnKind::Integer,
        "float4" | "float8" => ColumnKind::Float,
        "numeric" => ColumnKind::Decimal,
        "text" | "varchar" | "bpchar" | "name" | "citext" => ColumnKind::Text,
        "bytea" => ColumnKind::Binary,
        "date" => ColumnKind::Date,
        "timestamp" => ColumnKind::Timestamp,
        "timestamptz" => ColumnKind::TimestampTz,
        "uuid" => ColumnKind::Uuid,
        "inet" | "cidr" => ColumnKind::Inet,
        "json" | "jsonb" => ColumnKind::Json,
        _ => ColumnKind::Other,
    }
}
