//! What is never done: plain text over a network, a certificate that nobody vouches for, a mail that is lost in silence.

use tenure::db::Dialect;

use super::server::{Act, Door, Server, Step, USER};
use super::*;

fn database() -> TestDb {
    let db = TestDb::new(Dialect::Sqlite);
    log_table(&db);
    db
}

#[test]
fn nothing_is_said_in_plain_text_to_a_server_that_offers_no_starttls() {
    let db = database();
    let server = Server::willing(Door::Stripped);
    let ran = run(&mailing(&db, &server, TO_PRIVACY));
    assert!(ran.stderr.contains("the server offers no STARTTLS, and nothing is sent in plain text"), "{}", ran.stderr);
    assert!(!server.heard().contains("MAIL") && !server.heard().contains("AUTH"), "{}", server.heard());
}

#[test]
fn a_certificate_of_another_authority_is_refused_before_the_login() {
    for door in [Door::Starttls, Door::Implicit] {
        let db = database();
        let server = Server::willing(door);
        let stranger = Server::willing(Door::Plain);
        let tenure = mailing(&db, &server, TO_PRIVACY).file("ca.pem", &stranger.ca_pem);
        let ran = run(&tenure);
        assert!(ran.stderr.contains("setting up TLS with the mail server: invalid peer certificate"), "{}", ran.stderr);
        assert!(!server.heard().contains("AUTH"), "{}", server.heard());
        assert_eq!(queue(&tenure)[0]["state"], "waiting");
    }
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let db = database();
    let server = Server::willing(Door::Starttls);
    let config = format!("{}{TO_PRIVACY}", server.config()).replace("@localhost", "@127.0.0.1");
    let ran = run(&with_mail(&db, &config).file("ca.pem", &server.ca_pem));
    assert!(ran.stderr.contains("setting up TLS with the mail server: invalid peer certificate"), "{}", ran.stderr);
}

#[test]
fn the_password_of_the_mail_server_is_in_nothing_that_is_said_or_kept() {
    let db = database();
    // A server that quotes what it was told, and one that refuses everything in turn.
    for (at, words) in [
        (Step::Login, "535 5.7.8 smtp-s3cret-never-shown is no password"),
        (Step::Sender, "550 no"),
        (Step::End, "554 no"),
    ] {
        let server =
            Server::scripted(Door::Starttls, move |step, _| if *step == at { Act::Say(words) } else { Act::GoOn });
        let tenure = mailing(&db, &server, TO_PRIVACY).env("TENURE_LOG", "trace");
        let mut said = String::new();
        let run = ["run", "-v", "-v", "--as-of", AS_OF];
        for command in [&run[..], &["mail", "queue"], &["mail", "retry"], &["mail", "test"], &["check", "-v"]] {
            let output = tenure.run(command);
            said.push_str(&format!("{}{}", output.stdout, output.stderr));
        }
        said.push_str(&format!("{:?}", db.rows("SELECT trouble FROM tenure_outbox")));
        for file in ["tenure-state/reports", "tenure-state/alarms"] {
            for entry in fs::read_dir(tenure.dir().join(file)).into_iter().flatten() {
                said.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
            }
        }
        assert!(said.contains("the server said 5"), "{said}");
        assert!(!said.contains(PASSWORD), "{said}");
        assert!(!said.contains("AHRlbnVyZQ"), "nor in the clothes of the login: {said}");
    }
}

#[test]
fn recipients_are_masked_in_the_log() {
    let db = database();
    let server = Server::willing(Door::Plain);
    let tenure = mailing(&db, &server, TO_PRIVACY).env("TENURE_LOG", "trace");
    let ran = tenure.run(&["run", "-v", "-v", "--as-of", AS_OF]).expect_code(0);
    assert!(ran.stderr.contains("***@example.org"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(PRIVACY), "{}", ran.stderr);
}

#[test]
fn every_mistake_of_the_mail_config_is_shown_at_once_under_its_line_and_without_a_secret() {
    let db = database();
    let config = format!(
        "[mail]\nsmtp = \"smtp://{USER}:{PASSWORD}@mail.example.org:587\"\npassword_file = \"smtp.password\"\n\
         ca_file = \"none.pem\"\ntimeout = 0\nfrom = \"nobody\"\nto = [\"secretary@example.org\", \"also nobody\"]\n\
         on = \"sometimes\"\ntransport = \"smtp\"\nspool = \"x\"\n[[mail.also]]\npolicy = \"house\"\n"
    );
    let refused = with_mail(&db, &config).run(&["check", "--offline"]).expect_code(2).stderr;
    for (line, message) in [
        (3, "mail, `password_file`: the URL holds a password already"),
        (4, "mail, `ca_file`: cannot read `none.pem`"),
        (5, "mail, `timeout`: 0 is out of range"),
        (6, "mail, `from`: this is no mail address"),
        (7, "mail, `to`: this is no mail address"),
        (8, "mail, `on`: \"sometimes\" is not known"),
        (10, "mail: unknown key `spool`"),
        (11, "mail.also: `to` is missing"),
    ] {
        assert!(refused.contains(message), "{message}: {refused}");
        assert!(refused.contains(&format!("tenure.toml:{line}:")), "{line}: {refused}");
    }
    assert!(!refused.contains(PASSWORD) && !refused.contains("secretary@"), "{refused}");
}

#[test]
fn plain_text_must_be_asked_for_by_name_and_leads_to_this_host_only() {
    let db = database();
    let config = |way: &str| format!("[mail]\nfrom = \"tenure@example.org\"\n{way}\n{TO_PRIVACY}");
    let checked = |way: &str| with_mail(&db, &config(way)).run(&["check", "--offline"]);
    for (way, message) in [
        ("smtp = \"smtp://mail.example.org\"\ntls = \"none\"", "nothing is sent over one in plain text"),
        ("smtp = \"smtp://10.0.0.1\"\ntls = \"none\"", "nothing is sent over one in plain text"),
        ("smtp = \"smtps://mail.example.org\"\ntls = \"none\"", "smtps:// means implicit TLS"),
        ("smtp = \"smtps://mail.example.org\"\ntls = \"starttls\"", "smtps:// means implicit TLS"),
        ("smtp = \"http://mail.example.org\"", "this is no URL of a mail server"),
        ("smtp = \"smtp://a@b@mail.example.org\"", "this is no URL of a mail server"),
        ("smtp = \"smtp://mail.example.org/x\"", "this is no URL of a mail server"),
        ("smtp = \"smtp://tenure@mail.example.org\"", "the URL names a user, and there is no password"),
        ("smtp = \"smtp://mail.example.org\"\npassword_file = \"smtp.password\"", "the URL names no user"),
        ("", "`smtp` is missing"),
    ] {
        let output = checked(way).expect_code(2);
        assert!(output.stderr.contains(message), "{way}: {}", output.stderr);
    }
    for way in [
        "smtp = \"smtp://localhost\"\ntls = \"none\"",
        "smtp = \"smtp://[::1]:2525\"\ntls = \"none\"",
        "smtp = \"smtp://mail.example.org\"\ntls = \"implicit\"",
        "transport = \"sendmail\"",
        "transport = \"file\"\nfolder = \"outgoing\"",
    ] {
        checked(way).expect_code(0);
    }
}

#[test]
fn recipients_of_a_policy_that_is_not_there_are_a_mistake() {
    let db = database();
    let config = format!(
        "schedules = [\"s.toml\"]\n[mail]\nfrom = \"tenure@example.org\"\ntransport = \"file\"\n[[mail.also]]\n\
         policy = \"hause\"\n{TO_PRIVACY}[database.main]\nurl = \"{}\"\n",
        db.url()
    );
    let tenure = Tenure::alone().file("s.toml", &logs()).config(&config);
    let refused = tenure.run(&["check"]).expect_code(2).stderr;
    assert!(refused.contains("there is no policy `hause` in the schedules"), "{refused}");
    assert!(refused.contains("tenure.toml:6:") && refused.contains("did you mean `house`?"), "{refused}");
}

#[test]
fn a_run_that_cannot_even_begin_is_mailed_once_a_day() {
    let server = Server::willing(Door::Plain);
    let config = format!("{}{TO_PRIVACY}", server.config());
    let away = Tenure::at_url("sqlite:///nowhere/at/all.db").schedule(&logs()).config(&config);
    let away = away.file("tenure-state/alarms/2020-01-01-0123456789abcdef", "");
    for _ in 0..2 {
        away.run(&["run"]).expect_code(1);
    }
    let [taken] = server.taken().try_into().unwrap();
    assert_eq!(fs::read_dir(away.dir().join("tenure-state/alarms")).unwrap().count(), 1, "of this day only");
    let mail = parsed(&taken.bytes);
    assert_eq!(mail.subject(), Some("NOT RUN: house (main)"));
    assert!(mail.body_text(0).unwrap().contains("/nowhere/at/all.db"), "{:?}", mail.body_text(0));
    assert!(mail.message_id().unwrap().ends_with(".alarm.tenure@example.org"));

    let malformed = Tenure::at_url("sqlite:///nowhere/at/all.db").schedule("[policy]\n").config(&config);
    malformed.run(&["run"]).expect_code(2);
    malformed.run(&["plan"]).expect_code(2);
    let taken = server.taken();
    assert_eq!(taken.len(), 2, "a dry run tells whoever started it");
    let text = parsed(&taken[1].bytes).body_text(0).unwrap().into_owned();
    assert!(text.contains("schedule-2.toml:") || text.contains(".toml:1:"), "{text}");
}

#[test]
fn a_database_that_is_away_keeps_no_other_promise_from_being_kept_and_is_mailed_of() {
    let db = database();
    let server = Server::willing(Door::Plain);
    let config = format!(
        "{}{TO_PRIVACY}[database.away]\nurl = \"sqlite:///nowhere/at/all.db\"\n[database.main]\nurl = \"{}\"\n",
        server.config(),
        db.url()
    );
    let away = delete_rule("elsewhere", "log", "database = \"away\"");
    let tenure = Tenure::alone().schedule(&format!("{}{away}", logs())).config(&config);
    let ran = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(1);
    assert_eq!(ran.json()["rules"][0]["done"], 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("database `away`"), "{}", ran.stderr);
    assert_eq!(db.count("log"), 2);
    let subjects: Vec<_> =
        server.taken().iter().map(|taken| parsed(&taken.bytes).subject().unwrap().to_owned()).collect();
    assert_eq!(subjects, ["NOT RUN: house (away)", "kept: house (main), 2026-06-30"]);
}

#[test]
fn answers_that_somebody_on_the_way_put_behind_starttls_in_plain_text_are_not_taken_for_the_servers() {
    let db = database();
    let server = Server::scripted(Door::Starttls, |step, _| match step {
        Step::Starttls => Act::Smuggle(
            "250-localhost\r\n250 AUTH PLAIN\r\n235 welcome\r\n250 fine\r\n250 fine\r\n354 go on\r\n250 taken\r\n",
        ),
        _ => Act::GoOn,
    });
    let tenure = mailing(&db, &server, TO_PRIVACY);
    let ran = run(&tenure);
    assert!(ran.stderr.contains("somebody spoke in plain text behind it"), "{}", ran.stderr);
    assert_eq!(queue(&tenure)[0]["state"], "waiting", "a mail that no server took is not sent");
    assert!(!server.heard().contains("AUTH"), "{}", server.heard());
}

#[test]
fn an_answer_that_does_not_belong_to_the_question_is_no_acceptance() {
    let db = database();
    // As where an answer too many stands before those of the server: each is taken for the next one's.
    let server = Server::scripted(Door::Plain, |step, _| match step {
        Step::End => Act::Say("354 go on"),
        _ => Act::GoOn,
    });
    let tenure = mailing(&db, &server, TO_PRIVACY);
    let ran = run(&tenure);
    assert!(ran.stderr.contains("the server answered 354 out of turn"), "{}", ran.stderr);
    assert_eq!(queue(&tenure)[0]["state"], "waiting");
}
