//! What a rule's family is, over catalogs written in one line.
//!
//! `line(sale>sale)` is a table `line` whose column `sale` refers to the table `sale`; `>>` deletes along, `>0` sets to NULL,
//! `>~` is checked at COMMIT.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::db::catalog::{Enforcement, Rights, TableKind};
use crate::diagnostic::place::Source;
use crate::resolve::Context;
use crate::schedule::Guard;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn table_name(text: &str) -> TableName {
    TableName::new(None, name(text))
}

fn column(text: &str) -> Column {
    Column {
        name: name(text),
        kind: ColumnKind::Integer,
        sql_type: "bigint".to_owned(),
        nullable: text != "id",
        generated: false,
        stamped: false,
        max_chars: None,
        collation: None,
    }
}

fn key(text: &str) -> ForeignKey {
    let (own, parent) = text.split_once('>').unwrap();
    let (sign, parent) = parent.split_at(parent.find(char::is_alphabetic).unwrap());
    ForeignKey {
        name: text.to_owned(),
        columns: vec![name(own)],
        parent: table_name(parent),
        parent_columns: vec![name("id")],
        on_delete: match sign {
            ">" => KeyAction::Cascade,
            "0" => KeyAction::SetNull,
            _ => KeyAction::NoAction,
        },
        on_update: KeyAction::NoAction,
        let_go: vec![name(own)],
        deferred: sign == "~",
        enforcement: Enforcement::Enforced,
        period: false,
    }
}

fn table(text: &str) -> Table {
    let (own, keys) = text.trim_end_matches(')').split_once('(').unwrap_or((text, ""));
    let foreign_keys: Vec<_> = keys.split(", ").filter(|key| !key.is_empty()).map(key).collect();
    let referring = foreign_keys.iter().map(|key| column(key.columns[0].as_str()));
    Table {
        name: table_name(own),
        kind: TableKind::Ordinary,
        columns: std::iter::once(column("id")).chain(referring).collect(),
        primary_key: vec![name("id")],
        declared_key: vec![name("id")],
        unique_keys: vec![],
        indexes: vec![],
        foreign_keys,
        leaves: vec![],
        triggers: vec![],
        row_security: false,
        rights: Rights { select: true, insert: true, update: true, delete: true },
        has_rowid: false,
        estimated_rows: None,
        estimated_bytes: None,
        engine: None,
        unlogged: false,
    }
}

/// `line`, `payment.sale`, `post.above 0`: a table, a column of it, and whether the reference is set to NULL.
fn entry(text: &str) -> schedule::Cascade {
    let (path, then) = match text.strip_suffix(" 0") {
        Some(path) => (path, Then::Null),
        None => (text, Then::Delete),
    };
    let (table, column) = path.split_once('.').map_or((path, None), |(table, column)| (table, Some(name(column))));
    schedule::Cascade { table: table_name(table), column, parent: None, then, span: 0..0 }
}

/// The family of the first table, a line a dependent and then the table's own.
fn family_of(tables: &str, cascade: &str) -> Result<Vec<String>, String> {
    family_in(tables.split("; ").map(table).collect(), cascade)
}

fn family_in(tables: Vec<Table>, cascade: &str) -> Result<Vec<String>, String> {
    let catalog = Catalog::of_tables(Dialect::Postgres, tables);
    let context = Context {
        catalog: &catalog,
        database: "main",
        as_of: Timestamp::UNIX_EPOCH,
        naive_zone: &TimeZone::UTC,
        guard: &Guard::default(),
        hmac_key: None,
        maps: &[],
    };
    let source = std::sync::Arc::new(Source { path: "s.toml".into(), text: String::new() });
    let places = Places { source, spans: Default::default() };
    let cascade: Vec<_> = cascade.split(", ").filter(|one| !one.is_empty()).map(entry).collect();
    let wanted = Wanted { label: "rule", places: &places, cascade: &cascade };
    let root = &catalog.tables[0];
    let family = family(&context, &wanted, root).map_err(|mistakes| mistakes[0].message.clone())?;
    Ok(told(&family, root))
}

fn told(family: &Family, root: &Table) -> Vec<String> {
    let over = |links: &mut dyn Iterator<Item = &Link>| {
        links.map(|link| format!("{}.{}", link.table, names(&link.columns))).collect::<Vec<_>>().join(" ")
    };
    let along = family.dependents.iter().map(|dependent| {
        let parents: Vec<_> =
            dependent.links.iter().map(|link| family.table_of(link.parent, root).to_string()).collect();
        let mut line = match (dependent.then, dependent.goes) {
            (Then::Null, _) => format!("{} null {}", over(&mut dependent.links.iter()), parents.join(" ")),
            (Then::Delete, Goes::First) => format!("{} with {}", dependent.table, parents.join(" ")),
            (Then::Delete, Goes::WithParent) => format!("{} by key with {}", dependent.table, parents.join(" ")),
        };
        for (what, links) in [
            ("tree", over(&mut dependent.tree.iter())),
            ("inner", over(&mut dependent.inner.iter().map(|inner| &inner.link))),
            ("kept by", over(&mut dependent.blockers.iter())),
        ] {
            if !links.is_empty() {
                line += &format!(", {what} {links}");
            }
        }
        line
    });
    let inner = family.inner.iter().map(|inner| format!("inner {}", over(&mut std::iter::once(&inner.link))));
    let kept = family.blockers.iter().map(|link| format!("kept by {}", over(&mut std::iter::once(link))));
    let own = family.self_links.iter().map(|link| format!("own {} {:?}", names(&link.columns), link.effect));
    along.chain(inner).chain(kept).chain(own).collect()
}

#[track_caller]
fn assert_family(tables: &str, cascade: &str, expected: &[&str]) {
    assert_eq!(family_of(tables, cascade).unwrap(), expected, "{tables} with {cascade}");
}

#[test]
fn what_nothing_answers_keeps() {
    assert_family("sale; line(sale>sale)", "", &["kept by line.sale"]);
    assert_family("sale; line(sale>sale)", "line", &["line with sale"]);
    assert_family("sale; line(sale>>sale)", "", &["line with sale"]);
    assert_family("sale; line(sale>0sale)", "", &["line.sale null sale"]);
    assert_family("sale; line(sale>>sale)", "line.sale 0", &["line.sale null sale"]);
    assert_family("sale; line(sale>>sale); tax(line>line)", "", &["line with sale, kept by tax.line"]);
    assert_family("sale; line(sale>>sale); tax(line>>line)", "", &["line with sale", "tax with line"]);
    assert_family("sale; tax(line>line); line(sale>sale)", "line, tax", &["line with sale", "tax with line"]);
}

#[test]
fn a_row_that_can_go_along_is_an_inner_keeper() {
    assert_family(
        "sale; line(sale>sale); payment(sale>sale, line>line)",
        "line, payment.sale",
        &["line with sale, inner payment.line", "payment with sale"],
    );
    // Whatever the order in which the schedule names them: the row that refers goes first.
    assert_family(
        "sale; line(sale>sale); payment(sale>sale, line>line)",
        "payment.sale, line",
        &["line with sale, inner payment.line", "payment with sale"],
    );
    assert_family("sale; line(sale>>sale, other>sale)", "", &["line with sale", "inner line.other"]);
    assert_family("sale; line(sale>>sale, gift_of>0sale)", "", &["line with sale", "line.gift_of null sale"]);
}

#[test]
fn a_table_may_refer_to_itself() {
    assert_family("post; remark(post>>post, above>>remark)", "", &["remark with post, tree remark.above"]);
    assert_family("post; remark(post>post, above>remark)", "remark", &["remark with post, inner remark.above"]);
    assert_family(
        "post; remark(post>post, above>remark)",
        "remark, remark.above",
        &["remark with post, tree remark.above"],
    );
    assert_family("post; remark(post>>post, above>0remark)", "", &["remark with post", "remark.above null remark"]);
    assert_family("post(above>post)", "", &["own above Block"]);
    assert_family("post(above>>post)", "", &["own above Cascade"]);
    assert_family("post(above>0post)", "", &["own above Null"]);
    assert!(family_of("post(above>>post, copy_of>>post)", "").unwrap_err().contains("more than one reference"));
}

#[test]
fn a_tree_is_walked_in_all_partitions_or_not_at_all() {
    let parted = |text: &str| {
        let leaves = vec![table_name("part_a"), table_name("part_b")];
        Table { kind: TableKind::Partitioned, leaves, ..table(text) }
    };
    let leaf = |text: &str| Table { kind: TableKind::Leaf, ..table(text) };
    let family = |tables: [&str; 2], cascade: &str| {
        let mut tables: Vec<Table> =
            tables.iter().map(|text| if text.starts_with("post") { parted(text) } else { table(text) }).collect();
        tables.extend([leaf("part_a"), leaf("part_b")]);
        family_in(tables, cascade)
    };
    assert_eq!(family(["post(above>>post)", "tag"], "").unwrap(), ["own above Cascade"]);
    assert_eq!(family(["post(above>part_a)", "tag"], "").unwrap(), ["own above Block"]);
    for key in ["post(above>>part_a)", "post(above>0part_a)"] {
        let mistake = family([key, "tag"], "").unwrap_err();
        assert!(mistake.contains("only to rows of some of its partitions"), "{mistake}");
    }
    assert_eq!(family(["topic", "post(topic>>topic, above>>post)"], "").unwrap(), ["post with topic, tree post.above"]);
    let mistake = family(["topic", "post(topic>>topic, above>>part_a)"], "").unwrap_err();
    assert!(mistake.contains("`post` refers to itself by `above`"), "{mistake}");
}

#[test]
fn a_circle_goes_where_some_order_takes_it_down() {
    // The profile goes by its own key when the account does.
    assert_family(
        "account(profile>profile); profile(account>>account)",
        "",
        &["profile by key with account, inner account.profile"],
    );
    // No statement can be the first.
    assert_family(
        "account(profile>profile); profile(account>account)",
        "profile",
        &["profile with account, kept by account.profile"],
    );
    assert_family(
        "account(profile>~profile); profile(account>account)",
        "profile",
        &["profile with account, inner account.profile"],
    );
    assert_family(
        "account(profile>0profile); profile(account>account)",
        "profile",
        &["profile with account", "account.profile null profile"],
    );
    // Two tables that go with each other as well as with the rule's.
    assert_family(
        "owner; folder(owner>>owner, cover>>file); file(folder>>folder)",
        "",
        &["folder with owner", "file by key with folder, inner folder.cover"],
    );
}
