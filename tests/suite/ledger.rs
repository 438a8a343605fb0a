//! The ledger: what was done stands in the database beside the data, in the transaction that did it.

use tenure::db::Dialect;

use crate::harness::story::{AS_OF, Told, control_table, delete_rule, plan_and_run, policy, run};
use crate::harness::{Tenure, TestDb};

fn log(db: &TestDb, rows: i64) {
    db.create("CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts});");
    for id in 0..rows {
        db.script(&format!("INSERT INTO log VALUES ({id}, '2020-01-01 00:00:00')"));
    }
}

fn logs(db: &TestDb) -> Tenure {
    Tenure::at(db).schedule(&policy(&delete_rule("logs", "log", "guard = { max_share = 1 }")))
}

fn recorded(db: &TestDb) -> i64 {
    let cast = if db.dialect == Dialect::Mysql { "SIGNED" } else { "bigint" };
    db.scalar(&format!("SELECT CAST(COALESCE(SUM(done), 0) AS {cast}) FROM {}", control_table(db, "batch")))
}

on_every_database! {
    fn the_batches_of_all_runs_sum_up_to_the_rows_that_are_gone(db: TestDb) {
        log(&db, 20);
        let tenure = logs(&db);
        plan_and_run(&db, &tenure);
        assert_eq!((recorded(&db), db.count("log")), (20, 0));
        db.script("INSERT INTO log VALUES (1, '2020-01-01 00:00:00'), (2, '2020-01-01 00:00:00')");
        plan_and_run(&db, &tenure);
        assert_eq!((recorded(&db), db.count("log")), (22, 0));
    }

    fn a_batch_that_cannot_be_recorded_deletes_nothing(db: TestDb) {
        log(&db, 5);
        let tenure = logs(&db);
        tenure.run(&["migrate"]).expect_code(0);
        let batch = control_table(&db, "batch");
        db.script(&match db.dialect {
            Dialect::Sqlite => format!("CREATE TRIGGER full BEFORE INSERT ON {batch} BEGIN SELECT RAISE(ABORT, 'full'); END"),
            Dialect::Postgres => format!("ALTER TABLE {batch} ADD CONSTRAINT disk_full CHECK (done < 0)"),
            Dialect::Mysql => format!("ALTER TABLE {batch} ADD CONSTRAINT disk_full CHECK (done < 0)"),
        });
        let ran = Told(tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(1).json());
        assert_eq!((ran.count("logs", "done"), ran.count("logs", "remaining"), db.count("log")), (0, 5, 5));
        db.script(&match db.dialect {
            Dialect::Sqlite => "DROP TRIGGER full".to_owned(),
            Dialect::Postgres | Dialect::Mysql => format!("ALTER TABLE {batch} DROP CONSTRAINT disk_full"),
        });
        assert_eq!(run(&tenure).count("logs", "done"), 5);
    }

    fn each_run_is_an_entry_that_names_the_hash_of_the_one_before_it(db: TestDb) {
        log(&db, 1);
        let tenure = logs(&db);
        let heads: Vec<_> = (0..3).map(|_| run(&tenure).0["ledger"].clone()).collect();
        let entry = control_table(&db, "entry");
        // The first entries tell of the database and of the schedule.
        for (number, head) in (3..).zip(&heads) {
            assert_eq!(head["entry"], number);
            let hash = head["head"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            assert_eq!(db.count(&format!("{entry} WHERE number = {number} AND hash = '{hash}'")), 1);
        }
        let broken = format!("{entry} a JOIN {entry} b ON b.number = a.number + 1 WHERE b.previous <> a.hash");
        assert_eq!((db.count(&entry), db.count(&broken)), (5, 0));
    }

    fn runs_are_listed_newest_first_and_their_reports_come_in_every_format(db: TestDb) {
        log(&db, 3);
        let tenure = logs(&db);
        let planned = crate::harness::story::plan(&db, &tenure).0["run"].as_str().unwrap().to_owned();
        let ran = run(&tenure);
        let id = ran.0["run"].as_str().unwrap();
        let listed = tenure.run(&["runs", "--json"]).expect_code(0).json();
        let ids: Vec<_> = listed["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
        assert_eq!(ids, [id, &planned]);
        for (format, mark) in [("text", "logs"), ("html", "<html"), ("csv", "logs"), ("json", "\"kind\": \"run\"")] {
            let report = tenure.run(&["report", id, "--format", format]).expect_code(0).stdout;
            assert!(report.contains(mark), "{format}: {report}");
            tenure.run(&["report", id, "--format", format, "-o", "report.out"]).expect_code(0);
            assert_eq!(std::fs::read_to_string(tenure.dir().join("report.out")).unwrap(), report, "{format}");
        }
        let report = tenure.run(&["report", id, "--json"]).expect_code(0).json();
        assert_eq!((&report["rules"], &report["ledger"]), (&ran.0["rules"], &ran.0["ledger"]));
        tenure.run(&["report", "19990101"]).expect_code(2);
    }

    fn the_migrations_of_an_application_that_uses_diesel_stay_as_they_were(db: TestDb) {
        log(&db, 3);
        db.script(
            "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) NOT NULL PRIMARY KEY, \
             run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
             INSERT INTO __diesel_schema_migrations (version) VALUES ('00000000000000'), ('20260101000000');",
        );
        let rows = |db: &TestDb| db.tables_dump().split("__diesel_schema_migrations").nth(1).unwrap().lines().take(3).map(str::to_owned).collect::<Vec<_>>();
        let before = rows(&db);
        let tenure = logs(&db);
        tenure.run(&["migrate"]).expect_code(0);
        plan_and_run(&db, &tenure);
        assert_eq!(rows(&db), before);
        assert_eq!(db.count("__diesel_schema_migrations"), 2);
    }

    fn a_run_that_died_is_closed_by_the_next_one_from_its_batches(db: TestDb) {
        log(&db, 5);
        let tenure = logs(&db);
        let first = run(&tenure).0["run"].as_str().unwrap().to_owned();
        // As kill -9 leaves it: begun, its batches committed, never closed, its process gone.
        let (table, entry) = (control_table(&db, "run"), control_table(&db, "entry"));
        db.script(&format!("UPDATE {table} SET finished = NULL, record = NULL WHERE id = '{first}'"));
        db.script(&format!("DELETE FROM {entry}"));
        let second = run(&tenure);
        assert!(second.0["notes"].to_string().contains(&first), "{second:?}");
        let closed = Told(tenure.run(&["report", &first, "--json"]).expect_code(0).json());
        assert_eq!((closed.count("logs", "done"), closed.count("logs", "remaining")), (5, 0));
        assert!(closed.0["notes"].to_string().contains("died"), "{closed:?}");
        assert_eq!((&closed.0["ledger"]["entry"], &second.0["ledger"]["entry"]), (&2.into(), &4.into()), "the ledger is bound first");
    }
}
