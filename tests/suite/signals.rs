//! A run that is asked to stop.

use std::time::{Duration, Instant};

use tenure::db::Dialect;

use crate::harness::{Tenure, TestDb};

const SCHEDULE: &str = r#"
    [policy]
    name = "signals"
    [[rule]]
    name = "logs"
    table = "log"
    anchor = "at"
    retain = "30 days"
    action = "delete"
"#;

/// A lock of somebody else's keeps the run from its rows until it has been asked to stop.
#[test]
fn a_run_that_is_asked_to_stop_ends_at_the_next_batch_and_the_next_run_does_the_rest() {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        let db = TestDb::new(dialect);
        db.create("CREATE TABLE log (id {pk}, at {ts}); CREATE INDEX log_at ON log (at);");
        db.script("INSERT INTO log (at) VALUES ('2020-01-01 00:00:00'), ('2020-01-02 00:00:00')");
        let tenure = Tenure::at(&db).schedule(SCHEDULE);
        let mut somebody = db.open();
        somebody.script("BEGIN").unwrap();
        somebody.script("UPDATE log SET at = '2020-01-01 00:00:00' WHERE id = 1").unwrap();

        let running = tenure.spawn(&["run", "--json"]);
        let patience = Instant::now() + Duration::from_secs(60);
        while !running.stderr_so_far().contains("trying again") {
            assert!(Instant::now() < patience, "{dialect:?}: {}", running.stderr_so_far());
            std::thread::sleep(Duration::from_millis(20));
        }
        running.signal("TERM");
        let stopped = running.wait().expect_code(4).json();
        assert_eq!(stopped["rules"][0]["status"], "stopped");
        assert_eq!((&stopped["rules"][0]["done"], &stopped["rules"][0]["remaining"]), (&0.into(), &2.into()));
        assert!(stopped["ledger"]["entry"].is_number(), "it is closed all the same");

        somebody.script("ROLLBACK").unwrap();
        tenure.run(&["run"]).expect_code(0);
        assert_eq!(db.count("log"), 0);
    }
}
