//! Deadlines and holds: who waits too long is red, and a hold stops a clock for nobody.

use serde_json::Value;

use super::{MAP, erasures, house, people, platform, run, run_at, tenure};
use crate::harness::story::{Told, policy};

/// Twenty-five of thirty days after the accounts were closed.
const LATE: &str = "2026-07-05T00:00:00Z";
/// Fifty.
const TOO_LATE: &str = "2026-07-30T00:00:00Z";

fn standing(told: &Told) -> &Value {
    &told.0["verdict"]["standing"]
}

on_every_database! {
    fn whoever_is_under_a_hold_stays_and_goes_late_and_red_when_it_is_released(db: TestDb) {
        platform(&db, 3, 2);
        db.create("ALTER TABLE account ADD COLUMN restricted {bigint} DEFAULT 0");
        db.script("UPDATE account SET restricted = 1 WHERE id = 1");
        let hold = "[[hold]]\nname = \"objection\"\nsubject = true\nwhere = \"restricted = 1\"\nreason = \"asked for\"\n";
        let tenure = house(&db, &policy(&format!("{hold}{MAP}")));
        let first = run(&tenure);
        // The other one has reviewed a post of theirs, which stays as it is.
        assert_eq!((people(&first, "in_part"), people(&first, "held"), people(&first, "overdue")), (1, 2, 0));
        assert_eq!(db.count("answer WHERE attempt_id <= 2"), 2, "nothing of theirs went");
        assert_eq!(db.count("account WHERE id = 1 AND name IS NOT NULL"), 1);
        db.script("UPDATE account SET restricted = 0");
        let late = run_at(&tenure, TOO_LATE, 0);
        assert_eq!((people(&late, "erased"), people(&late, "overdue")), (3, 3), "the third one is late by now, too");
        assert_eq!(people(&late, "days_used"), 50);
        assert_eq!(standing(&late), "broken");
        let next = run_at(&tenure, TOO_LATE, 0);
        assert_eq!((people(&next, "due"), people(&next, "overdue"), erasures(&db)), (0, 0, 4));
        assert_eq!(standing(&next), "kept");
    }

    fn a_hold_on_people_keeps_their_rows_from_rules_as_well(db: TestDb) {
        platform(&db, 3, 0);
        db.create("ALTER TABLE letter ADD COLUMN at {ts}");
        db.script("UPDATE letter SET at = '2020-01-01 00:00:00'");
        let rule = crate::harness::story::delete_rule("letters", "letter", "");
        let hold = "[[hold]]\nname = \"objection\"\nsubject = true\nwhere = \"id = 2\"\nreason = \"asked for\"\n";
        let ran = run(&house(&db, &policy(&format!("{rule}{hold}{MAP}"))));
        assert_eq!((ran.count("letters", "done"), ran.count_of("letters", "held_by", "objection")), (2, 1));
        assert_eq!(db.scalar("SELECT min(id) FROM letter"), 2);
    }

    fn a_guard_on_people_stops_the_erasure_as_a_whole_until_somebody_approves_it(db: TestDb) {
        platform(&db, 3, 2);
        let guarded = MAP.replace("within = \"30 days\"", "within = \"30 days\"\nguard = { max_people = 1 }");
        let tenure = tenure(&db, &guarded);
        let before = db.tables_dump();
        let stopped = run_at(&tenure, crate::harness::story::AS_OF, 3);
        assert_eq!(db.tables_dump(), before);
        let approved = tenure.run(&["approve", stopped.0["run"].as_str().unwrap(), "--json"]).expect_code(0).json();
        assert_eq!((&approved["people"]["erased"], erasures(&db)), (&2.into(), 2), "{approved:#}");
    }

    fn people_are_erased_alone_where_that_is_asked_for_and_not_where_a_rule_is(db: TestDb) {
        platform(&db, 3, 2);
        db.create("ALTER TABLE letter ADD COLUMN at {ts}");
        db.script("UPDATE letter SET at = '2020-01-01 00:00:00' WHERE id = 3");
        let rule = crate::harness::story::delete_rule("letters", "letter", "");
        let tenure = house(&db, &policy(&format!("{rule}{MAP}")));
        let run = |name: &str| tenure.run(&["run", name, "--json", "--as-of", crate::harness::story::AS_OF]).expect_code(0).json();
        assert!(run("letters").get("people").is_none());
        assert_eq!((db.count("letter"), erasures(&db)), (2, 0));
        assert_eq!(run("erase")["people"]["erased"], 2);
        assert_eq!((db.count("letter"), erasures(&db)), (0, 2));
    }

    fn a_deadline_that_comes_near_is_amber_and_one_that_is_over_is_red(db: TestDb) {
        platform(&db, 2, 1);
        let guarded = MAP.replace("within = \"30 days\"", "within = \"30 days\"\nguard = { max_people = 0 }");
        let tenure = tenure(&db, &guarded);
        let near = run_at(&tenure, LATE, 3);
        assert_eq!((people(&near, "near_deadline"), people(&near, "overdue")), (1, 0));
        assert_eq!(standing(&near), "at-risk");
        let over = run_at(&tenure, "2026-07-11T00:00:00Z", 3);
        assert_eq!((people(&over, "near_deadline"), people(&over, "overdue"), people(&over, "days_used")), (0, 1, 31));
        assert_eq!(standing(&over), "broken");
        assert_eq!(erasures(&db), 0);
        let status = tenure.run(&["status", "--json"]).expect_code(1).json();
        let line = status["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "erase").unwrap();
        assert_eq!(line["standing"], "broken", "{line:#}");
    }
}
