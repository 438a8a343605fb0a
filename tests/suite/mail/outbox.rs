//! Each run's mail arrives, and arrives once, whatever happens to the server and to us.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::server::{Act, Door, Server, Step};
use super::*;
use crate::harness::story::control_table;

fn states(db: &TestDb) -> Vec<String> {
    let rows = db.rows(&format!("SELECT state FROM {} ORDER BY created, id", control_table(db, "outbox")));
    let text = |row: &Vec<tenure::db::Value>| match &row[0] {
        tenure::db::Value::Text(state) => state.clone(),
        other => panic!("a state is a text, not {other:?}"),
    };
    rows.iter().map(text).collect()
}

on_every_database! {
    fn a_report_waits_while_the_server_is_away_and_arrives_once_when_it_is_back(db: TestDb) {
        log_table(&db);
        let gone = Server::willing(Door::Starttls);
        let config = format!("{}{TO_PRIVACY}", gone.config());
        drop(gone);
        let away = with_mail(&db, &config).file("ca.pem", &Server::willing(Door::Plain).ca_pem);
        let first = run(&away);
        assert!(first.stderr.contains("connecting to the mail server"), "{}", first.stderr);
        assert_eq!(queue(&away)[0]["state"], "waiting");

        let server = Server::willing(Door::Starttls);
        let back = mailing(&db, &server, TO_PRIVACY);
        let second = run(&back);
        assert!(second.json()["notes"][0].as_str().unwrap().starts_with("1 mail still waits for the mail server"));
        assert_eq!(server.taken().len(), 1, "a pause keeps what failed for later, and holds nothing else up");
        let_time_pass(&db);
        let third = run(&back);
        let ids = [&second, &third, &first].map(|ran| format!("{}.tenure@example.org", id_of(ran)));
        assert_eq!(message_ids(&server.taken()), ids, "each once, the newest first");
        assert!(queue(&back).is_empty());
        assert_eq!(states(&db), ["sent"; 3]);
    }

    fn a_report_that_the_server_put_off_goes_again_with_its_message_id_and_one_that_it_refused_does_not(db: TestDb) {
        log_table(&db);
        let server = Server::scripted(Door::Plain, |step, before| match step {
            Step::Recipient(to) if to == "grey@example.org" && before == 0 => Act::Say("450 4.2.0 greylisted, come back"),
            Step::Recipient(to) if to == "gone@example.org" => Act::Say("550 5.1.1 <gone@example.org>: no such user"),
            _ => Act::GoOn,
        });
        let to = "to = [\"gone@example.org\", \"grey@example.org\", \"privacy@example.org\"]\n";
        let tenure = mailing(&db, &server, to);
        let first = id_of(&run(&tenure));
        let to = |taken: &[Taken]| taken.iter().map(|taken| taken.to.clone()).collect::<Vec<_>>();
        assert_eq!(to(&server.taken()), [PRIVACY], "who is refused does not hold up the others");
        let queued = queue(&tenure);
        assert_eq!(queued[0]["state"], "refused");
        assert_eq!(queued[0]["trouble"], "offering the recipient: the server said 550 5.1.1 ***@example.org>: no such user");
        assert_eq!((&queued[1]["state"], &queued[1]["attempts"]), (&"waiting".into(), &1.into()));

        let_time_pass(&db);
        tenure.run(&["mail", "retry", &format!("{first}.2")]).expect_code(1);
        assert_eq!(to(&server.taken()), [PRIVACY, "grey@example.org"]);
        assert_eq!(message_ids(&server.taken()), vec![format!("{first}.tenure@example.org"); 2]);
        assert_eq!(server.taken()[0].bytes, server.taken()[1].bytes, "it is the same mail at every attempt");
        assert_eq!(server.count(&Step::Recipient("gone@example.org".into())), 1, "what was refused is not sent again");

        let second = run(&tenure);
        let note = second.json()["notes"][0].as_str().unwrap().to_owned();
        assert!(note.starts_with("1 mail was refused for good") && note.contains(&first), "{note}");
        assert!(!note.contains("gone@"), "{note}");
        tenure.run(&["mail", "retry"]).expect_code(1);
        assert_eq!(server.count(&Step::Recipient("gone@example.org".into())), 4, "somebody may have it tried again");
        tenure.run(&["mail", "drop", &first, &id_of(&second)]).expect_code(0);
        assert!(queue(&tenure).is_empty());
        assert_eq!(run(&tenure).json()["notes"], serde_json::json!([]));
    }

    fn two_processes_that_work_off_the_outbox_at_once_send_each_mail_once(db: TestDb) {
        log_table(&db);
        let open = Arc::new(AtomicBool::new(false));
        let is_open = Arc::clone(&open);
        let server = Server::scripted(Door::Plain, move |step, _| match step {
            Step::Recipient(_) if !is_open.load(Ordering::SeqCst) => Act::Say("450 later"),
            _ => Act::GoOn,
        });
        let tenure = mailing(&db, &server, "to = [\"a@example.org\", \"b@example.org\", \"c@example.org\"]\n");
        let runs: Vec<_> = (0..3).map(|_| id_of(&run(&tenure))).collect();
        open.store(true, Ordering::SeqCst);
        let_time_pass(&db);
        let both = [tenure.spawn(&["mail", "retry"]), tenure.spawn(&["mail", "retry"])];
        for process in both {
            let output = process.wait();
            assert!([0, 1].contains(&output.code), "{output:?}");
        }
        let mut sent: Vec<_> =
            server.taken().iter().map(|taken| (parsed(&taken.bytes).message_id().unwrap().to_owned(), taken.to.clone())).collect();
        sent.sort();
        let mut wanted: Vec<_> = runs
            .iter()
            .flat_map(|run| ["a", "b", "c"].map(|name| (format!("{run}.tenure@example.org"), format!("{name}@example.org"))))
            .collect();
        wanted.sort();
        assert_eq!(sent, wanted);
        assert_eq!(states(&db), ["sent"; 9]);
    }

    fn a_sender_that_is_killed_before_it_wrote_the_outcome_down_repeats_the_mail_with_its_message_id(db: TestDb) {
        log_table(&db);
        // It takes the mail, says nothing, and the client waits: killed there, it cannot know.
        let server = Server::scripted(Door::Plain, |step, before| match step {
            Step::End if before == 0 => Act::TakeAndStall,
            _ => Act::GoOn,
        });
        let tenure = mailing(&db, &server, TO_PRIVACY);
        let process = tenure.spawn(&["run", "--json", "--as-of", AS_OF]);
        await_until(|| server.taken().len() == 1);
        process.kill_after(std::time::Duration::ZERO);
        assert_eq!(states(&db), ["sending"], "the run was closed before its mail was sent");

        tenure.run(&["mail", "retry"]).expect_code(1);
        assert_eq!(server.taken().len(), 1, "a claim is respected until it has run out");
        let_time_pass(&db);
        tenure.run(&["mail", "retry"]).expect_code(0);
        let [once, again] = server.taken().try_into().unwrap();
        assert_eq!(once, again, "the same mail, so that whoever gets it can tell");
        assert_eq!(states(&db), ["sent"]);
    }

    fn the_report_of_a_run_that_died_is_mailed_when_the_next_run_closes_it(db: TestDb) {
        log_table(&db);
        let server = Server::willing(Door::Plain);
        let tenure = mailing(&db, &server, TO_PRIVACY);
        let died = id_of(&run(&tenure));
        let [run_table, entry, outbox] = ["run", "entry", "outbox"].map(|table| control_table(&db, table));
        db.script(&format!("UPDATE {run_table} SET finished = NULL, record = NULL WHERE id = '{died}'"));
        db.script(&format!("DELETE FROM {entry}"));
        db.script(&format!("DELETE FROM {outbox}"));
        let next = id_of(&run(&tenure));
        let ids = message_ids(&server.taken());
        let id = |run: &str| format!("{run}.tenure@example.org");
        assert_eq!(ids[0], id(&died), "before it died, as far as the server is concerned");
        let mut later = ids[1..].to_vec();
        later.sort();
        let mut wanted = [id(&died), id(&next)];
        wanted.sort();
        assert_eq!(later, wanted);
    }
}

#[test]
fn trouble_of_every_kind_lets_a_report_wait_and_none_changes_the_outcome_of_the_run() {
    let troubles: [(Step, Act, &str); 9] = [
        (Step::Greeting, Act::Say("554 no service for you"), "connecting to the mail server: the server said 554"),
        (Step::Greeting, Act::Stall, "connecting to the mail server: the server did not answer in time"),
        (Step::Login, Act::Say("535 5.7.8 no"), "logging in to the mail server: the server said 535"),
        (Step::Sender, Act::Say("451 4.3.0 later"), "offering the sender: the server said 451 4.3.0 later"),
        (Step::Sender, Act::HangUp, "offering the sender: "),
        (Step::Data, Act::Stall, "handing over the mail: the server did not answer in time"),
        (Step::Data, Act::HangUp, "handing over the mail: "),
        (Step::End, Act::HangUp, "handing over the mail: "),
        (Step::End, Act::Say("452 4.2.2 disk full"), "handing over the mail: the server said 452 4.2.2 disk full"),
    ];
    for (at, act, said) in troubles {
        let db = TestDb::new(tenure::db::Dialect::Sqlite);
        log_table(&db);
        let met = at.clone();
        let server = Server::scripted(
            Door::Starttls,
            move |step, before| {
                if *step == met && before == 0 { act } else { Act::GoOn }
            },
        );
        let tenure = mailing(&db, &server, TO_PRIVACY);
        let ran = run(&tenure);
        assert_eq!(ran.json()["status"], "ok", "{at:?} {act:?}");
        assert!(ran.stderr.contains("its report waits in the outbox") && ran.stderr.contains(said), "{}", ran.stderr);
        let queued = queue(&tenure);
        assert_eq!(queued[0]["state"], "waiting", "{at:?} {act:?}: {queued:?}");
        tenure.run(&["mail", "retry"]).expect_code(0);
        assert_eq!(server.taken().len(), 1, "{at:?} {act:?}");
    }
}

#[test]
fn a_mail_that_was_taken_without_a_word_is_repeated_with_its_message_id_and_its_bytes() {
    let db = TestDb::new(tenure::db::Dialect::Sqlite);
    log_table(&db);
    let server = Server::scripted(Door::Plain, |step, before| match step {
        Step::End if before == 0 => Act::TakeAndHangUp,
        _ => Act::GoOn,
    });
    let tenure = mailing(&db, &server, TO_PRIVACY);
    run(&tenure);
    tenure.run(&["mail", "retry"]).expect_code(0);
    let [once, again] = server.taken().try_into().unwrap();
    assert_eq!(once, again);
}

#[test]
fn a_server_that_takes_its_time_over_the_last_answer_is_waited_for_so_that_it_gets_no_second_copy() {
    let db = TestDb::new(tenure::db::Dialect::Sqlite);
    log_table(&db);
    // Longer than any other answer may take.
    let server = Server::scripted(Door::Plain, |step, _| if *step == Step::End { Act::Dawdle(2) } else { Act::GoOn });
    let tenure = mailing(&db, &server, TO_PRIVACY);
    run(&tenure);
    assert!(queue(&tenure).is_empty());
    assert_eq!(server.taken().len(), 1);
}

#[test]
fn a_dead_server_costs_one_wait_however_many_mails_wait_for_it() {
    let db = TestDb::new(tenure::db::Dialect::Sqlite);
    log_table(&db);
    let server = Server::scripted(Door::Plain, |step, _| if *step == Step::Greeting { Act::Stall } else { Act::GoOn });
    let tenure = mailing(&db, &server, "to = [\"a@example.org\", \"b@example.org\", \"c@example.org\"]\n");
    run(&tenure);
    let note = run(&tenure).json()["notes"][0].as_str().unwrap().to_owned();
    assert!(note.starts_with("3 mails still wait for the mail server"), "{note}");
    assert_eq!(server.count(&Step::Greeting), 2, "once a run");
}

#[test]
fn a_mail_that_makes_the_server_stumble_does_not_stand_before_all_others() {
    let db = TestDb::new(tenure::db::Dialect::Sqlite);
    log_table(&db);
    let server = Server::scripted(Door::Plain, |step, _| match step {
        Step::Recipient(to) if to == "poison@example.org" => Act::HangUp,
        _ => Act::GoOn,
    });
    let tenure = mailing(&db, &server, "to = [\"poison@example.org\", \"privacy@example.org\"]\n");
    run(&tenure);
    assert!(server.taken().is_empty(), "the line was dropped before the second one's turn");
    let_time_pass(&db);
    tenure.run(&["mail", "retry"]).expect_code(1);
    assert_eq!(server.taken().len(), 1);
}
