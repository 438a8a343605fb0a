//! Killed at any moment, stopped by a signal, overtaken by the person: everybody whole in the end, or not touched.

use std::thread;
use std::time::{Duration, Instant};

use super::{MAP, erasures, platform, run, tenure};
use crate::faults::dice::{Dice, rounds};
use crate::harness::TestDb;
use crate::harness::story::AS_OF;
use crate::outsider::Ledger;

const RUN: [&str; 4] = ["run", "--json", "--as-of", AS_OF];
/// More than a person may have for one transaction.
const MANY: i64 = 65_000;

/// A person with very many answers, and some with few.
fn with_much(db: &TestDb) {
    platform(db, 40, 30);
    let numbers = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 999)";
    let insert = match db.dialect {
        tenure::db::Dialect::Mysql => format!(
            "INSERT INTO answer {numbers} SELECT 1000 + a.n * 1000 + b.n, 1, 'many words' FROM n a JOIN n b WHERE a.n <= {}",
            MANY / 999
        ),
        _ => format!(
            "{numbers} INSERT INTO answer SELECT 1000 + a.n * 1000 + b.n, 1, 'many words' FROM n a CROSS JOIN n b WHERE a.n <= {}",
            MANY / 999
        ),
    };
    db.script(&insert);
    db.create("CREATE INDEX answer_of_attempt ON answer (attempt_id)");
}

/// The map without guards: most of the answers go.
fn map() -> String {
    MAP.replace("within = \"30 days\"", "within = \"30 days\"\nguard = { max_share = 1.0 }")
}

on_every_database! {
    fn a_person_with_very_many_rows_goes_part_by_part_and_is_certified_at_the_end(db: TestDb) {
        with_much(&db);
        let ran = run(&tenure(&db, &map()));
        assert!(ran.count("erase:answer.attempt_id", "done") > 60_000);
        assert_eq!(ran.0["people"]["unfinished"], 0);
        let table = crate::harness::story::control_table(&db, "erasure");
        assert!(db.count(&format!("{table} WHERE finished IS NULL")) > 0, "in parts");
        assert_eq!(db.count(&format!("{table} WHERE finished IS NOT NULL")), 30, "each person finished once");
        assert_eq!(db.count("answer WHERE attempt_id <= 60"), 0);
        Ledger::of(&db).check();
    }

    fn an_erasure_that_is_killed_at_any_moment_is_finished_by_the_next_run(db: TestDb) {
        with_much(&db);
        let started = Instant::now();
        run(&tenure(&db, &map()));
        let (took, whole) = (started.elapsed(), db.tables_dump());
        let mut dice = Dice::new();
        for _ in 0..rounds() {
            let db = db.another();
            with_much(&db);
            let tenure = tenure(&db, &map());
            for _ in 0..=dice.below(3) {
                tenure.spawn(&RUN).kill_after(dice.duration_below(took));
            }
            run(&tenure);
            assert_eq!(db.tables_dump(), whole);
            let table = crate::harness::story::control_table(&db, "erasure");
            assert_eq!(db.count(&format!("{table} WHERE finished IS NOT NULL")), 30, "nobody twice, nobody left out");
            tenure.run(&["verify"]).expect_code(0);
        }
    }

    fn whoever_comes_back_while_the_run_is_at_it_keeps_everything(db: TestDb) {
        if db.dialect == tenure::db::Dialect::Sqlite {
            // Its one writer lets nobody come between.
            return;
        }
        platform(&db, 4, 2);
        let tenure = tenure(&db, MAP);
        let mut app = db.open();
        app.script("BEGIN").unwrap();
        app.script("UPDATE account SET closed_at = NULL WHERE id = 1").unwrap();
        let running = tenure.spawn(&RUN);
        let runs = crate::harness::story::control_table(&db, "run");
        let here = if db.dialect == tenure::db::Dialect::Mysql { "DATABASE()" } else { "'tenure'" };
        let made = format!("SELECT count(*) FROM information_schema.tables WHERE table_schema = {here} AND table_name LIKE '%run'");
        while db.scalar(&made) == 0 || db.count(&runs) == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        app.script("COMMIT").unwrap();
        running.wait().expect_code(0);
        assert_eq!(db.count("account WHERE id = 1 AND name = 'Person 1'"), 1);
        assert_eq!((db.count("attempt WHERE account_id = 1"), db.count("attempt WHERE account_id = 2")), (2, 0));
        assert_eq!(erasures(&db), 1);
    }
}

by_two_workers! {
    a_person_with_very_many_rows_goes_part_by_part_and_is_certified_at_the_end,
    an_erasure_that_is_killed_at_any_moment_is_finished_by_the_next_run,
    whoever_comes_back_while_the_run_is_at_it_keeps_everything,
}
