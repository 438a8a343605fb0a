//! What is in a mail, as whoever gets it reads it.

use mail_parser::MimeHeaders as _;
use tenure::db::Dialect;

use super::server::{Door, Server, USER};
use super::*;

#[test]
fn a_run_mails_a_short_letter_with_its_report_as_html_json_and_csv_attached() {
    for door in [Door::Starttls, Door::Implicit, Door::Plain] {
        let db = TestDb::new(Dialect::Sqlite);
        log_table(&db);
        let server = Server::willing(door);
        let ran = run(&mailing(&db, &server, TO_PRIVACY));
        let [taken] = server.taken().try_into().unwrap();
        assert_eq!((taken.from.as_str(), taken.to.as_str()), ("tenure@example.org", PRIVACY));
        assert_eq!(taken.encrypted, door != Door::Plain);
        assert_eq!(taken.user.as_deref(), Some(USER).filter(|_| door != Door::Plain));

        let mail = parsed(&taken.bytes);
        let text = mail.body_text(0).unwrap();
        assert!(text.starts_with("KEPT — Every promise of this run was kept."), "{text}");
        let html = mail.body_html(0).unwrap();
        assert!(html.starts_with("<!DOCTYPE html>") && html.len() < 25_000, "{} bytes", html.len());
        let [page, json, csv] = mail.attachments().collect::<Vec<_>>().try_into().unwrap();
        let attached: serde_json::Value = serde_json::from_slice(json.contents()).unwrap();
        assert_eq!(attached, ran.json(), "what is attached is what the run said");
        assert!(csv.contents().starts_with(b"run,") || csv.text_contents().unwrap().contains("logs"));
        let id = id_of(&ran);
        assert!(page.text_contents().unwrap().contains("Rule by rule"), "the full report");
        let names = [page, json, csv].map(|part| part.attachment_name().unwrap().to_owned());
        assert_eq!(names, ["html", "json", "csv"].map(|format| format!("tenure-{id}.{format}")));
        assert_eq!(mail.message_id(), Some(format!("{id}.tenure@example.org").as_str()));
    }
}

#[test]
fn the_attached_json_proves_itself_against_the_ledger_months_later() {
    let db = TestDb::new(Dialect::Sqlite);
    log_table(&db);
    let server = Server::willing(Door::Plain);
    let tenure = mailing(&db, &server, TO_PRIVACY);
    run(&tenure);
    run(&tenure);
    let first = &server.taken()[0].bytes;
    let mail = parsed(first);
    let attached = mail.attachments().nth(1).unwrap().contents().to_vec();
    fs::write(tenure.dir().join("mailed.json"), &attached).unwrap();
    tenure.run(&["verify", "--report", "mailed.json"]).expect_code(0);
    let changed = String::from_utf8(attached).unwrap().replace("\"done\": 1", "\"done\": 2");
    fs::write(tenure.dir().join("mailed.json"), changed).unwrap();
    tenure.run(&["verify", "--report", "mailed.json"]).expect_code(5);
}

#[test]
fn the_subject_says_the_verdict_first_and_headers_let_readers_thread_and_filter() {
    let db = TestDb::new(Dialect::Sqlite);
    log_table(&db);
    let server = Server::willing(Door::Plain);
    let tenure = mailing(&db, &server, TO_PRIVACY);
    run(&tenure);
    db.create("CREATE TABLE child (id {pk}, log_id {bigint}, FOREIGN KEY (log_id) REFERENCES log (id))");
    db.script("INSERT INTO log (id, at) VALUES (9, '2020-01-01 00:00:00'); INSERT INTO child (log_id) VALUES (9)");
    run(&tenure);
    let taken = server.taken();
    let [kept, at_risk] = taken.as_slice() else { panic!("{} mails", taken.len()) };
    let (kept, at_risk) = (parsed(&kept.bytes), parsed(&at_risk.bytes));
    assert_eq!(kept.subject(), Some("kept · house · 30 Jun: 1 row gone"));
    assert_eq!(at_risk.subject(), Some("AT RISK · house · 30 Jun: 1 row past its period stays"));
    for name in ["References", "In-Reply-To", "List-Id"] {
        assert_eq!(kept.header_raw(name).unwrap(), at_risk.header_raw(name).unwrap(), "{name}");
    }
    assert_eq!(kept.header_raw("List-Id").unwrap().trim(), "<house.main.tenure.example.org>");
    assert_eq!(kept.header_raw("Auto-Submitted").unwrap().trim(), "auto-generated");
    assert_eq!(at_risk.header_raw("X-Tenure-Verdict").unwrap().trim(), "at-risk");
    assert_ne!(kept.message_id(), at_risk.message_id());
}

#[test]
fn no_line_is_longer_than_a_mail_may_have_and_the_text_fits_78_columns() {
    let db = TestDb::new(Dialect::Sqlite);
    log_table(&db);
    let server = Server::willing(Door::Plain);
    let schedule =
        logs().replace("house", "Grundsätze über die Aufbewahrung personenbezogener Daten 隐私政策, in aller Länge");
    let tenure = Tenure::at(&db).schedule(&schedule).config(&format!("{}{TO_PRIVACY}", server.config()));
    run(&tenure);
    let [taken] = server.taken().try_into().unwrap();
    assert!(taken.bytes.is_ascii(), "servers that know ASCII only pass it on");
    let lines = taken.bytes.split(|byte| *byte == b'\n');
    assert!(lines.clone().all(|line| line.len() <= 79), "{:?}", lines.max_by_key(|line| line.len()));
    let mail = parsed(&taken.bytes);
    assert!(mail.subject().unwrap().contains("Grundsätze über die"), "{:?}", mail.subject());
    let text = mail.body_text(0).unwrap();
    let longest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
    assert!(longest.chars().count() <= 78, "{longest}");
}

#[test]
fn who_is_mailed_depends_on_the_policy_and_on_the_verdict_and_nobody_gets_two() {
    let db = TestDb::new(Dialect::Sqlite);
    log_table(&db);
    let server = Server::willing(Door::Plain);
    let groups = r#"
        to = ["always@example.org"]
        [[mail.also]]
        on = "not-kept"
        to = ["always@example.org", "bad-news@example.org"]
        [[mail.also]]
        policy = "house"
        to = ["house@example.org"]
        [[mail.also]]
        policy = ["another house", "house"]
        on = "not-kept"
        to = "dean@example.org"
        [[mail.also]]
        policy = "another house"
        to = ["nobody@example.org"]
    "#;
    let tenure = mailing(&db, &server, groups);
    run(&tenure);
    let to = |from: usize| server.taken()[from..].iter().map(|taken| taken.to.clone()).collect::<Vec<_>>();
    assert_eq!(to(0), ["always@example.org", "house@example.org"]);
    db.script("DROP TABLE log");
    db.create("CREATE TABLE log (id {pk}, nowt {ts})");
    tenure.run(&["run", "--as-of", AS_OF]).expect_code(1);
    assert_eq!(
        to(2),
        ["always@example.org", "bad-news@example.org", "house@example.org", "dean@example.org"],
        "a failure is mailed at once"
    );
    let headers = server.taken();
    let all = parsed(&headers[2].bytes).header_raw("To").unwrap().to_owned();
    assert!(all.contains("dean@example.org") && all.contains("house@example.org"), "all see who else got it: {all}");
}

#[test]
fn a_run_that_a_guard_stopped_is_mailed_at_once() {
    let db = TestDb::new(Dialect::Sqlite);
    log_table(&db);
    let server = Server::willing(Door::Plain);
    let config = format!("{}on = \"not-kept\"\n{TO_PRIVACY}", server.config());
    let schedule = policy(&delete_rule("logs", "log", "guard = { max_rows = 0 }"));
    let tenure = Tenure::at(&db).schedule(&schedule).config(&config);
    tenure.run(&["run", "--as-of", AS_OF]).expect_code(3);
    let [guarded] = server.taken().try_into().unwrap();
    let guarded = parsed(&guarded.bytes);
    assert!(
        guarded.subject().unwrap().starts_with("AT RISK · house · 30 Jun: 1 rule stopped by a guard"),
        "{:?}",
        guarded.subject()
    );
    assert!(guarded.body_text(0).unwrap().contains("tenure approve"));
    tenure.run(&["run", "--yes", "--as-of", AS_OF]).expect_code(0);
    assert_eq!(server.taken().len(), 1, "good news was not asked for");
}

#[test]
fn dry_runs_are_not_mailed() {
    let db = TestDb::new(Dialect::Sqlite);
    log_table(&db);
    let server = Server::willing(Door::Plain);
    mailing(&db, &server, TO_PRIVACY).run(&["plan", "--as-of", AS_OF]).expect_code(0);
    assert!(server.taken().is_empty());
}

#[test]
fn a_folder_and_a_program_like_sendmail_get_the_same_mail_as_a_server() {
    let db = TestDb::new(Dialect::Sqlite);
    log_table(&db);
    let file = with_mail(&db, &format!("[mail]\nfrom = \"tenure@example.org\"\ntransport = \"file\"\n{TO_PRIVACY}"));
    let id = id_of(&run(&file));
    let [eml] = written(&file).try_into().unwrap();
    assert_eq!(parsed(&eml).message_id(), Some(format!("{id}.tenure@example.org").as_str()));

    let program =
        format!("[mail]\nfrom = \"tenure@example.org\"\ntransport = \"sendmail\"\nsendmail = \"mta\"\n{TO_PRIVACY}");
    let program = with_mail(&db, &program).file("mta", "#!/bin/sh\nprintf '%s ' \"$@\" >args\nexec cat >mail\n");
    executable(&program, "mta");
    let id = id_of(&run(&program));
    let read = |name: &str| std::fs::read(program.dir().join(name)).unwrap();
    assert_eq!(String::from_utf8(read("args")).unwrap(), "-i -f tenure@example.org -- privacy@example.org ");
    assert_eq!(parsed(&read("mail")).message_id(), Some(format!("{id}.tenure@example.org").as_str()));
    assert!(queue(&program).is_empty());
}

#[test]
fn a_program_that_fails_for_now_is_called_again_and_one_that_fails_for_good_is_not() {
    let db = TestDb::new(Dialect::Sqlite);
    log_table(&db);
    let config =
        format!("[mail]\nfrom = \"tenure@example.org\"\ntransport = \"sendmail\"\nsendmail = \"mta\"\n{TO_PRIVACY}");
    for (code, state) in [(75, "waiting"), (67, "refused")] {
        let tenure = with_mail(&db, &config).file("mta", &format!("#!/bin/sh\nexit {code}\n"));
        executable(&tenure, "mta");
        run(&tenure);
        let queued = queue(&tenure);
        let newest = queued.last().unwrap();
        assert_eq!(newest["state"], state, "{queued:?}");
        assert!(newest["trouble"].as_str().unwrap().contains(&format!("exit status: {code}")), "{queued:?}");
    }
}

fn executable(tenure: &Tenure, name: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = tenure.dir().join(name);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
