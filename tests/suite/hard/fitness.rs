//! What really lies under a table's name: children and partitions of other kinds, keys that the database does not see to, tables
//! of another database, columns that are equal by accident, and a schema that changes while a run is under way.

use tenure::db::catalog::{self, fingerprint::Footing};
use tenure::db::{Dialect, ErrorKind, Mode};

use super::{AS_OF, Story, delete_rule, hold};
use crate::harness::{Tenure, TestDb};

/// Dossiers 7 (open) and 8 (old), of which a child table has a 7 of its own that is old; notices of both.
fn dossiers(on_delete: &str) -> String {
    format!(
        "CREATE TABLE dossier (id bigint PRIMARY KEY, at timestamp);
         CREATE TABLE dossier_archived (PRIMARY KEY (id)) INHERITS (dossier);
         CREATE TABLE notice (id bigint PRIMARY KEY, dossier_id bigint NOT NULL REFERENCES dossier (id) {on_delete});
         CREATE INDEX ON notice (dossier_id);
         INSERT INTO dossier VALUES (7, '2025-12-31'), (8, '2025-01-01'); INSERT INTO dossier_archived VALUES (7, '2025-01-01');
         INSERT INTO notice VALUES (70, 7), (80, 8);"
    )
}

#[test]
fn what_refers_to_a_row_of_a_parent_does_not_go_with_a_child_of_the_same_number() {
    for (on_delete, cascade) in [("ON DELETE CASCADE", ""), ("", "cascade = [\"notice\"]")] {
        let db = TestDb::new(Dialect::Postgres);
        let done = Story::new(&db, &dossiers(on_delete), delete_rule("dossier", "\"at\"", cascade))
            .becomes("DELETE FROM notice WHERE id = 80; DELETE FROM dossier WHERE at < '2025-06-01'");
        assert_eq!((&done["done"], &done["cascaded"]["notice"]), (&2.into(), &1.into()));
    }
}

#[test]
fn what_refers_to_a_row_of_a_parent_keeps_no_child_of_the_same_number() {
    let db = TestDb::new(Dialect::Postgres);
    let done = Story::new(&db, &dossiers(""), delete_rule("dossier", "\"at\"", ""))
        .becomes("DELETE FROM dossier_archived WHERE id = 7");
    assert_eq!((&done["done"], &done["blocked"]), (&1.into(), &1.into()));
}

#[test]
fn a_hold_on_what_refers_to_a_parent_keeps_no_child_of_the_same_number() {
    let db = TestDb::new(Dialect::Postgres);
    let schedule = delete_rule("dossier", "\"at\"", "cascade = [\"notice\"]") + &hold("notice", "id = 70 OR id = 80");
    let done = Story::new(&db, &dossiers(""), schedule).becomes("DELETE FROM dossier_archived WHERE id = 7");
    assert_eq!((&done["done"], &done["held"]), (&1.into(), &1.into()));
}

/// Replies to sittings, of which a child table has a 9 of its own that is old.
const SITTINGS: &str = "CREATE TABLE sitting (id bigint PRIMARY KEY, at timestamp);
    CREATE TABLE sitting_archived (PRIMARY KEY (id)) INHERITS (sitting);
    CREATE TABLE reply (id bigint PRIMARY KEY, sitting_id bigint REFERENCES sitting (id), at timestamp DEFAULT '2025-01-01');
    INSERT INTO sitting VALUES (9, '2025-12-31'), (3, '2025-01-01'); INSERT INTO sitting_archived VALUES (9, '2025-01-01');
    INSERT INTO reply VALUES (90, 9), (30, 3);";

#[test]
fn a_path_leads_to_the_row_that_the_foreign_key_means_in_rules_and_in_holds() {
    let db = TestDb::new(Dialect::Postgres);
    Story::new(&db, SITTINGS, delete_rule("reply", "\"sitting_id -> sitting.at\"", ""))
        .becomes("DELETE FROM reply WHERE id = 30");
    let db = TestDb::new(Dialect::Postgres);
    let held = "\n[[hold]]\nname = \"years\"\ntable = \"reply\"\nanchor = \"sitting_id -> sitting.at\"\nfor = \"30 days\"\n\
                reason = \"law\"\n";
    let done =
        Story::new(&db, SITTINGS, delete_rule("reply", "\"at\"", "") + held).becomes("DELETE FROM reply WHERE id = 30");
    assert_eq!(done["held"], 1);
}

#[test]
fn a_path_that_could_mean_a_row_of_a_parent_or_of_a_child_is_refused() {
    for setup in [
        "ALTER TABLE reply DROP CONSTRAINT reply_sitting_id_fkey",
        "CREATE TABLE reply_archived () INHERITS (reply)",
        "ALTER TABLE sitting DISABLE TRIGGER ALL; ALTER TABLE reply DISABLE TRIGGER ALL",
    ] {
        let db = TestDb::new(Dialect::Postgres);
        let setup = format!("{SITTINGS}{setup}");
        Story::new(&db, &setup, delete_rule("reply", "\"sitting_id -> sitting.at\"", ""))
            .is_refused(&["has inheritance children, which may repeat its keys"]);
    }
}

#[test]
fn a_table_that_goes_along_and_has_children_of_its_own_is_refused() {
    let db = TestDb::new(Dialect::Postgres);
    let setup = format!("{}CREATE TABLE notice_archived () INHERITS (notice);", dossiers("ON DELETE CASCADE"));
    Story::new(&db, &setup, delete_rule("dossier", "\"at\"", ""))
        .is_refused(&["notice`, of which rows go or let go with these, has inheritance children"]);
}

#[test]
fn a_foreign_key_to_one_partition_means_rows_of_that_one() {
    let setup = "CREATE TABLE log (id bigint, region text, at timestamp) PARTITION BY LIST (region);
         CREATE TABLE log_eu PARTITION OF log FOR VALUES IN ('eu'); CREATE TABLE log_us PARTITION OF log FOR VALUES IN ('us');
         ALTER TABLE log_eu ADD PRIMARY KEY (id);
         CREATE TABLE tag (id bigint PRIMARY KEY, log_id bigint REFERENCES log_eu (id) ON DELETE CASCADE);
         INSERT INTO log VALUES (1, 'eu', '2025-12-31'), (1, 'us', '2025-01-01'), (2, 'eu', '2025-01-01');
         INSERT INTO tag VALUES (10, 1), (20, 2);";
    let db = TestDb::new(Dialect::Postgres);
    let done =
        Story::new(&db, setup, delete_rule("log", "\"at\"", "")).becomes("DELETE FROM log WHERE at < '2025-06-01'");
    assert_eq!((&done["done"], &done["cascaded"]["tag"]), (&2.into(), &1.into()));
}

#[test]
fn a_partition_or_child_on_another_server_is_not_acted_upon() {
    let far = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;";
    let partition = "CREATE TABLE log (id bigint, at timestamp) PARTITION BY RANGE (id);
         CREATE TABLE log_near PARTITION OF log FOR VALUES FROM (0) TO (100);
         CREATE FOREIGN TABLE log_far PARTITION OF log FOR VALUES FROM (100) TO (200) SERVER s;
         INSERT INTO log VALUES (1, '2025-01-01');";
    let child = "CREATE TABLE log (id bigint, at timestamp); CREATE FOREIGN TABLE log_far () INHERITS (log) SERVER s;
         INSERT INTO log VALUES (1, '2025-01-01');";
    for (setup, near) in [(partition, "log_near"), (child, "ONLY log")] {
        let db = TestDb::new(Dialect::Postgres);
        db.script(&format!("{far}{setup}"));
        let tenure = Tenure::at(&db).schedule(&delete_rule("log", "\"at\"", ""));
        for command in ["check", "plan", "run"] {
            let output = tenure.run(&[command]);
            assert_ne!(output.code, 0, "{command}");
            let flat = (output.stdout + &output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains("log_far`, a foreign table, whose rows are on another server"), "{flat}");
        }
        assert_eq!(db.count(near), 1);
    }
}

#[test]
fn what_is_near_beside_a_partition_on_another_server_can_be_named_by_itself() {
    let db = TestDb::new(Dialect::Postgres);
    let setup = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
         CREATE TABLE log (id bigint, at timestamp) PARTITION BY RANGE (id);
         CREATE TABLE log_near PARTITION OF log FOR VALUES FROM (0) TO (100);
         CREATE FOREIGN TABLE log_far PARTITION OF log FOR VALUES FROM (100) TO (200) SERVER s;
         INSERT INTO log VALUES (1, '2025-01-01'), (2, '2025-12-31');";
    db.script(setup);
    let tenure = Tenure::at(&db).schedule(&delete_rule("log_near", "\"at\"", "guard = { max_share = 1 }"));
    tenure.run(&["run", "--as-of", AS_OF]).expect_code(0);
    assert_eq!(db.count("log_near"), 1);
}

#[test]
fn a_foreign_key_whose_triggers_are_disabled_is_refused() {
    for (side, refused) in [("parent", true), ("child", false)] {
        let db = TestDb::new(Dialect::Postgres);
        let setup = format!(
            "CREATE TABLE parent (id bigint PRIMARY KEY, at timestamp);
             CREATE TABLE child (id bigint PRIMARY KEY, parent_id bigint REFERENCES parent (id) ON DELETE CASCADE);
             INSERT INTO parent VALUES (1, '2025-01-01'); INSERT INTO child VALUES (1, 1);
             ALTER TABLE {side} DISABLE TRIGGER ALL;"
        );
        let story = Story::new(&db, &setup, delete_rule("parent", "\"at\"", ""));
        match refused {
            true => drop(story.is_refused(&["child_parent_id_fkey", "triggers that implement it are disabled"])),
            // The trigger on the child looks at what is inserted there; what the parent's deletion does is not its affair.
            false => drop(story.becomes("DELETE FROM parent")),
        }
    }
}

#[test]
fn a_roll_up_into_a_table_that_a_crash_empties_is_refused() {
    let db = TestDb::new(Dialect::Postgres);
    let setup = "CREATE TABLE view (id bigint PRIMARY KEY, at timestamp); INSERT INTO view VALUES (1, '2025-01-01');
         CREATE UNLOGGED TABLE view_daily (bucket date, folded int, views bigint);";
    let rule = "[policy]\nname = \"hard\"\n[[rule]]\nname = \"views\"\ntable = \"view\"\nanchor = \"at\"\nretain = \"30 days\"\n\
                action = \"aggregate\"\naggregate = { into = \"view_daily\", bucket = \"day\", keep = [], measures = { views = \"count\" } }\n";
    Story::new(&db, setup, rule.to_owned()).is_refused(&["view_daily` is UNLOGGED"]);
}

on_every_database! {
    fn a_table_of_the_application_that_is_called_like_tenures_own_is_the_applications(db: TestDb) {
        let review = if db.dialect == Dialect::Postgres { "tenure.review" } else { "tenure_review" };
        let schema = if db.dialect == Dialect::Postgres { "CREATE SCHEMA tenure;" } else { "" };
        db.create(&format!(
            "{schema} CREATE TABLE professor (id {{bigint}} NOT NULL PRIMARY KEY, at {{ts}});
             CREATE TABLE {review} (id {{bigint}} NOT NULL PRIMARY KEY, professor_id {{bigint}}, \
             FOREIGN KEY (professor_id) REFERENCES professor (id) ON DELETE CASCADE);
             INSERT INTO professor VALUES (1, '2025-01-01 00:00:00'), (2, '2025-12-31 00:00:00');
             INSERT INTO {review} VALUES (10, 1), (20, 2);"
        ));
        let tenure = Tenure::at(&db).schedule(&delete_rule("professor", "\"at\"", ""));
        let ran = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0).json();
        let cascaded = ran["rules"][0]["cascaded"].as_object().unwrap();
        assert_eq!(cascaded.values().filter_map(|rows| rows.as_u64()).sum::<u64>(), 1, "{ran:#}");
        assert_eq!((db.count(review), db.count("professor")), (1, 1));
    }

    fn a_table_that_bears_the_very_name_of_one_of_tenures_own_refuses_the_ledger_and_loses_nothing(db: TestDb) {
        let (schema, hold) = match db.dialect {
            Dialect::Postgres => ("CREATE SCHEMA tenure;", "tenure.hold"),
            Dialect::Sqlite | Dialect::Mysql => ("", "tenure_hold"),
        };
        db.create(&format!(
            "{schema} CREATE TABLE professor (id {{bigint}} NOT NULL PRIMARY KEY, at {{ts}});
             CREATE TABLE {hold} (id {{bigint}} NOT NULL PRIMARY KEY, professor_id {{bigint}}, \
             FOREIGN KEY (professor_id) REFERENCES professor (id) ON DELETE CASCADE);
             INSERT INTO professor VALUES (1, '2025-01-01 00:00:00'); INSERT INTO {hold} VALUES (10, 1);"
        ));
        let tenure = Tenure::at(&db).schedule(&delete_rule("professor", "\"at\"", ""));
        let output = tenure.run(&["run", "--as-of", AS_OF, "--yes"]).expect_code(1);
        let flat = output.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(&format!("`{hold}`")) && flat.contains("not made by tenure"), "{flat}");
        assert_eq!((db.count(hold), db.count("professor")), (1, 1));
    }

    fn a_text_leads_to_a_number_by_its_letters_alone(db: TestDb) {
        let setup = "CREATE TABLE exam (id {bigint} NOT NULL PRIMARY KEY, at {ts});
             CREATE TABLE sheet (id {bigint} NOT NULL PRIMARY KEY, ref {text});
             INSERT INTO exam VALUES (12, '2025-01-01 00:00:00'), (13, '2025-12-31 00:00:00');
             INSERT INTO sheet VALUES (1, '12'), (2, '12-draft'), (3, '012'), (4, '12.0'), (5, '13'), (6, ' 12'), (7, NULL);";
        Story::new(&db, setup, delete_rule("sheet", "\"ref -> exam.at\"", "")).becomes("DELETE FROM sheet WHERE id = 1");
        let db = TestDb::new(db.dialect);
        let held = "\n[[hold]]\nname = \"years\"\ntable = \"sheet\"\nanchor = \"ref -> exam.at\"\nfor = \"30 days\"\nreason = \"law\"\n";
        let setup = setup.replace("ref {text})", "ref {text}, at {ts})").replace("INSERT INTO sheet", "INSERT INTO sheet (id, ref)")
            + "UPDATE sheet SET at = '2025-01-01 00:00:00';";
        // Whose exam is not known is held as long as any: the hold is over for none but the first.
        Story::new(&db, &setup, delete_rule("sheet", "\"at\"", "") + held).becomes("DELETE FROM sheet WHERE id = 1");
    }

    fn rows_do_not_go_along_by_a_reference_of_another_type(db: TestDb) {
        let setup = "CREATE TABLE topic (id {bigint} NOT NULL PRIMARY KEY, at {ts});
             CREATE TABLE ballot (id {bigint} NOT NULL PRIMARY KEY, ref {text});
             INSERT INTO topic VALUES (12, '2025-01-01 00:00:00'); INSERT INTO ballot VALUES (1, '12'), (2, '12-draft');";
        for then in ["delete", "null"] {
            let db = TestDb::new(db.dialect);
            let cascade = format!("cascade = [{{ table = \"ballot\", column = \"ref\", then = \"{then}\" }}]");
            Story::new(&db, setup, delete_rule("topic", "\"at\"", &cascade))
                .is_refused(&["ballot.ref` is of type", "the database may take one value for another"]);
        }
    }

    fn a_batch_stops_where_a_table_is_not_any_more_as_it_was_planned_with(db: TestDb) {
        let setup = "CREATE TABLE account (id {bigint} NOT NULL PRIMARY KEY, at {ts}, note {text});
             CREATE TABLE letter (id {bigint} NOT NULL PRIMARY KEY, account_id {bigint}, \
             FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE);
             CREATE TABLE beside (id {bigint} NOT NULL PRIMARY KEY, account_id {bigint});";
        let deployed = |change: &str| {
            let db = TestDb::new(db.dialect);
            db.create(setup);
            let story = Story::on(&db, delete_rule("account", "\"at\"", ""));
            let catalog = catalog::read(&mut db.open()).unwrap();
            let footing = catalog.fingerprint.footing(&story.plans(&db));
            db.create(change);
            asked(&db, &footing)
        };
        let key = |table: &str| {
            format!("CREATE TABLE invoice (id {{bigint}} NOT NULL PRIMARY KEY, ref {{bigint}}, FOREIGN KEY (ref) REFERENCES {table} (id) ON DELETE CASCADE)")
        };
        assert_eq!(deployed(&key("account")), Some(ErrorKind::SchemaChanged));
        assert_eq!(deployed(&key("letter")), Some(ErrorKind::SchemaChanged));
        assert_eq!(deployed("DROP TABLE letter"), Some(ErrorKind::SchemaChanged));
        assert_eq!(deployed("ALTER TABLE account ADD COLUMN born {ts}"), Some(ErrorKind::SchemaChanged));
        assert_eq!(deployed("INSERT INTO account VALUES (1, '2025-01-01 00:00:00', 'x')"), None);
        if db.dialect != Dialect::Mysql {
            assert_eq!(deployed("ANALYZE account"), None);
        }
        if db.dialect != Dialect::Sqlite {
            assert_eq!(deployed(&key("beside")), None, "what concerns other tables stops nothing");
        }
        let trigger = match db.dialect {
            Dialect::Sqlite => "CREATE TRIGGER t AFTER DELETE ON account BEGIN DELETE FROM beside; END",
            Dialect::Postgres => {
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                 CREATE TRIGGER t BEFORE DELETE ON account FOR EACH ROW EXECUTE FUNCTION f()"
            }
            Dialect::Mysql => "CREATE TRIGGER t AFTER DELETE ON account FOR EACH ROW DELETE FROM beside",
        };
        assert_eq!(deployed(trigger), Some(ErrorKind::SchemaChanged));
        if db.dialect == Dialect::Postgres {
            assert_eq!(deployed("CREATE TABLE account_old () INHERITS (account)"), Some(ErrorKind::SchemaChanged));
            assert_eq!(deployed("ALTER TABLE letter DISABLE TRIGGER ALL"), Some(ErrorKind::SchemaChanged));
            assert_eq!(deployed("GRANT SELECT ON account TO PUBLIC"), None);
        }
    }
}

/// What a batch of several statements is told of the tables before and after its act.
fn asked(db: &TestDb, footing: &Footing) -> Option<ErrorKind> {
    let answer = db.open().transaction(Mode::Several, |conn| {
        footing.lock(conn)?;
        footing.check_before(conn)?;
        footing.check_after(conn)
    });
    answer.err().map(|error: tenure::db::DbError| error.kind)
}
