//! Why a mail did not go, in sentences that may be stored, logged and shown: without a password and without an address.

use std::fmt;
use std::io::{self, ErrorKind};

use crate::base::visible::is_unseen;

/// Characters of a server's own words that are kept.
const LONGEST_REPLY: usize = 200;

/// Whom it concerns, which decides what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Every mail would meet it: the server is away, or does not talk with us.
    Server,
    /// This mail, for now: the server may take it later.
    Later,
    /// This mail, for good: trying again would be no use.
    Never,
}

/// How far a mail came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Resolve,
    Connect,
    Encrypt,
    Login,
    Sender,
    Recipient,
    Content,
}

impl Step {
    /// What to do about trouble at this step.
    fn remedy(self) -> &'static str {
        match self {
            Step::Resolve => "correct the host in `smtp`, or the host's resolver",
            Step::Connect => "is the mail server running, and its port in `smtp` open to this host?",
            Step::Encrypt => {
                "`ca_file` must hold the authority that signed the server's certificate, and the host in `smtp` be a name in \
                 it; smtp:// begins in plain text and turns to TLS, smtps:// begins with TLS"
            }
            Step::Login => "correct the user in `smtp` and `password_file`",
            Step::Sender => "the server must let this login send as `from`",
            Step::Recipient => "correct the address in `to`, or let the server relay to it",
            Step::Content => "ask whoever runs the mail server why it does not take the mail",
        }
    }

    fn doing(self) -> &'static str {
        match self {
            Step::Resolve => "finding the mail server",
            Step::Connect => "connecting to the mail server",
            Step::Encrypt => "setting up TLS with the mail server",
            Step::Login => "logging in to the mail server",
            Step::Sender => "offering the sender",
            Step::Recipient => "offering the recipient",
            Step::Content => "handing over the mail",
        }
    }
}

/// What stood in the way of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub reach: Reach,
    pub step: Step,
    /// What happened, without a full stop.
    pub reason: String,
}

impl Trouble {
    pub fn new(reach: Reach, step: Step, reason: impl Into<String>) -> Self {
        Self { reach, step, reason: reason.into() }
    }

    /// What a refusal means at this step. Nothing that was said during the login is repeated: a server might quote the
    /// password.
    pub(super) fn of_answer(step: Step, code: u16, lines: &[String]) -> Self {
        let words = if step == Step::Login { String::new() } else { lines.join(" ") };
        let reason = format!("the server said {code} {}", shown(&words)).trim_end().to_owned();
        Self::new(reach_of(step, code), step, reason)
    }

    /// What a connection that failed means at this step.
    pub(super) fn of_io(step: Step, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                Self::new(Reach::Server, step, "the server did not answer in time")
            }
            // The words of the TLS library: who signed what, and for which name.
            ErrorKind::InvalidData => Self::new(Reach::Server, Step::Encrypt, shown(&error.to_string())),
            _ => Self::new(Reach::Server, step, format!("the connection failed: {}", shown(&error.to_string()))),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        self.step.remedy()
    }
}

/// Without the remedy.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step.doing(), self.reason)
    }
}

/// 5xx is the server's last word on a mail only where it speaks of the mail: before that, and where it asks for a login, it
/// speaks of us, and what is wrong can be set right.
fn reach_of(step: Step, code: u16) -> Reach {
    const SERVICE_CLOSES: u16 = 421;
    const ABOUT_LOGIN: [u16; 4] = [530, 534, 535, 538];
    let of_mail = matches!(step, Step::Sender | Step::Recipient | Step::Content);
    match code {
        _ if !of_mail => Reach::Server,
        SERVICE_CLOSES => Reach::Server,
        code if ABOUT_LOGIN.contains(&code) => Reach::Server,
        500..=599 => Reach::Never,
        _ => Reach::Later,
    }
}

/// The server's words on one line, in characters that steer no terminal, with addresses masked.
pub(super) fn shown(words: &str) -> String {
    let visible: String = words.chars().map(|c| if is_unseen(c) { ' ' } else { c }).collect();
    let masked: Vec<_> = visible.split_whitespace().map(masked_word).collect();
    masked.join(" ").chars().take(LONGEST_REPLY).collect()
}

/// A word that holds an address, with the part before the `@` covered.
fn masked_word(word: &str) -> String {
    match word.rsplit_once('@') {
        Some((_, domain)) => format!("***@{domain}"),
        None => word.to_owned(),
    }
}

/// An address as logs show it.
pub fn masked(address: &str) -> String {
    masked_word(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_one_line_without_an_address() {
        let said = "5.1.1 <ann@example.org>: unknown\u{1b}[2J\r\n(via bob@x)";
        assert_eq!(shown(said), "5.1.1 ***@example.org>: unknown [2J (via ***@x)");
        assert_eq!(shown(&"x".repeat(1_000)).len(), LONGEST_REPLY);
    }

    #[test]
    fn what_a_connection_or_an_answer_says_is_told_without_what_was_said_at_the_login() {
        let lines = ["5.7.8 s3cret is wrong".to_owned()];
        assert_eq!(Trouble::of_answer(Step::Login, 535, &lines).reason, "the server said 535");
        assert_eq!(Trouble::of_answer(Step::Sender, 535, &lines).reason, "the server said 535 5.7.8 s3cret is wrong");
        let late = Trouble::of_io(Step::Content, &ErrorKind::TimedOut.into());
        assert_eq!((late.reach, late.reason.as_str()), (Reach::Server, "the server did not answer in time"));
    }

    #[test]
    fn only_a_5xx_that_speaks_of_the_mail_is_the_last_word_on_it() {
        for (step, code, reach) in [
            (Step::Connect, 554, Reach::Server),
            (Step::Login, 535, Reach::Server),
            (Step::Sender, 530, Reach::Server),
            (Step::Sender, 553, Reach::Never),
            (Step::Recipient, 450, Reach::Later),
            (Step::Recipient, 550, Reach::Never),
            (Step::Content, 421, Reach::Server),
            (Step::Content, 451, Reach::Later),
            (Step::Content, 554, Reach::Never),
        ] {
            assert_eq!(reach_of(step, code), reach, "{step:?} {code}");
        }
    }
}
