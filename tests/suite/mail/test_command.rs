//! `tenure mail test`: how far a mail comes, step by step, and what to do where it does not.

use super::server::{Act, Door, Server, Step, USER};
use super::*;

fn tenure(config: &str, ca_pem: &str) -> Tenure {
    Tenure::alone().config(config).file("smtp.password", PASSWORD).file("ca.pem", ca_pem)
}

#[test]
fn a_test_mail_says_every_step_on_its_way() {
    let server = Server::willing(Door::Starttls);
    let tenure = tenure(&format!("{}{TO_PRIVACY}", server.config()), &server.ca_pem);
    let said = tenure.run(&["mail", "test"]).expect_code(0).stdout;
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].starts_with("`localhost` is ") && lines[0].contains("127.0.0.1"), "{said}");
    assert_eq!(lines[1], format!("the server answers on port {}", server.port));
    assert_eq!(lines[2], "the connection is encrypted, and the certificate is one for `localhost`");
    assert_eq!(lines[3], format!("logged in as `{USER}`"));
    assert!(lines[4].starts_with("the mail to privacy@example.org was taken, as <"), "{said}");
    let told = tenure.run(&["mail", "test", "--to", "else@example.org", "--json"]).expect_code(0).json();
    assert_eq!((told["steps"].as_array().unwrap().len(), &told["trouble"]), (5, &serde_json::Value::Null));
    let to: Vec<_> = server.taken().into_iter().map(|taken| taken.to).collect();
    assert_eq!(to, [PRIVACY, "else@example.org"]);
    assert!(parsed(&server.taken()[0].bytes).body_text(0).unwrap().contains("test of tenure's mail"));
}

#[test]
fn a_test_mail_names_the_step_that_failed_and_the_remedy() {
    type Failing = (Door, Option<(Step, Act)>, fn(&str) -> String, &'static str, &'static str);
    let as_it_is: fn(&str) -> String = str::to_owned;
    let recipient = Step::Recipient(PRIVACY.to_owned());
    let failing: [Failing; 6] = [
        (
            Door::Starttls,
            None,
            |config| config.replace("localhost", "no.such.host.invalid"),
            "has no address",
            "correct the host",
        ),
        (Door::Stripped, None, as_it_is, "offers no STARTTLS", "smtps://"),
        (Door::Starttls, Some((Step::Login, Act::Say("535 no"))), as_it_is, "logging in", "`password_file`"),
        (Door::Starttls, Some((Step::Sender, Act::Say("553 not yours"))), as_it_is, "553 not yours", "as `from`"),
        (Door::Starttls, Some((recipient, Act::Say("554 no relay"))), as_it_is, "554 no relay", "relay to it"),
        (Door::Starttls, Some((Step::End, Act::Say("552 too big"))), as_it_is, "552 too big", "whoever runs"),
    ];
    for (door, trouble, change, said, remedy) in failing {
        let server = Server::scripted(door, move |step, _| match &trouble {
            Some((at, act)) if at == step => *act,
            _ => Act::GoOn,
        });
        let tenure = tenure(&change(&format!("{}{TO_PRIVACY}", server.config())), &server.ca_pem);
        let output = tenure.run(&["mail", "test"]).expect_code(1);
        assert!(output.stderr.contains(said) && output.stderr.contains(remedy), "{said}: {}", output.stderr);
        let told = tenure.run(&["mail", "test", "--json"]).expect_code(1).json();
        assert!(told["trouble"]["error"].as_str().unwrap().contains(said), "{told}");
    }
}

#[test]
fn without_a_mail_section_the_commands_say_what_to_write() {
    for command in [&["mail", "test"][..], &["mail", "retry"]] {
        let output = Tenure::alone().config("").run(command).expect_code(2);
        assert!(output.stderr.contains("there is no [mail] in the config"), "{}", output.stderr);
    }
}
