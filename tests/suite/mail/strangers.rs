//! Whoever stands at the other end, or in the config, or at the keyboard, means no harm and does it: a server without an end, an
//! address in quotes, an id that is empty, a name that looks like another one.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use tenure::db::Dialect;

use super::server::{Act, Door, Server, Step};
use super::*;

fn database() -> TestDb {
    let db = TestDb::new(Dialect::Sqlite);
    log_table(&db);
    db
}

/// A script that is called as sendmail is.
fn script(tenure: &Tenure, name: &str, text: &str) {
    let path = tenure.dir().join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_server_whose_answer_has_no_end_or_comes_letter_by_letter_lets_the_report_wait() {
    for door in [Door::Plain, Door::Starttls] {
        for (at, act, said) in [
            (Step::Greeting, Act::Flood, "the server's answer has no end"),
            (Step::Sender, Act::Flood, "the server's answer has no end"),
            (Step::Greeting, Act::Drip(100), "the server did not answer in time"),
            (Step::Data, Act::Drip(100), "the server did not answer in time"),
            (Step::End, Act::Drip(100), "the server did not answer in time"),
        ] {
            let db = database();
            let met = at.clone();
            let server = Server::scripted(door, move |step, _| if *step == met { act } else { Act::GoOn });
            let tenure = mailing(&db, &server, TO_PRIVACY);
            let begun = Instant::now();
            let ran = run(&tenure);
            assert!(ran.stderr.contains(said), "{door:?} {at:?} {act:?}: {}", ran.stderr);
            assert_eq!(ran.json()["status"], "ok");
            assert_eq!(queue(&tenure)[0]["state"], "waiting", "{door:?} {at:?} {act:?}");
            assert!(begun.elapsed() < Duration::from_secs(60), "{at:?} {act:?}: {:?}", begun.elapsed());
        }
    }
}

#[test]
fn a_refusal_that_is_no_utf_8_concerns_its_recipient_alone() {
    let db = database();
    let server = Server::scripted(Door::Plain, |step, _| match step {
        Step::Recipient(to) if to == "gone@example.org" => Act::SayBytes(b"550 5.1.1 Empf\xe4nger unbekannt\r\n"),
        _ => Act::GoOn,
    });
    let tenure = mailing(&db, &server, "to = [\"gone@example.org\", \"privacy@example.org\"]\n");
    run(&tenure);
    assert_eq!(server.taken().len(), 1);
    let queued = queue(&tenure);
    assert_eq!((queued.len(), &queued[0]["state"]), (1, &"refused".into()), "{queued:?}");
    assert!(queued[0]["trouble"].as_str().unwrap().contains("550 5.1.1 Empf\u{fffd}nger unbekannt"), "{queued:?}");
}

#[test]
fn an_address_that_many_servers_refuse_is_refused_by_the_check() {
    let db = database();
    let server = Server::willing(Door::Plain);
    for odd in [r#""a b"@example.org"#, "a@[127.0.0.1]", "a@[IPv6:::1]", r#""a"@example.org"#] {
        let tenure = mailing(&db, &server, &format!("to = ['privacy@example.org', '{odd}']\n"));
        let refused = tenure.run(&["check", "--offline"]).expect_code(2).stderr;
        assert!(refused.contains("mail, `to`: ") && refused.contains("tenure.toml:6:"), "{odd}: {refused}");
    }
    for plain in ["o'hara+logs@mail-1.example.org", "a.b@localhost", "A_b-c@xn--bcher-kva.example"] {
        mailing(&db, &server, &format!("to = [\"{plain}\"]\n")).run(&["check", "--offline"]).expect_code(0);
    }
}

#[test]
fn an_address_that_an_earlier_config_put_into_the_outbox_silences_nobody_else() {
    let db = database();
    let server = Server::scripted(Door::Plain, |step, before| match step {
        Step::Recipient(_) if before == 0 => Act::Say("450 later"),
        _ => Act::GoOn,
    });
    let tenure = mailing(&db, &server, "to = [\"a@example.org\", \"b@example.org\"]\n");
    run(&tenure);
    db.script(r#"UPDATE tenure_outbox SET due = 0, addressees = '"a b"@example.org, b@example.org'"#);
    db.script(r#"UPDATE tenure_outbox SET recipient = '"a b"@example.org' WHERE id LIKE '%.1'"#);
    tenure.run(&["mail", "retry"]).expect_code(1);
    let taken = server.taken();
    assert_eq!((taken.len(), taken[0].to.as_str()), (1, "b@example.org"));
    assert_eq!(queue(&tenure)[0]["state"], "refused");
}

#[test]
fn the_program_that_takes_mails_sees_no_secret_of_ours() {
    let db = database();
    let config =
        format!("[mail]\ntransport = \"sendmail\"\nsendmail = \"take\"\nfrom = \"tenure@example.org\"\n{TO_PRIVACY}");
    let tenure = with_mail(&db, &config).env("DB_PASSWORD", "s3cret-of-the-database").env("LANG", "C.UTF-8");
    script(&tenure, "take", "cat > taken; env > environment");
    run(&tenure);
    let read = |name: &str| fs::read_to_string(tenure.dir().join(name)).unwrap();
    let environment = read("environment");
    assert!(environment.contains("PATH=") && environment.contains("LANG=C.UTF-8"), "{environment}");
    assert!(!environment.contains("s3cret"), "{environment}");
    assert!(read("taken").contains("Subject: kept: house"));
    script(&tenure, "take", "exit 0");
    let ran = run(&tenure);
    assert!(ran.stderr.contains("did not read the mail to its end"), "{}", ran.stderr);
}

#[test]
fn everybody_hears_once_of_a_run_that_cannot_begin_whoever_is_refused_before_them() {
    let server = Server::scripted(Door::Plain, |step, _| match step {
        Step::Recipient(to) if to == "gone@example.org" => Act::Say("550 5.1.1 no such user"),
        _ => Act::GoOn,
    });
    let config =
        format!("{}to = [\"first@example.org\", \"gone@example.org\", \"last@example.org\"]\n", server.config());
    let tenure = Tenure::at_url("sqlite:///nowhere/at/all.db").schedule(&logs()).config(&config);
    for _ in 0..3 {
        tenure.run(&["run"]).expect_code(1);
    }
    let to: Vec<_> = server.taken().iter().map(|taken| taken.to.clone()).collect();
    assert_eq!(to, ["first@example.org", "last@example.org"]);
    assert_eq!(
        server.count(&Step::Recipient("gone@example.org".into())),
        1,
        "who is refused for good is not asked again today"
    );
}

on_every_database! {
    fn a_mail_that_was_claimed_under_a_clock_that_was_ahead_can_be_retried_and_dropped(db: TestDb) {
        log_table(&db);
        let server = Server::willing(Door::Plain);
        let away = mailing(&db, &server, TO_PRIVACY);
        let outbox = control_table(&db, "outbox");
        for (decision, code, left) in [("retry", 0, "sent"), ("drop", 0, "dropped")] {
            let run = id_of(&run(&away));
            let ahead = jiff::Timestamp::now().as_microsecond() + 10 * 365 * 86_400_000_000;
            db.script(&format!("UPDATE {outbox} SET state = 'sending', settled = NULL, due = {ahead} WHERE run = '{run}'"));
            let told = away.run(&["mail", "queue"]).expect_code(0).stdout;
            assert!(told.contains("by a clock that was ahead"), "{told}");
            away.run(&["mail", decision, &run]).expect_code(code);
            assert_eq!(db.count(&format!("{outbox} WHERE run = '{run}' AND state = '{left}'")), 1, "{decision}");
        }
        let waits = id_of(&run(&away));
        let ahead = jiff::Timestamp::now().as_microsecond() + 10 * 365 * 86_400_000_000;
        db.script(&format!("UPDATE {outbox} SET state = 'waiting', settled = NULL, due = {ahead} WHERE run = '{waits}'"));
        run(&away);
        assert_eq!(db.count(&format!("{outbox} WHERE run = '{waits}' AND state = 'sent'")), 1, "it waits for no such day");

        let claimed = jiff::Timestamp::now().as_microsecond() + 60_000_000;
        let run = id_of(&run(&away));
        db.script(&format!("UPDATE {outbox} SET state = 'sending', settled = NULL, due = {claimed} WHERE run = '{run}'"));
        let told = away.run(&["mail", "drop", &run]).expect_code(0);
        assert!(told.stdout.is_empty() && told.stderr.contains("it is being sent"), "{} {}", told.stdout, told.stderr);
    }

    fn an_id_is_whole_or_a_beginning_that_fits_one(db: TestDb) {
        log_table(&db);
        let server = Server::scripted(Door::Plain, |step, _| match step {
            Step::Recipient(_) => Act::Say("450 later"),
            _ => Act::GoOn,
        });
        let many: Vec<_> = (1..=12).map(|n| format!("\"r{n}@example.org\"")).collect();
        let tenure = mailing(&db, &server, &format!("to = [{}]\n", many.join(", ")));
        let run = id_of(&run(&tenure));
        for nothing in ["", " ", "%", &run[..7], &format!("{run}."), "20200101T000000Z-000000"] {
            tenure.run(&["mail", "drop", nothing]).expect_code(2);
            tenure.run(&["report", nothing]).expect_code(2);
            tenure.run(&["approve", nothing]).expect_code(2);
        }
        assert_eq!(queue(&tenure).len(), 12);
        tenure.run(&["mail", "drop", &format!("{run}.1")]).expect_code(0);
        let left: Vec<_> = queue(&tenure).iter().map(|mail| mail["id"].as_str().unwrap().to_owned()).collect();
        assert!(left.len() == 11 && left.contains(&format!("{run}.10")), "{left:?}");
        tenure.run(&["report", &run[..20]]).expect_code(0);
        tenure.run(&["mail", "drop", &run[..20]]).expect_code(0);
        assert!(queue(&tenure).is_empty());
    }
}

#[test]
fn a_policy_forges_no_subject() {
    let db = database();
    for (name, subject) in [
        ("=?utf-8?q?BROKEN?=", "kept · = ?utf-8?q?BROKEN?= · 30 Jun: 1 row gone".to_owned()),
        ("a\u{202e}b", "kept · a\\u{202e}b · 30 Jun: nothing was past its period".to_owned()),
        (&"é".repeat(100), format!("kept · {}… · 30 Jun: nothing was past its period", "é".repeat(32))),
    ] {
        let server = Server::willing(Door::Plain);
        let schedule = logs().replace("\"house\"", &format!("\"{name}\""));
        let config = format!("{}{TO_PRIVACY}", server.config());
        run(&Tenure::at(&db).schedule(&schedule).config(&config));
        let taken = server.taken();
        assert_eq!(parsed(&taken[0].bytes).subject(), Some(subject.as_str()));
        let longest = taken[0].bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
        assert!(longest.unwrap() <= 999, "{longest:?}");
    }
}

#[test]
fn the_reason_for_plain_text_stands_in_every_report() {
    let db = database();
    let server = Server::willing(Door::Plain);
    let reason = "allow_plaintext = \"the relay is in the same rack\"\n";
    let tenure = mailing(&db, &server, &format!("{reason}{TO_PRIVACY}"));
    let told = "mails go to the mail server in plain text (allow_plaintext): the relay is in the same rack";
    for command in ["plan", "run"] {
        let document = tenure.run(&[command, "--json", "--as-of", AS_OF]).expect_code(0).json();
        assert_eq!(document["notes"], serde_json::json!([told]), "{command}");
    }
    let taken = server.taken();
    let text = parsed(&taken[0].bytes).body_text(0).unwrap().into_owned();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("the relay is in the same rack"), "{text}");
    let elsewhere = |way: &str| with_mail(&db, &format!("[mail]\nfrom = \"a@example.org\"\n{way}\n{TO_PRIVACY}"));
    elsewhere(&format!("smtp = \"smtp://mail.example.org\"\n{reason}")).run(&["check", "--offline"]).expect_code(0);
    for (way, message) in [
        ("smtp = \"smtps://mail.example.org\"\nallow_plaintext = \"why\"", "the way to this server is encrypted"),
        ("smtp = \"smtp://mail.example.org\"\ntls = \"starttls\"\nallow_plaintext = \"why\"", "is encrypted"),
        ("smtp = \"smtp://mail.example.org\"\nallow_plaintext = \" \"", "may not be empty"),
    ] {
        let refused = elsewhere(way).run(&["check", "--offline"]).expect_code(2).stderr;
        assert!(refused.contains(message), "{way}: {refused}");
    }
}
