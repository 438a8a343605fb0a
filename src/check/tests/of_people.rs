//! The map of people on real catalogs: the way to each person, the order of the entries, and what a map leaves out.

use std::collections::BTreeSet;

use super::*;
use crate::plan::{Entry, Likeness, Whose};

/// A [subject] of accounts, with these entries.
fn map(entries: &str) -> String {
    format!(
        "[subject]\ntable = \"account\"\nkey = \"id\"\nclosed = \"closed_at\"\ngrace = \"7 days\"\nwithin = \"30 days\"\n{entries}"
    )
}

fn entry(table: &str, column: &str, rest: &str) -> String {
    format!("[[subject.data]]\ntable = \"{table}\"\ncolumn = \"{column}\"\n{rest}\n")
}

fn delete(table: &str, column: &str) -> String {
    entry(table, column, "action = \"delete\"")
}

fn own_row() -> String {
    entry("account", "id", "action = \"redact\"\nredact = { email = { placeholder = \"deleted-{id}\" } }")
}

/// `name act column =likeness= table.key …`
fn shown(entry: &Entry) -> String {
    let whose = entry.plan.targets[0].whose.as_ref().map(way).unwrap_or_default();
    format!("{} {}{whose}", entry.plan.rule, entry.plan.act.as_str())
}

fn way(whose: &Whose) -> String {
    let step = |step: &crate::plan::Step| {
        let likeness = match step.likeness {
            Likeness::Same => "=",
            Likeness::Exact => "==",
            Likeness::Number => "=#",
            Likeness::Letters => "~",
            Likeness::Folded => "~~",
            Likeness::Referred(_) => "=>",
        };
        let shared = if step.shared { "*" } else { "" };
        format!(" {} {likeness} {}.{}{shared}", step.column, step.table.table, step.key)
    };
    whose.steps.iter().map(step).collect()
}

fn entries(lab: &Lab, schedule: &str) -> Vec<String> {
    let erasure = lab.map_of_people(schedule).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    erasure.entries.iter().map(shown).collect()
}

#[track_caller]
fn refused(lab: &Lab, schedule: &str) -> Vec<String> {
    lab.map_of_people(schedule).expect_err("this map cannot work")
}

/// Quizzes of accounts, in the words that all three understand.
const QUIZZES: &str = "
    CREATE TABLE account (id int PRIMARY KEY, email varchar(99) NOT NULL UNIQUE, closed_at timestamp NULL);
    CREATE TABLE attempt (id int PRIMARY KEY, account_id int NOT NULL, FOREIGN KEY (account_id) REFERENCES account (id));
    CREATE TABLE answer (id int PRIMARY KEY, attempt_id int NOT NULL, reviewer_id int,
        FOREIGN KEY (attempt_id) REFERENCES attempt (id), FOREIGN KEY (reviewer_id) REFERENCES account (id));
    CREATE INDEX a1 ON attempt (account_id);
    CREATE INDEX a2 ON answer (attempt_id);
    CREATE INDEX a3 ON answer (reviewer_id);";

fn quiz_map() -> String {
    map(&[
        own_row(),
        delete("attempt", "account_id"),
        delete("answer", "attempt_id -> attempt.account_id"),
        entry("answer", "reviewer_id", "action = \"redact\"\nredact = { reviewer_id = \"null\" }"),
    ]
    .concat())
}

#[test]
fn entries_stand_as_in_the_schedule_and_the_people_themselves_last() {
    on_all_three(QUIZZES, |lab| {
        assert_eq!(
            entries(lab, &quiz_map()),
            [
                "erase:attempt.account_id delete account_id = account.id",
                "erase:answer.attempt_id delete attempt_id = attempt.id account_id = account.id",
                "erase:answer.reviewer_id redact reviewer_id = account.id",
                "erase:account.id redact",
            ]
        );
    });
}

#[test]
fn a_map_that_leaves_nothing_out_is_checked_without_a_finding() {
    on_all_three(QUIZZES, |lab| {
        let found = lab.findings(&quiz_map());
        // Statistics of a table that nobody analysed tell no size.
        assert_eq!(found, [""; 0], "{found:#?}");
    });
}

#[test]
fn every_foreign_key_that_leads_to_people_and_is_not_mapped_is_named_with_an_entry_to_paste() {
    on_all_three(QUIZZES, |lab| {
        let found = lab.findings(&map(&[own_row(), delete("attempt", "account_id")].concat()));
        let left_out = |what: &str, path: &str, act: &str| {
            let entry = format!("table = \"answer\"\ncolumn = \"{path}\"\naction = {act})");
            found.iter().any(|line| line.contains(what) && line.ends_with(&entry))
        };
        let lets_go = "\"redact\"\nredact = { reviewer_id = \"null\" }";
        assert!(left_out("because `reviewer_id` refers to `account`", "reviewer_id", lets_go), "{found:#?}");
        let attempt = "attempt_id -> attempt.account_id";
        assert!(left_out("because `attempt_id` refers to `attempt`", attempt, "\"delete\""), "{found:#?}");
    });
}

#[test]
fn a_proposal_takes_no_rows_that_may_be_somebody_elses() {
    let script = "
        CREATE TABLE account (id int PRIMARY KEY, email varchar(99) NOT NULL UNIQUE, closed_at timestamp NULL);
        CREATE TABLE absence (id int PRIMARY KEY, pupil int NOT NULL, signed_by int,
            FOREIGN KEY (pupil) REFERENCES account (id), FOREIGN KEY (signed_by) REFERENCES account (id));
        CREATE TABLE letter (id int PRIMARY KEY, sender int NOT NULL, reader int NOT NULL,
            FOREIGN KEY (sender) REFERENCES account (id), FOREIGN KEY (reader) REFERENCES account (id));
        CREATE TABLE lesson (id int PRIMARY KEY, teacher int NOT NULL, FOREIGN KEY (teacher) REFERENCES account (id));
        CREATE TABLE mark (id int PRIMARY KEY, lesson int NOT NULL, FOREIGN KEY (lesson) REFERENCES lesson (id) ON DELETE CASCADE);
        CREATE TABLE room (id int PRIMARY KEY, closed_by int NOT NULL, FOREIGN KEY (closed_by) REFERENCES account (id));";
    on_all_three(script, |lab| {
        let found = lab.findings(&map(&own_row()));
        for (table, column, act) in [
            ("absence", "pupil", "delete"),
            ("absence", "signed_by", "redact"),
            ("letter", "sender", "keep"),
            ("letter", "reader", "keep"),
            ("lesson", "teacher", "keep"),
            ("room", "closed_by", "keep"),
        ] {
            let entry = format!("table = \"{table}\"\ncolumn = \"{column}\"\naction = \"{act}\"");
            assert!(found.iter().any(|line| line.contains(&entry)), "{entry}: {found:#?}");
        }
    });
}

#[test]
fn columns_that_are_called_as_references_to_people_are_named_though_no_foreign_key_leads_there() {
    let script = "
        CREATE TABLE angler (id int PRIMARY KEY, email varchar(99) NOT NULL UNIQUE, closed_at timestamp NULL);
        CREATE TABLE mark (id int PRIMARY KEY, fk_principal int NOT NULL, FOREIGN KEY (fk_principal) REFERENCES angler (id));
        CREATE INDEX m ON mark (fk_principal);
        CREATE TABLE consent (id int PRIMARY KEY, fk_principal int NOT NULL);
        CREATE TABLE haul (id int PRIMARY KEY, angler_ref int NOT NULL, kilos int);
        CREATE TABLE lake (id int PRIMARY KEY, angler_count int, depth int);";
    on_all_three(script, |lab| {
        let own = entry("angler", "id", "action = \"redact\"\nredact = { email = { placeholder = \"gone-{id}\" } }");
        let of_anglers = |entries: &str| map(entries).replace("table = \"account\"", "table = \"angler\"");
        let found = lab.findings(&of_anglers(&[own, delete("mark", "fk_principal")].concat()));
        let named = |table: &str| found.iter().any(|line| line.contains(&format!("table `{table}` seems to hold")));
        assert_eq!(["consent", "haul", "lake"].map(named), [true, true, false], "{found:#?}");
    });
}

#[test]
fn a_way_over_half_a_key_is_refused() {
    let script = "
        CREATE TABLE account (id int PRIMARY KEY, email varchar(99) NOT NULL UNIQUE, closed_at timestamp NULL);
        CREATE TABLE view (course int NOT NULL, id int NOT NULL, account_id int NOT NULL, no int NOT NULL, PRIMARY KEY (course, id));
        CREATE TABLE answer (id int PRIMARY KEY, view_id int NOT NULL);";
    on_all_three(script, |lab| {
        let way =
            |key: &str| map(&[own_row(), delete("answer", &format!("view_id -> view({key}).account_id"))].concat());
        let found = refused(lab, &way("id"));
        assert!(found[0].contains("is a part of the key (course, id)"), "{found:#?}");
        // What is no key at all is shared, and a row goes only where all go whose it is.
        assert!(lab.map_of_people(&way("no")).is_ok());
    });
}

#[test]
fn a_second_person_in_a_mapped_table_is_not_overlooked() {
    on_all_three(QUIZZES, |lab| {
        let without_reviewer =
            map(&[own_row(), delete("attempt", "account_id"), delete("answer", "attempt_id -> attempt.account_id")]
                .concat());
        let found = lab.findings(&without_reviewer);
        assert!(
            found
                .iter()
                .any(|line| line.starts_with("error 2 subject: rows of `answer`") && line.contains("`reviewer_id`")),
            "{found:#?}"
        );
    });
}

#[test]
fn people_are_found_in_a_schema_without_a_single_foreign_key() {
    let script = "
        CREATE TABLE account (id int PRIMARY KEY, email varchar(99) NOT NULL UNIQUE, closed_at timestamp NULL);
        CREATE TABLE attempt (id int PRIMARY KEY, account_id int NOT NULL, grader_id int);
        CREATE TABLE answer (id int PRIMARY KEY, attempt_no int NOT NULL);
        CREATE TABLE newsletter (id int PRIMARY KEY, address varchar(99), list varchar(9));
        CREATE TABLE visitor_log (id int PRIMARY KEY, user_id int, ip varchar(45));
        CREATE TABLE colour (id int PRIMARY KEY, name varchar(9));
        CREATE INDEX a1 ON attempt (account_id);
        CREATE INDEX a2 ON answer (attempt_no);
        CREATE INDEX a3 ON newsletter (address);";
    on_all_three(script, |lab| {
        let map = map(&[
            own_row(),
            delete("answer", "attempt_no -> attempt(id).account_id"),
            delete("attempt", "account_id"),
            entry("newsletter", "address", "matches = \"email\"\nignore_case = true\naction = \"delete\""),
        ]
        .concat());
        let same = "=";
        assert_eq!(
            entries(lab, &map),
            [
                format!("erase:answer.attempt_no delete attempt_no {same} attempt.id account_id {same} account.id"),
                format!("erase:attempt.account_id delete account_id {same} account.id"),
                "erase:newsletter.address delete address ~~ account.email*".to_owned(),
                "erase:account.id redact".to_owned(),
            ]
        );
        let mut found = lab.findings(&map);
        found.retain(|line| !line.contains("compared in any case"));
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].contains("`attempt.grader_id` seems to hold a person's key"), "{found:#?}");
        assert!(
            found[1].contains("table `visitor_log` seems to hold something of people (`user_id`, `ip`)"),
            "{found:#?}"
        );
        assert!(
            found[1].ends_with("column = \"user_id\"\naction = \"redact\"\nredact = { user_id = \"null\" })"),
            "{found:#?}"
        );
    });
}

#[test]
fn what_a_redaction_forgets_in_rows_that_stay_is_named() {
    let script =
        "CREATE TABLE account (id int PRIMARY KEY, email varchar(99) NOT NULL UNIQUE, mobile_phone varchar(20),
        creator_id int, closed_at timestamp NULL);";
    on_all_three(script, |lab| {
        let own = |rest: &str| map(&entry("account", "id", rest));
        let forgets = |rest: &str| {
            let found = lab.findings(&own(rest));
            let told =
                "rows of `account` are redacted and stay, and with them what seems to be of a person: `mobile_phone` (";
            found.iter().any(|line| line.contains(told))
        };
        let email = "email = { placeholder = \"deleted-{id}\" }";
        assert!(forgets(&format!("action = \"redact\"\nredact = {{ {email} }}")));
        assert!(!forgets(&format!("action = \"redact\"\nredact = {{ {email}, mobile_phone = \"null\" }}")));
        assert!(!forgets(&format!("action = \"keep\"\nreason = \"a contract\"\nredact = {{ {email} }}")));
        assert!(!forgets("action = \"delete\""));
    });
}

#[test]
fn what_hangs_on_a_row_that_lets_go_of_its_person_is_not_the_persons() {
    let script = format!(
        "{QUIZZES}
         CREATE TABLE board (id int PRIMARY KEY, owner_id int, title varchar(20), FOREIGN KEY (owner_id) REFERENCES account (id));
         CREATE TABLE tile (id int PRIMARY KEY, board_id int, FOREIGN KEY (board_id) REFERENCES board (id));
         CREATE INDEX b1 ON board (owner_id);"
    );
    on_all_three(&script, |lab| {
        let board = |act: &str| lab.findings(&(quiz_map() + &entry("board", "owner_id", act)));
        assert_eq!(board("action = \"redact\"\nredact = { owner_id = \"null\" }"), [""; 0]);
        let titled = board("action = \"redact\"\nredact = { title = \"null\" }");
        assert!(titled.iter().any(|line| line.contains("rows of `tile` belong to people")), "{titled:#?}");
    });
}

#[test]
fn a_reference_that_may_not_be_null_lets_go_by_a_constant() {
    let script =
        format!("{QUIZZES} CREATE TABLE board (id int PRIMARY KEY, owner_id int NOT NULL REFERENCES account);");
    let lab = Lab::postgres(&script);
    let entries_with = |redact: &str| {
        let board = entry("board", "owner_id", &format!("action = \"redact\"\nredact = {{ {redact} }}"));
        let reviewer = entry("answer", "reviewer_id", "action = \"redact\"\nredact = { reviewer_id = \"null\" }");
        let rest = [delete("attempt", "account_id"), delete("answer", "attempt_id -> attempt.account_id"), reviewer];
        map(&(board + &rest.concat() + &delete("account", "id")))
    };
    assert_eq!(entries(&lab, &entries_with("owner_id = { set = 1 }")).len(), 5);
    let lab = Lab::postgres(&script.replace("owner_id int NOT NULL", "title text, owner_id int NOT NULL"));
    assert!(refused(&lab, &entries_with("title = \"null\""))[0].contains("so that they could never go"));
}

#[test]
fn entries_whose_tables_refer_to_each_other_need_no_order() {
    let script = "
        CREATE TABLE account (id int PRIMARY KEY, email varchar(99) NOT NULL UNIQUE, closed_at timestamp NULL);
        CREATE TABLE album (id int PRIMARY KEY, account_id int NOT NULL REFERENCES account, cover_id int);
        CREATE TABLE photo (id int PRIMARY KEY, account_id int NOT NULL REFERENCES account, album_id int NOT NULL REFERENCES album);
        ALTER TABLE album ADD FOREIGN KEY (cover_id) REFERENCES photo (id);";
    let lab = Lab::postgres(script);
    let with = |cascade: &str| {
        let photos = entry("photo", "account_id", &format!("action = \"delete\"\n{cascade}"));
        map(&[own_row(), delete("album", "account_id"), photos].concat())
    };
    for cascade in ["", "cascade = [{ table = \"album\", column = \"cover_id\", then = \"null\" }]"] {
        assert_eq!(
            entries(&lab, &with(cascade)),
            [
                "erase:album.account_id delete account_id = account.id",
                "erase:photo.account_id delete account_id = account.id",
                "erase:account.id redact"
            ]
        );
    }
}

#[test]
fn keys_of_two_types_are_compared_by_their_letters_and_no_collation_widens_a_match() {
    let script = "
        CREATE TABLE account (id int PRIMARY KEY, email varchar(99) NOT NULL UNIQUE, login varchar(40) NOT NULL UNIQUE, closed_at timestamp NULL);
        CREATE TABLE by_text (id int PRIMARY KEY, account_id varchar(40));
        CREATE TABLE by_login (id int PRIMARY KEY, login varchar(40));";
    let schedule = map(&[
        own_row(),
        delete("by_text", "account_id"),
        entry("by_login", "login", "matches = \"login\"\naction = \"delete\""),
    ]
    .concat());
    let ways = |lab: &Lab| entries(lab, &schedule)[..2].to_vec();
    let by_text = "erase:by_text.account_id delete account_id ~ account.id";
    assert_eq!(ways(&Lab::postgres(script)), [by_text, "erase:by_login.login delete login = account.login"]);
    assert_eq!(ways(&Lab::sqlite(script)), [by_text, "erase:by_login.login delete login = account.login"]);
    // MySQL's collations take `a` and `A`, and `e` and `é`, for one: byte by byte besides.
    assert_eq!(ways(&Lab::mysql(script)), [by_text, "erase:by_login.login delete login == account.login"]);
}

#[test]
fn what_an_erasure_may_not_change_is_refused() {
    let script = format!("{QUIZZES} CREATE TABLE blob_of (id int PRIMARY KEY, account_id bytea);");
    let lab = Lab::postgres(&script);
    let with_own =
        |redact: &str| map(&entry("account", "id", &format!("action = \"redact\"\nredact = {{ {redact} }}")));
    let one = |schedule: &str| {
        let found = refused(&lab, schedule);
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].clone()
    };
    let remedy_of = |found: String, part: &str| assert!(found.contains(part), "{found}");
    remedy_of(
        one(&with_own("closed_at = \"null\"")),
        "`closed_at` may not be redacted, because it is the `closed` of [subject]",
    );
    remedy_of(one(&with_own("email = \"null\"")), "is NOT NULL (redact with `{ set = … }` or `{ placeholder = … }`)");
    remedy_of(one(&with_own("email = { set = \"gone\" }")), "is unique, so one value cannot stand in every row");
    remedy_of(
        one(&map(&delete("attempt", "account_id"))),
        "no entry says what becomes of the person's own row in `account`",
    );
    remedy_of(
        one(&map(&[own_row(), delete("blob_of", "account_id")].concat())),
        "no value of the one is one of the other",
    );
    remedy_of(
        one(&map(&own_row())
            .replace("key = \"id\"", "key = \"closed_at\"")
            .replace("column = \"id\"", "column = \"closed_at\"")),
        "nothing says that",
    );
    assert_eq!(refused(&lab, &with_own("id = { set = 0 }")).len(), 1);
}

#[test]
fn rows_that_are_kept_are_not_taken_along_by_another_entry_nor_do_they_keep_people_for_ever() {
    let with = |on_delete: &str| {
        let script = format!(
            "{QUIZZES} CREATE TABLE payment (id int PRIMARY KEY, account_id int REFERENCES account {on_delete}, who text);"
        );
        Lab::postgres(&script)
    };
    let gone = |redact: &str| {
        let kept =
            entry("payment", "account_id", &format!("action = \"keep\"\nreason = \"tax\"\nredact = {{ {redact} }}"));
        map(&[kept, delete("account", "id")].concat())
    };
    let cascading = refused(&with("ON DELETE CASCADE"), &gone("who = \"null\""));
    assert!(
        cascading[0].contains("rows of `payment` would go with these, and `payment.account_id` keeps them"),
        "{cascading:#?}"
    );
    let blocking = refused(&with(""), &gone("who = \"null\""));
    assert!(
        blocking[0].contains("`payment.account_id` refers to these rows") && blocking[0].contains("could never go"),
        "{blocking:#?}"
    );
    assert_eq!(entries(&with(""), &gone("who = \"null\", account_id = \"null\"")).len(), 2);
    assert_eq!(entries(&with("ON DELETE SET NULL"), &gone("who = \"null\"")).len(), 2);
}

/// Payments of an account by way of an agent, whom nothing refers to by a foreign key.
const PAYMENTS: &str = "
    CREATE TABLE account (id int PRIMARY KEY, email varchar(99) NOT NULL UNIQUE, closed_at timestamp NULL);
    CREATE TABLE invoice (id int PRIMARY KEY, account_id int);
    CREATE TABLE payment (id int PRIMARY KEY, account_id int, agent_id int, invoice_id int, who varchar(9), kind varchar(9));";

#[test]
fn a_ground_that_would_be_forgotten_lets_no_other_entry_take_its_rows_one_day() {
    let kept =
        |column: &str, more: &str| entry("payment", column, &format!("action = \"keep\"\nreason = \"tax\"\n{more}"));
    let of_agent = delete("payment", "agent_id");
    let forgets = |lab: &Lab, entries: &[String], by: &str| {
        let found = refused(lab, &map(&entries.concat()));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains("keeps some of these rows, and once") && found[0].contains(by), "{found:#?}");
        assert!(found[0].contains("`kept_too = true`"), "{found:#?}");
    };
    on_all_three(PAYMENTS, |lab| {
        assert_eq!(entries(lab, &map(&[own_row(), kept("account_id", ""), of_agent.clone()].concat())).len(), 2);
        let deleted = delete("account", "id");
        forgets(lab, &[kept("account_id", ""), of_agent.clone(), deleted.clone()], "`account.id` (line 20, column 10)");
        let lets_go = kept("account_id", "redact = { account_id = \"null\" }");
        forgets(lab, &[own_row(), lets_go, of_agent.clone()], "once `payment.account_id`");
        let by_invoice = kept("invoice_id -> invoice.account_id", "");
        forgets(
            lab,
            &[own_row(), by_invoice, of_agent.clone(), delete("invoice", "account_id")],
            "once `invoice.account_id`",
        );
        let of_a_kind = kept("account_id", "where = \"kind = 'fee'\"\nredact = { kind = \"null\" }");
        forgets(lab, &[own_row(), of_a_kind, of_agent.clone()], "once `payment.account_id`");
        let own_row_kept = entry("account", "id", "action = \"keep\"\nreason = \"tax\"");
        let of_invoice = entry("invoice", "account_id", "action = \"delete\"\ncascade = [\"account\"]");
        lab.script("ALTER TABLE account ADD COLUMN invoice_id int REFERENCES invoice (id)");
        let found = refused(lab, &map(&[own_row_kept, of_invoice].concat()));
        assert!(found[0].contains("rows of `account` would go with these, and `account.id` keeps them"), "{found:#?}");
        let meant = entry("payment", "agent_id", "action = \"delete\"\nkept_too = true");
        assert_eq!(entries(lab, &map(&[kept("account_id", ""), meant, deleted].concat())).len(), 2);
    });
}

#[test]
fn an_entry_whose_rows_are_all_kept_is_refused() {
    let kept = entry("payment", "account_id", "action = \"keep\"\nreason = \"tax\"");
    let redacted = |rest: &str| {
        entry(
            "payment",
            "account_id",
            &format!("action = \"redact\"\nredact = {{ who = \"null\" }}\nwhere = \"kind = 'fee'\"\n{rest}"),
        )
    };
    on_all_three(PAYMENTS, |lab| {
        let found = refused(lab, &map(&[own_row(), kept.clone(), redacted("")].concat()));
        assert_eq!(
            found,
            [
                "error 20 subject data `payment.account_id`: all these rows are kept by `payment.account_id` (line 15, column 10), so \
                 that nothing could be done (add the columns to the `redact` of `payment.account_id`, which keeps what is not named \
                 there)"
            ]
        );
        assert_eq!(entries(lab, &map(&[own_row(), kept.clone(), redacted("kept_too = true")].concat())).len(), 2);
    });
}

#[test]
fn what_finds_somebody_elses_rows_is_not_redacted_for_the_first_who_leaves() {
    let redacts = |column: &str, rest: &str| entry("payment", column, &format!("action = \"redact\"\n{rest}"));
    on_all_three(PAYMENTS, |lab| {
        let with =
            |one: &str, other: &str| map(&[own_row(), redacts("account_id", one), redacts("agent_id", other)].concat());
        for (one, other, sentence) in [
            (
                "redact = { kind = \"null\" }",
                "where = \"kind = 'fee'\"\nredact = { who = \"null\" }",
                "`payment.account_id` (line 15, column 10) redacts what these rows are found by",
            ),
            (
                "redact = { agent_id = \"null\" }",
                "redact = { who = \"null\", agent_id = \"null\" }",
                "`agent_id` is what `payment.agent_id` finds its rows by",
            ),
        ] {
            let found = refused(lab, &with(one, other));
            assert!(found.len() == 1 && found[0].contains(sentence), "{found:#?}");
        }
        let both = "redact = { who = \"null\", agent_id = \"null\" }";
        assert_eq!(
            entries(lab, &with(both, "redact = { agent_id = \"null\" }")).len(),
            3,
            "nothing is left to be found"
        );
    });
}

#[test]
fn what_tells_rows_apart_is_not_redacted_before_they_go() {
    let script = format!(
        "{QUIZZES} CREATE TABLE ticket (code varchar(40) NOT NULL UNIQUE, owner_id int, n int NOT NULL, UNIQUE (n, code));"
    );
    on_all_three(&script, |lab| {
        let act = "action = \"delete\"\nredact = { code = { placeholder = \"x-{n}\" } }";
        let found = refused(lab, &map(&[own_row(), entry("ticket", "owner_id", act)].concat()));
        let sentence = "`code` may not change before the rows are deleted, because it tells them from others";
        assert!(found.len() == 1 && found[0].contains(sentence), "{found:#?}");
    });
}

#[test]
fn entries_may_each_redact_what_the_other_one_reads() {
    let redacts = |column: &str, reads: &str| {
        entry(
            "payment",
            "account_id",
            &format!("where = \"{reads} = 'x'\"\naction = \"redact\"\nredact = {{ {column} = \"null\" }}"),
        )
    };
    on_all_three(PAYMENTS, |lab| {
        let both = map(&[own_row(), redacts("who", "kind"), redacts("kind", "who")].concat());
        assert_eq!(entries(lab, &both).len(), 3, "both are asked before anything changes");
    });
}

#[test]
fn a_redaction_of_what_a_ground_does_not_cover_passes_the_schedules_holds_but_not_those_on_people() {
    let script = format!(
        "{QUIZZES} CREATE TABLE payment (id int PRIMARY KEY, account_id int REFERENCES account, who text, paid_at timestamptz);"
    );
    let lab = Lab::postgres(&script);
    let holds = "[[hold]]\nname = \"tax\"\ntable = \"payment\"\nanchor = \"paid_at\"\nfor = \"10 years\"\nreason = \"tax\"\n\
                 [[hold]]\nname = \"restricted\"\nsubject = true\nwhere = \"email LIKE 'x%'\"\nreason = \"asked for\"\n";
    let with = |act: &str| format!("{}{holds}", map(&[own_row(), entry("payment", "account_id", act)].concat()));
    let held_by = |act: &str| {
        let erasure = lab.map_of_people(&with(act)).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
        let names: Vec<_> = erasure.entries[0].plan.targets[0]
            .holds
            .iter()
            .map(|hold| (hold.name.clone(), hold.people.is_some()))
            .collect();
        let people: Vec<_> =
            erasure.people.holds.iter().map(|hold| (hold.name.clone(), hold.people.is_some())).collect();
        (names, people)
    };
    let (restricted, on_people) = (("restricted".to_owned(), true), vec![("restricted".to_owned(), false)]);
    assert_eq!(
        held_by("action = \"keep\"\nreason = \"tax\"\nredact = { who = \"null\" }"),
        (vec![restricted.clone()], on_people.clone())
    );
    assert_eq!(held_by("action = \"delete\""), (vec![("tax".to_owned(), false), restricted], on_people));
}

#[test]
fn without_a_key_of_the_installation_nobody_could_be_named_in_the_ledger() {
    let lab = Lab::sqlite(QUIZZES);
    let catalog = lab.catalog();
    let schedule = read("s.toml", &quiz_map());
    let context = resolve::Context {
        catalog: &catalog,
        database: "main",
        as_of: now(),
        naive_zone: &TimeZone::UTC,
        guard: &Guard::default(),
        hmac_key: None,
        maps: &[],
    };
    let resolved = resolve::resolve(&context, &schedule, |_| true, &[]);
    let found = told(&resolved.erasure.unwrap().unwrap_err());
    assert_eq!(
        found,
        [
            "error 1 subject: the ledger calls people by a keyed digest, and there is no key (name a file with a secret of at \
          least 32 characters as `hmac_key_file` in tenure.toml)"
        ]
    );
}

#[test]
fn a_full_text_index_of_sqlite_that_nobody_keeps_up_is_named_until_it_is_kept_up_or_meant() {
    let lab = Lab::sqlite(&format!("{QUIZZES} CREATE VIRTUAL TABLE found USING fts5(words);"));
    let found = lab.findings(&quiz_map());
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("no trigger on deletes takes words out of the full-text index `found`"), "{found:#?}");
    let keep = "[[keep]]\ntables = [\"found\"]\nreason = \"built anew each night\"\n";
    assert_eq!(lab.findings(&format!("{}{keep}", quiz_map())), [""; 0]);
    lab.script("CREATE TRIGGER t AFTER DELETE ON answer BEGIN DELETE FROM found WHERE rowid = OLD.id; END");
    assert_eq!(lab.findings(&quiz_map()), [""; 0]);
}

/// A key that SQLite holds under another type or collation leads to whom it says, and no index serves that.
#[test]
fn a_way_of_sqlite_between_two_types_or_collations_follows_the_foreign_key() {
    let lab = Lab::sqlite(
        "CREATE TABLE account (id int PRIMARY KEY NOT NULL, email text COLLATE NOCASE NOT NULL UNIQUE, closed_at timestamp);
         CREATE TABLE note (id int PRIMARY KEY, account_id text REFERENCES account (id));
         CREATE TABLE letter (id int PRIMARY KEY, address text REFERENCES account (email), account_id bigint REFERENCES account);
         CREATE INDEX n ON note (account_id); CREATE INDEX l ON letter (address); CREATE INDEX l2 ON letter (account_id);
         ANALYZE; UPDATE sqlite_stat1 SET stat = '20000 1';
         INSERT INTO sqlite_stat1 VALUES ('note', 'n', '20000 1'), ('letter', 'l', '20000 1');",
    );
    let ways =
        [("note", "account_id", "=>"), ("letter", "address -> account(email).id", "=>"), ("letter", "account_id", "=")];
    for (table, column, likeness) in ways {
        let entries = entries(&lab, &map(&[delete("account", "id"), delete(table, column)].concat()));
        assert!(entries[0].contains(&format!(" {likeness} account.")), "{entries:#?}");
    }
    let found = lab.findings(&map(&[delete("account", "id"), delete("note", "account_id")].concat()));
    let of_note =
        found.iter().find(|said| said.contains("as its foreign key does")).unwrap_or_else(|| panic!("{found:#?}"));
    assert!(of_note.contains("which no index serves") && of_note.contains("one type and one COLLATE"), "{of_note}");
}

#[test]
fn the_shipped_schedules_leave_nothing_of_a_person_out() {
    on_all_three("CREATE TABLE colour (id int);", |lab| {
        let mut connection = Connection::open(&lab.url, Access::ReadWrite).unwrap();
        crate::demo::create(&mut connection).unwrap();
        for (name, text) in crate::demo::SCHEDULES {
            let found = lab.findings_as_written(text);
            let about_people =
                found.iter().filter(|line| line.contains("subject") && !line.contains("each batch of people reads"));
            assert_eq!(about_people.collect::<Vec<_>>(), [""; 0], "{name}");
        }
    });
}

#[test]
fn rows_that_are_mapped_as_somebody_elses_and_would_go_along_are_named_until_it_is_said_that_they_are_meant() {
    let script = "
        CREATE TABLE account (id int PRIMARY KEY, email varchar(99) NOT NULL UNIQUE, closed_at timestamp NULL);
        CREATE TABLE post (id int PRIMARY KEY, account_id int);
        CREATE TABLE comment (id int PRIMARY KEY, post_id int, quoted_id int, account_id int,
            FOREIGN KEY (post_id) REFERENCES post (id) ON DELETE CASCADE,
            FOREIGN KEY (quoted_id) REFERENCES post (id) ON DELETE SET NULL);
        CREATE INDEX p1 ON post (account_id);
        CREATE INDEX c1 ON comment (account_id);
        CREATE INDEX c2 ON comment (post_id);
        CREATE INDEX c3 ON comment (quoted_id);";
    on_all_three(script, |lab| {
        let with = |post: &str, more: &str| {
            let post = entry("post", "account_id", post);
            lab.findings(&map(&[own_row(), post, delete("comment", "account_id"), more.to_owned()].concat()))
        };
        let others = |found: &[String]| {
            // The databases tell their keys in different orders.
            found.iter().filter(|line| line.contains("somebody else's")).cloned().collect::<BTreeSet<_>>()
        };
        let found = with("action = \"delete\"", "");
        assert_eq!(
            others(&found),
            BTreeSet::from([
                "warning 13 subject data `post.account_id`: `comment.quoted_id` of rows that are mapped as somebody else's becomes NULL \
                 (ON DELETE SET NULL) (redact these rows instead of deleting them, or say that it is meant: cascade = [{ table = \
                 \"comment\", column = \"quoted_id\", then = \"null\" }])",
                "warning 13 subject data `post.account_id`: rows of `comment` go with these by `post_id` (ON DELETE CASCADE), also those \
                 that are mapped as somebody else's (redact these rows instead of deleting them, or say that it is meant: cascade = \
                 [\"comment\"])",
            ].map(str::to_owned))
        );
        assert_eq!(found.len(), 2, "it is told once: {found:#?}");
        let meant = "cascade = [{ table = \"comment\", column = \"post_id\" }, { table = \"comment\", column = \"quoted_id\", then = \"null\" }]";
        assert_eq!(with(&format!("action = \"delete\"\n{meant}"), ""), [""; 0]);
        assert_eq!(with("action = \"redact\"\nredact = { account_id = \"null\" }", ""), [""; 0], "its rows stay");
        let of_the_post = delete("comment", "post_id -> post.account_id");
        let owned = others(&with("action = \"delete\"", &of_the_post));
        assert!(
            owned.len() == 1 && owned.iter().all(|line| line.contains("`comment.quoted_id`")),
            "what is under a post is its author's: {owned:#?}"
        );
    });
}

#[test]
fn a_comparison_that_no_plain_index_serves_is_named_with_the_index_that_does() {
    let script = "
        CREATE TABLE account (id int PRIMARY KEY, email varchar(99) NOT NULL UNIQUE, closed_at timestamp NULL);
        CREATE TABLE note (id int PRIMARY KEY, account_id varchar(40));
        CREATE TABLE letter (id int PRIMARY KEY, address varchar(99));
        CREATE INDEX n1 ON note (account_id);
        CREATE INDEX l1 ON letter (address);";
    let letters = entry("letter", "address", "matches = \"email\"\nignore_case = true\naction = \"delete\"");
    let schedule = map(&[own_row(), delete("note", "account_id"), letters].concat());
    let slow = |lab: &Lab| {
        let found = lab.findings(&schedule).into_iter().filter(|line| line.contains("each batch of people reads"));
        found.collect::<Vec<_>>()
    };
    let by_letters = "`note.account_id` and `account.id` are compared by their letters";
    let folded = "`letter.address` and `account.email` are compared in any case";
    let remedies = |found: &[String]| {
        let of = |line: &String| {
            line.rsplit_once(" (CREATE").map(|(_, rest)| format!("CREATE{}", rest.trim_end_matches(')')))
        };
        found.iter().filter_map(of).collect::<Vec<_>>()
    };
    let postgres = Lab::postgres(script);
    let found = slow(&postgres);
    assert!(found.len() == 2 && found[0].contains(by_letters) && found[1].contains(folded), "{found:#?}");
    for statement in remedies(&found) {
        postgres.script(&statement);
    }
    assert_eq!(slow(&postgres), [""; 0]);
    let sqlite = Lab::sqlite(script);
    let found = slow(&sqlite);
    assert!(
        found.len() == 1 && found[0].contains(by_letters),
        "no index may call a function that the application lacks: {found:#?}"
    );
    sqlite.script(&remedies(&found)[0]);
    assert_eq!(slow(&sqlite), [""; 0]);
    assert_eq!(slow(&Lab::mysql(script)), [""; 0], "small tables are read in no time");
}

#[test]
fn a_shared_row_of_which_an_owner_may_be_unnamed_is_told_because_nobody_keeps_it_then() {
    let script = |null: &str| {
        format!(
            "CREATE TABLE account (id int PRIMARY KEY, email varchar(99) UNIQUE, closed_at timestamp NULL);
             CREATE TABLE member (id int PRIMARY KEY, team_id int NOT NULL, account_id int {null});
             CREATE TABLE document (id int PRIMARY KEY, team_id int);
             CREATE TABLE letter (id int PRIMARY KEY, address varchar(99));
             CREATE INDEX m1 ON member (account_id);
             CREATE INDEX m2 ON member (team_id);
             CREATE INDEX d1 ON document (team_id);"
        )
    };
    let schedule = map(&[
        own_row(),
        delete("member", "account_id"),
        delete("document", "team_id -> member(team_id).account_id"),
        entry("letter", "address", "matches = \"email\"\naction = \"delete\""),
    ]
    .concat());
    let unnamed = |script: &str| {
        let found = [Lab::sqlite(script), Lab::postgres(script), Lab::mysql(script)].map(|lab| lab.findings(&schedule));
        found.map(|found| found.into_iter().filter(|line| line.contains("who is not named there")).collect::<Vec<_>>())
    };
    for found in unnamed(&script("")) {
        assert_eq!(
            found,
            [
                "warning 18 subject data `document.team_id`: rows are shared by all whom rows of `member` with one `team_id` lead to, and \
                 `member.account_id` may be NULL: who is not named there keeps no row, which goes with the others (declare \
                 `member.account_id` NOT NULL, or let `where` leave such rows out)"
            ],
            "and a person without an address shares no letter"
        );
    }
    assert_eq!(unnamed(&script("NOT NULL")), [const { Vec::<String>::new() }; 3]);
}
