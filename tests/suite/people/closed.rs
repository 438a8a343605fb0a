//! Closed accounts: erased after their grace, as a whole, and nobody else.

use super::{MAP, erasures, people, platform, run, tenure};
use crate::harness::TestDb;
use crate::harness::story::plan_and_run;
use crate::outsider::Ledger;

on_every_database! {
    fn what_is_mapped_to_closed_accounts_is_gone_and_everything_else_is_as_it_was(db: TestDb) {
        platform(&db, 6, 3);
        let others = |db: &TestDb| {
            [
                "SELECT id, email, name FROM account WHERE id > 3 ORDER BY id",
                "SELECT id, account_id FROM attempt WHERE account_id > 3 ORDER BY id",
                "SELECT id, words FROM answer WHERE attempt_id > 6 ORDER BY id",
                "SELECT id, account_id, words FROM post WHERE id > 3 ORDER BY id",
                "SELECT id, address FROM letter WHERE id > 3 ORDER BY id",
                "SELECT id, account_id, payer, cents FROM payment WHERE id > 3 ORDER BY id",
            ]
            .map(|sql| db.rows(sql))
        };
        let before = others(&db);
        let ran = plan_and_run(&db, &tenure(&db, MAP));
        assert_eq!(others(&db), before);
        assert_eq!(people(&ran, "erased"), 3);
        assert_eq!(erasures(&db), 3);
        Ledger::of(&db).check();
        let left = |sql: &str| db.scalar(sql);
        assert_eq!(left("SELECT count(*) FROM account WHERE id <= 3 AND name IS NULL AND email LIKE 'gone-%'"), 3);
        assert_eq!(left("SELECT count(*) FROM attempt WHERE account_id <= 3"), 0);
        assert_eq!(left("SELECT count(*) FROM answer WHERE attempt_id <= 6"), 0);
        assert_eq!(left("SELECT count(*) FROM post WHERE id <= 3 AND account_id IS NULL AND words = '(removed)'"), 3);
        assert_eq!(left("SELECT count(*) FROM post WHERE reviewer_id <= 3"), 0);
        assert_eq!(left("SELECT count(*) FROM letter WHERE id <= 3"), 0);
        assert_eq!(left("SELECT count(*) FROM payment WHERE id <= 3 AND payer IS NULL AND cents = 100"), 3);
    }

    fn whoever_comes_back_within_the_grace_is_not_touched(db: TestDb) {
        platform(&db, 2, 0);
        let before = db.tables_dump();
        let ran = run(&tenure(&db, MAP));
        assert_eq!((people(&ran, "due"), erasures(&db)), (0, 0));
        assert_eq!(db.tables_dump(), before);
    }
}

by_two_workers! { what_is_mapped_to_closed_accounts_is_gone_and_everything_else_is_as_it_was }
