//! Against Debian's postfix, with STARTTLS and a login: stopped, stalled, refusing, greylisting, and back.

use tenure::db::Dialect;

use super::postfix::{Mood, Postfix};
use super::*;

#[test]
fn a_real_server_that_goes_away_stalls_refuses_and_greylists_gets_each_report_once_in_the_end() {
    let Some(mut postfix) = Postfix::start() else {
        eprintln!("not tried: postfix can be started by root only");
        return;
    };
    let db = TestDb::new(Dialect::Sqlite);
    log_table(&db);
    let config = format!("{}to = [\"privacy@example.org\", \"dean@example.org\"]\n", postfix.config());
    let tenure = with_mail(&db, &config).file("ca.pem", &postfix.ca_pem);
    let stderr_of = |ran: &Output| ran.stderr.clone();

    let taken = run(&tenure);
    assert_eq!(stderr_of(&taken).matches("its report").count(), 0, "{}", taken.stderr);

    postfix.go_away();
    let away = run(&tenure);
    assert!(away.stderr.contains("connecting to the mail server: the connection failed"), "{}", away.stderr);

    postfix.come_back();
    postfix.stall();
    let stalled = run(&tenure);
    assert!(stalled.stderr.contains("the server did not answer in time"), "{}", stalled.stderr);
    postfix.wake();

    postfix.be(Mood::Greylisting);
    let greylisted = run(&tenure);
    assert!(greylisted.stderr.contains("offering the recipient: the server said 450 4.7.1"), "{}", greylisted.stderr);
    assert!(greylisted.stderr.contains("greylisted"), "{}", greylisted.stderr);

    postfix.be(Mood::Refusing);
    let refused = run(&tenure);
    assert!(refused.stderr.contains("refused for good") && refused.stderr.contains("554 5.7.1"), "{}", refused.stderr);

    let locked_out = with_mail(&db, &config).file("ca.pem", &postfix.ca_pem).file("smtp.password", "wrong");
    let unknown = run(&locked_out);
    assert!(unknown.stderr.contains("logging in to the mail server: the server said 535"), "{}", unknown.stderr);

    postfix.be(Mood::Greylisting);
    let_time_pass(&db);
    tenure.run(&["mail", "retry"]).expect_code(0);
    assert!(queue(&tenure).is_empty());
    let runs = [&taken, &away, &stalled, &greylisted, &refused, &unknown];
    let mut wanted: Vec<_> = runs
        .iter()
        .flat_map(|ran| {
            let id = format!("{}.tenure@example.org", id_of(ran));
            [PRIVACY, "dean@example.org"].map(|to| (id.clone(), to.to_owned()))
        })
        .collect();
    wanted.sort();
    assert_eq!(postfix.arrived(wanted.len()), wanted, "each run's report, once to each recipient");
    let mail = postfix.delivered().pop().unwrap();
    let mail = parsed(&mail);
    assert!(mail.body_text(0).unwrap().starts_with("KEPT"));
    assert_eq!(mail.attachment_count(), 2);
    assert!(mail.header_raw("Received").unwrap().contains("ESMTPSA"), "over TLS and with a login");
}
