//! Whoever changes the ledger is found out: every single field of every control table, and rows that are deleted, put in,
//! exchanged or cut off.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tenure::base::own_head::OwnHeads;
use tenure::base::pseudonym::Pseudonym;
use tenure::base::signing::{Signer, Signing};
use tenure::db::{Connection, Dialect, Statement, Value};
use tenure::ledger::chain;
use tenure::ledger::request::{self, Request, Settlement};
use tenure::ledger::verify::{self, Break, Expected, Kind, Witness};

use crate::harness::story::{AS_OF, control_table, delete_rule, policy};
use crate::harness::{Tenure, TestDb};

/// Tables of which LEDGER.md says that nothing vouches for them.
fn is_vouched_for(table: &str) -> bool {
    let page = include_str!("../../LEDGER.md");
    let row = page.lines().find(|line| line.starts_with(&format!("| `{table}` |")));
    !row.unwrap_or_else(|| panic!("LEDGER.md does not tell what vouches for `{table}`")).contains("| nothing:")
}

/// People who go when their account is closed.
const PEOPLE: &str = r#"
[subject]
table = "account"
key = "id"
closed = "closed_at"
within = "30 days"

[[subject.data]]
table = "account"
column = "id"
action = "delete"
"#;

/// A ledger in which there is something of everything: runs that did much, little and nothing, one that a guard stopped and
/// its approval; a change of schedule; holds that stand and one that was released; pauses that stand and such as were resumed; people who were erased.
fn a_ledger(db: &TestDb) -> Tenure {
    a_ledger_with(db, "")
}

/// The same, and every entry is signed.
fn a_signed_ledger(db: &TestDb) -> Tenure {
    a_ledger_with(db, "[ledger]\nsigning_key_file = \"ledger.key\"")
}

fn a_ledger_with(db: &TestDb, config: &str) -> Tenure {
    let key = Signer::generate().unwrap().to_pem().unwrap();
    db.create(
        "CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts}); CREATE TABLE other (id {bigint} PRIMARY KEY, at {ts}); \
         CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts}); \
         INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, '2026-06-02 00:00:00'), (3, NULL);",
    );
    let fill = |log: &str, first: i64, last: i64| {
        for id in first..=last {
            db.script(&format!("INSERT INTO {log} VALUES ({id}, '2020-01-01 00:00:00')"));
        }
    };
    let rules = delete_rule("logs", "log", "guard = { max_rows = 3 }") + &delete_rule("others", "other", "");
    let config = format!("hmac_key_file = \"hmac.key\"\n{config}");
    let with = |rules: &str| {
        let house = Tenure::at(db).schedule(&policy(&(rules.to_owned() + PEOPLE)));
        house.file("ledger.key", &key).file("hmac.key", "0123456789abcdef").config(&config)
    };
    let tenure = with(&rules);
    let run = |code| tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(code).json();
    fill("log", 1, 2);
    fill("other", 1, 2);
    run(0);
    fill("log", 1, 5);
    let stopped = run(3)["run"].as_str().unwrap().to_owned();
    tenure.run(&["approve", &stopped]).expect_code(0);
    let hold = |words: &[&str]| tenure.run(&[&["hold"], words, &["--reason", "a case"]].concat()).expect_code(0);
    hold(&["add", "some", "--table", "log", "--where", "id = 7", "--until", "2999-12-31"]);
    hold(&["add", "over", "--rule", "others"]);
    hold(&["release", "over"]);
    hold(&["add", "all", "--table", "other", "--by", "legal"]);
    let order = |words: &[&str]| tenure.run(&[words, &["--reason", "a case"]].concat()).expect_code(0);
    order(&["pause", "logs"]);
    order(&["pause", "others", "--until", "2999-12-31", "--by", "legal"]);
    order(&["pause"]);
    order(&["resume"]);
    order(&["resume", "logs", "others"]);
    order(&["pause", "others", "--until", "2999-12-30"]);
    requests(db, &config, &key);
    let longer = with(&rules.replace("30 days", "40 days"));
    longer.run(&["run", "--as-of", AS_OF]).expect_code(4);
    tenure
}

/// Requests for erasure: one that was settled, one that waits, and one of which nobody knows who made it.
fn requests(db: &TestDb, config: &str, key: &str) {
    let signer = Signer::from_pem(key).map(Arc::new).filter(|_| config.contains("signing_key_file"));
    let state = tempfile::tempdir().unwrap();
    let heads = OwnHeads::new(state.path(), "main");
    let mut conn = db.open().signing_with(signer.map(|signer| Signing { signer, heads }));
    let at = Timestamp::now();
    let received = |person: &str, verified| Request {
        // Of which no run of this story carries anything out.
        policy: "another house".into(),
        person: Pseudonym { digest: person.repeat(32), key_id: "0a".repeat(8) },
        key: format!("10{person}"),
        category: Some("analytics".into()).filter(|_| verified),
        reason: "letter 10".into(),
        asked: at - SignedDuration::from_hours(10),
        verified,
        by: "desk 0".into(),
    };
    for (person, verified) in [("a1", true), ("b0", false), ("c0", false)] {
        request::receive(&mut conn, &received(person, verified), at).unwrap();
    }
    assert!(request::verify(&mut conn, 2, "desk", at).unwrap());
    assert!(request::settle(&mut conn, 1, Settlement::Refused, Some("taken back"), "desk", at).unwrap());
}

fn breaks(conn: &mut Connection, witnesses: &[Witness]) -> Option<Break> {
    let expected = Expected { witnesses, ..Expected::default() };
    verify::walk(conn, &expected, &mut |_| ()).unwrap_or_else(|error| panic!("{error}")).broken
}

fn kind_of(conn: &mut Connection) -> Option<Kind> {
    breaks(conn, &[]).map(|broken| broken.kind)
}

/// A control table as a tamperer sees it.
struct Table {
    name: &'static str,
    /// In this database.
    sql: String,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    fn read(db: &TestDb, name: &'static str) -> Self {
        let columns = columns(db, name);
        let sql = control_table(db, name);
        let rows = db.rows(&format!("SELECT {} FROM {sql} ORDER BY 1", columns.join(", ")));
        Self { name, sql, columns, rows }
    }

    fn delete(&self, conn: &mut Connection, row: &[Value]) {
        execute(conn, &format!("DELETE FROM {} WHERE {} = ", self.sql, self.columns[0]), &[&row[0]], "");
    }

    fn insert(&self, conn: &mut Connection, row: &[Value]) {
        let values: Vec<&Value> = row.iter().collect();
        execute(conn, &format!("INSERT INTO {} ({}) VALUES (", self.sql, self.columns.join(", ")), &values, ")");
    }

    /// Puts `new` in the place of `old`.
    fn replace(&self, conn: &mut Connection, old: &[Value], new: &[Value]) {
        self.delete(conn, old);
        self.insert(conn, new);
    }

    fn with(&self, row: &[Value], column: &str, value: Value) -> Vec<Value> {
        let mut row = row.to_vec();
        row[self.column(column)] = value;
        row
    }

    fn column(&self, name: &str) -> usize {
        self.columns.iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name}"))
    }

    fn text<'r>(&self, row: &'r [Value], column: &str) -> &'r str {
        match &row[self.column(column)] {
            Value::Text(text) => text,
            other => panic!("{column} is {other:?}"),
        }
    }
}

/// A statement whose values are separated by commas, put in behind `before`.
fn execute(conn: &mut Connection, before: &str, values: &[&Value], after: &str) {
    let mut sql = before.to_owned();
    let mut binds = Vec::new();
    for value in values {
        if !sql.ends_with(['(', ' ']) {
            sql.push_str(", ");
        }
        match value {
            Value::Null => sql.push_str("NULL"),
            value => {
                binds.push((*value).clone());
                sql.push_str(&if conn.dialect() == Dialect::Postgres {
                    format!("${}", binds.len())
                } else {
                    "?".to_owned()
                });
            }
        }
    }
    sql.push_str(after);
    let changed = conn.execute(&Statement { sql: sql.clone(), binds }).unwrap_or_else(|error| panic!("{error}: {sql}"));
    assert_eq!(changed, 1, "{sql}");
}

fn columns(db: &TestDb, table: &str) -> Vec<String> {
    names(
        db,
        &match db.dialect {
            Dialect::Sqlite => format!("SELECT name FROM pragma_table_info('tenure_{table}') ORDER BY cid"),
            Dialect::Postgres => format!(
                "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'tenure' \
             AND table_name = '{table}' ORDER BY ordinal_position"
            ),
            Dialect::Mysql => format!(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() \
             AND table_name = 'tenure_{table}' ORDER BY ordinal_position"
            ),
        },
    )
}

fn control_tables(db: &TestDb) -> Vec<String> {
    let all = names(
        db,
        match db.dialect {
            Dialect::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
            Dialect::Postgres => "SELECT 'tenure_' || tablename::text FROM pg_tables WHERE schemaname = 'tenure'",
            Dialect::Mysql => "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
        },
    );
    all.iter().filter_map(|name| name.strip_prefix("tenure_").map(str::to_owned)).collect()
}

fn names(db: &TestDb, sql: &str) -> Vec<String> {
    let name = |row: Vec<Value>| match row.into_iter().next() {
        Some(Value::Text(name)) => name,
        other => panic!("no name but {other:?}"),
    };
    db.rows(sql).into_iter().map(name).collect()
}

/// Other values than this one, that the column takes.
fn others(value: &Value, is_nullable: bool, is_time: bool) -> Vec<Value> {
    let text = |text: String| Value::Text(text);
    let mut others = match value {
        Value::Int(int) => vec![Value::Int(int + 1_000), Value::Int(-int - 1)],
        Value::Text(old) => {
            vec![text(format!("{old} ")), text(old.chars().skip(1).collect()), text(old.replace('0', "1"))]
        }
        Value::Null if is_time => vec![Value::Int(7)],
        Value::Null => vec![text("x".into()), text(String::new())],
        other => panic!("{other:?}"),
    };
    if is_nullable && *value != Value::Null {
        others.push(Value::Null);
    }
    others.retain(|other| other != value);
    others
}

/// Under what name a change of this column is found: an id that is another is a row that is not there.
fn expected(table: &str, column: &str) -> Kind {
    match (table, column) {
        ("run", "id") | ("batch" | "erasure", "run") | ("hold" | "pause" | "request" | "signature", "number") => {
            Kind::Missing
        }
        ("entry", "number") => Kind::Reordered,
        _ => Kind::Changed,
    }
}

on_every_database! {
    fn every_change_of_a_single_field_of_the_ledger_is_found_and_named(db: TestDb) {
        a_signed_ledger(&db);
        let mut conn = db.open();
        assert_eq!(breaks(&mut conn, &[]), None);
        let vouched: Vec<_> = control_tables(&db).into_iter().filter(|table| is_vouched_for(table)).collect();
        let known = ["run", "batch", "erasure", "entry", "hold", "pause", "request", "signature"];
        assert_eq!(vouched.len(), known.len(), "{vouched:?}");
        for table in known.map(|name| Table::read(&db, name)) {
            for row in &table.rows {
                for (index, column) in table.columns.iter().enumerate() {
                    let is_nullable = ["finished", "record", "asks", "salt", "last_day", "ended", "expires", "wanted", "category", "verified", "settled", "outcome"].contains(&column.as_str()) || [("entry", "run"), ("pause", "policy"), ("pause", "rule")].contains(&(table.name, column.as_str()));
                    for other in others(&row[index], is_nullable, ["ended", "expires", "verified", "settled"].contains(&column.as_str())) {
                        let tampered = table.with(row, column, other);
                        table.replace(&mut conn, row, &tampered);
                        let found = kind_of(&mut conn);
                        assert_eq!(found, Some(expected(table.name, column)), "{}.{column}: {row:?} became {tampered:?}", table.name);
                        table.replace(&mut conn, &tampered, row);
                    }
                }
            }
        }
        assert_eq!(breaks(&mut conn, &[]), None, "all is as it was");
    }

    fn every_row_that_is_deleted_is_missed(db: TestDb) {
        a_signed_ledger(&db);
        let mut conn = db.open();
        for table in ["run", "batch", "erasure", "entry", "hold", "pause", "request", "signature"].map(|name| Table::read(&db, name)) {
            for (index, row) in table.rows.iter().enumerate() {
                table.delete(&mut conn, row);
                let is_end = table.name == "entry" && index + 1 == table.rows.len();
                let expected = if is_end { Kind::Truncated } else { Kind::Missing };
                assert_eq!(kind_of(&mut conn), Some(expected), "{} {row:?}", table.name);
                table.insert(&mut conn, row);
            }
        }
        assert_eq!(breaks(&mut conn, &[]), None);
    }

    fn every_row_that_is_put_in_is_found(db: TestDb) {
        a_ledger(&db);
        let mut conn = db.open();
        for (table, id) in [("run", "id"), ("batch", "id"), ("erasure", "reference")] {
            let table = Table::read(&db, table);
            for row in &table.rows {
                let forged = table.with(row, id, Value::Text(format!("{}x", table.text(row, id))));
                table.insert(&mut conn, &forged);
                assert_eq!(kind_of(&mut conn), Some(Kind::Inserted), "{} {row:?}", table.name);
                table.delete(&mut conn, &forged);
            }
        }
        for table in ["hold", "pause", "request"].map(|name| Table::read(&db, name)) {
            for row in &table.rows {
                let forged = table.with(row, "number", Value::Int(table.rows.len() as i64 + 1));
                table.insert(&mut conn, &forged);
                assert_eq!(kind_of(&mut conn), Some(Kind::Inserted), "{} {row:?}", table.name);
                table.delete(&mut conn, &forged);
            }
        }
        let entries = Table::read(&db, "entry");
        let next = entries.rows.len() as i64 + 1;
        for row in &entries.rows {
            let forged = entries.with(row, "number", Value::Int(next));
            entries.insert(&mut conn, &forged);
            assert_eq!(kind_of(&mut conn), Some(Kind::Inserted), "{row:?}");
            entries.delete(&mut conn, &forged);
        }
        let forged = entries.with(&entries.rows[0], "number", Value::Int(0));
        entries.insert(&mut conn, &forged);
        assert_eq!(kind_of(&mut conn), Some(Kind::Inserted));
        entries.delete(&mut conn, &forged);
        assert_eq!(breaks(&mut conn, &[]), None);
    }

    fn whoever_moves_the_entries_up_or_down_to_hide_a_gap_is_found(db: TestDb) {
        a_ledger(&db);
        let mut conn = db.open();
        let entries = Table::read(&db, "entry");
        let at = |number: usize| &entries.rows[number - 1];
        let numbered = |row: &[Value], number: i64| entries.with(row, "number", Value::Int(number));
        let last = entries.rows.len();

        // The second is taken out, and those after it move up.
        entries.delete(&mut conn, at(2));
        for number in 3..=last {
            entries.replace(&mut conn, at(number), &numbered(at(number), number as i64 - 1));
        }
        let broken = breaks(&mut conn, &[]).unwrap();
        assert_eq!((broken.kind, broken.entry), (Kind::Missing, Some(2)), "{broken}");
        for number in (3..=last).rev() {
            entries.replace(&mut conn, &numbered(at(number), number as i64 - 1), at(number));
        }
        entries.insert(&mut conn, at(2));
        assert_eq!(breaks(&mut conn, &[]), None);

        // One is put in before the second, well forged, and those from there on move down.
        for number in (2..=last).rev() {
            entries.replace(&mut conn, at(number), &numbered(at(number), number as i64 + 1));
        }
        let mut forged = chain::parse(&canonical(&entries, at(2))).unwrap();
        forged.kind = "notice".into();
        forged.hash = chain::hash(&forged);
        let forged_row = entries.with(&entries.with(at(2), "kind", Value::Text("notice".into())), "hash", Value::Text(forged.hash));
        entries.insert(&mut conn, &forged_row);
        let broken = breaks(&mut conn, &[]).unwrap();
        assert_eq!((broken.kind, broken.entry), (Kind::Inserted, Some(2)), "{broken}");
        entries.delete(&mut conn, &forged_row);
        for number in 2..=last {
            entries.replace(&mut conn, &numbered(at(number), number as i64 + 1), at(number));
        }
        assert_eq!(breaks(&mut conn, &[]), None);
    }

    fn a_ledger_that_stands_in_another_database_is_found_and_can_be_vouched_for(db: TestDb) {
        a_ledger(&db);
        let other = db.another();
        let tenure = Tenure::at(&other).schedule(&policy(&delete_rule("logs", "log", "")));
        tenure.run(&["migrate"]).expect_code(0);
        other.create(
            "CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts}); CREATE TABLE other (id {bigint} PRIMARY KEY, at {ts}); \
             INSERT INTO log VALUES (1, '2020-01-01 00:00:00');",
        );
        let mut conn = other.open();
        for name in ["run", "batch", "erasure", "entry", "hold", "pause", "request"] {
            let [from, to] = [&db, &other].map(|db| Table::read(db, name));
            from.rows.iter().for_each(|row| to.insert(&mut conn, row));
        }
        assert_eq!(breaks(&mut db.open(), &[]), None);
        let broken = breaks(&mut conn, &[]).unwrap();
        assert_eq!((broken.kind, broken.entry), (Kind::Foreign, Some(1)), "{broken}");
        let run = |code| tenure.run(&["run", "--yes", "--as-of", AS_OF]).expect_code(code);
        for command in [&["run", "--yes"][..], &["pause", "--reason", "audit"], &["clock", "accept", "--reason", "none"]] {
            let refused = tenure.run(command).expect_code(1);
            assert!(refused.stderr.contains("the ledger is that of the database"), "{}", refused.stderr);
        }
        assert_eq!(other.count("log"), 1);
        tenure.run(&["ledger", "moved", "--reason", " "]).expect_code(2);
        tenure.run(&["ledger", "moved", "--reason", "restored on a new host"]).expect_code(0);
        let said = tenure.run(&["verify"]).expect_code(0).stdout;
        assert!(said.contains("or was restored: restored on a new host"), "{said}");
        run(0);
        assert_eq!((kind_of(&mut conn), other.count("log")), (None, 0));
        let again = tenure.run(&["ledger", "moved", "--reason", "again"]).expect_code(0).stdout;
        assert!(again.contains("there is nothing to say"), "{again}");
    }

    fn nobody_vouches_for_a_ledger_that_is_broken(db: TestDb) {
        let tenure = a_ledger(&db);
        db.script(&format!("UPDATE {} SET done = done + 1", control_table(&db, "batch")));
        let refused = tenure.run(&["ledger", "moved", "--reason", "restored"]).expect_code(1).stderr;
        assert!(refused.contains("the ledger is not whole"), "{refused}");
    }

    fn entries_that_changed_places_are_found(db: TestDb) {
        a_ledger(&db);
        let mut conn = db.open();
        let entries = Table::read(&db, "entry");
        let last = entries.rows.len();
        for (a, b) in (1..last).flat_map(|a| (a + 1..=last).map(move |b| (a, b))) {
            let [first, second] = [a, b].map(|number| &entries.rows[number - 1]);
            let at = |row: &[Value], number: usize| entries.with(row, "number", Value::Int(number as i64));
            entries.delete(&mut conn, second);
            entries.replace(&mut conn, first, &at(first, b));
            entries.insert(&mut conn, &at(second, a));
            let broken = breaks(&mut conn, &[]).unwrap();
            assert_eq!((broken.kind, broken.entry), (Kind::Reordered, Some(a as i64)), "{a} and {b}: {broken}");
            entries.delete(&mut conn, &at(second, a));
            entries.replace(&mut conn, &at(first, b), first);
            entries.insert(&mut conn, second);
        }
        assert_eq!(breaks(&mut conn, &[]), None);
    }

    fn an_entry_that_was_written_anew_with_a_right_hash_is_found(db: TestDb) {
        a_ledger(&db);
        let mut conn = db.open();
        let entries = Table::read(&db, "entry");
        for (index, row) in entries.rows.iter().enumerate() {
            let mut entry = chain::parse(&canonical(&entries, row)).unwrap();
            entry.at += 1;
            let forged = entries.with(&entries.with(row, "at", Value::Int(entry.at)), "hash", Value::Text(chain::hash(&entry)));
            entries.replace(&mut conn, row, &forged);
            let broken = breaks(&mut conn, &[]).unwrap();
            assert_eq!((broken.kind, broken.entry), (Kind::Changed, Some(index as i64 + 1)), "{broken}");
            entries.replace(&mut conn, &forged, row);
        }
    }

    fn an_end_that_was_cut_off_is_found_by_its_runs_and_without_them_by_any_head_that_was_kept(db: TestDb) {
        a_ledger(&db);
        let mut conn = db.open();
        let [runs, batches, entries] = ["run", "batch", "entry"].map(|name| Table::read(&db, name));
        let witness = |number: usize| {
            let row = &entries.rows[number - 1];
            Witness { entry: Some(number as i64), hash: entries.text(row, "hash").to_owned() }
        };
        let nameless = |number| Witness { entry: None, ..witness(number) };
        let last = entries.rows.len();
        entries.delete(&mut conn, &entries.rows[last - 1]);
        assert_eq!(kind_of(&mut conn), Some(Kind::Truncated));

        let run = entries.text(&entries.rows[last - 1], "run").to_owned();
        for row in batches.rows.iter().filter(|row| batches.text(row, "run") == run) {
            batches.delete(&mut conn, row);
        }
        runs.delete(&mut conn, runs.rows.iter().find(|row| runs.text(row, "id") == run).unwrap());
        assert_eq!(breaks(&mut conn, &[]), None, "a chain cannot know its own end");
        for kept in [witness(last), nameless(last)] {
            assert_eq!(breaks(&mut conn, &[kept]).unwrap().kind, Kind::Truncated);
        }
        for kept in [witness(1), nameless(last - 1)] {
            assert_eq!(breaks(&mut conn, &[kept]), None);
        }
        let other = Witness { entry: Some(2), ..witness(1) };
        assert_eq!(breaks(&mut conn, &[Witness { hash: "0".repeat(64), ..other }]).unwrap().kind, Kind::Changed);
    }
}

fn canonical(entries: &Table, row: &[Value]) -> String {
    let field = |column: &str| match &row[entries.column(column)] {
        Value::Null => String::new(),
        Value::Int(int) => int.to_string(),
        Value::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    let fields = ["number", "at", "kind", "run", "previous", "body"].map(field);
    format!("tenure-entry-1\n{}", fields.join("\n"))
}
