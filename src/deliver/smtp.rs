//! One conversation with an SMTP server, step by step, so that whatever goes wrong has a name.
//!
//! The library that makes the mails has a client too. It waits for each byte anew and keeps a line for as long as the line
//! goes on, so a server could hold a run up for ever, or use up its memory. So the client is our own; see [`super::wire`].

use std::io::ErrorKind::{ConnectionRefused, InvalidData};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use lettre::Address;

use super::trouble::{Reach, Step, Trouble};
use super::wire::{self, Answer, Fault, Wire};
use crate::config::mail::{Login, Smtp, Tls};

/// Pauses before the attempts to connect: a server that restarts is back in a moment, and one that is away must not hold a
/// run up.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(500), Duration::from_millis(1_500)];

/// How much longer than any other answer the last one may take, in which the server says that it has the mail: who gives up
/// early here may send it twice (RFC 5321, 4.5.3.2).
const LAST_ANSWER: u32 = 6;

/// How many times the time for one answer it may take to connect, encrypt and log in, however many addresses the server has.
const BEGINNING: u32 = 8;

/// The same for one mail: sender, recipient and DATA, the mail's own bytes, and the last answer.
const ONE_MAIL: u32 = LAST_ANSWER + 4;

/// The server's answer to DATA, and to nothing else.
const GO_ON: u16 = 354;

/// The server's answer to a part of a login, with which it asks for the next one.
const ASKS_ON: u16 = 334;

/// The longest time from the first packet to the answer that a mail was taken.
pub(super) fn longest(smtp: &Smtp) -> Duration {
    smtp.timeout * (BEGINNING + ONE_MAIL)
}

/// A connection over which mails can be sent.
pub(super) struct Conversation {
    wire: Wire,
    /// For one answer.
    timeout: Duration,
    /// For all that goes on at the moment.
    until: Instant,
}

impl Conversation {
    /// Connects, encrypts and logs in; `tell` hears of every step that went well.
    pub fn begin(smtp: &Smtp, tell: &mut dyn FnMut(String)) -> Result<Self, Trouble> {
        let until = Instant::now() + smtp.timeout * BEGINNING;
        let addresses = resolve(smtp)?;
        tell(format!("`{}` is {}", smtp.host, list(&addresses)));
        let mut wire = connect(smtp, &addresses, until)?;
        if smtp.tls == Tls::Implicit {
            wire = encrypt(smtp, wire)?;
        }
        let mut talk = Self { wire, timeout: smtp.timeout, until };
        talk.answer(Step::Connect)?;
        tell(format!("the server answers on port {}", smtp.port));
        let mut offers = talk.greet()?;
        if smtp.tls == Tls::Starttls {
            (talk, offers) = talk.start_tls(smtp, &offers)?;
        }
        if smtp.tls != Tls::None {
            tell(format!("the connection is encrypted, and the certificate is one for `{}`", smtp.host));
        }
        if let Some(login) = &smtp.login {
            talk.log_in(login, &offers)?;
            tell(format!("logged in as `{}`", login.user));
        }
        Ok(talk)
    }

    /// Sends one mail to one recipient. `Ok` means that the server has taken it over.
    pub fn send(&mut self, from: &Address, to: &Address, mail: &[u8]) -> Result<(), Trouble> {
        self.until = Instant::now() + self.timeout * ONE_MAIL;
        let sent = self.offer(from, to).and_then(|()| self.hand_over(mail));
        if sent.as_ref().is_err_and(|trouble| trouble.reach != Reach::Server) {
            // Where even this fails, the next mail will say so.
            let _ = self.ask(Step::Content, "RSET");
        }
        sent
    }

    fn offer(&mut self, from: &Address, to: &Address) -> Result<(), Trouble> {
        self.ask(Step::Sender, &format!("MAIL FROM:<{from}>"))?;
        self.ask(Step::Recipient, &format!("RCPT TO:<{to}>")).map(drop)
    }

    fn hand_over(&mut self, mail: &[u8]) -> Result<(), Trouble> {
        let answer = self.ask(Step::Content, "DATA")?;
        if answer.code != GO_ON {
            return Err(out_of_turn(&answer));
        }
        self.wire.wait_until(self.until);
        // From the end of the mail on it may be the server's, whether its answer reaches us or not: an attempt that fails
        // here is repeated, with the same Message-ID.
        self.wire.write(&stuffed(mail)).map_err(|error| Trouble::of_io(Step::Content, &error))?;
        self.until = Instant::now() + self.timeout * LAST_ANSWER;
        let answer = self.answer_within(Step::Content, self.timeout * LAST_ANSWER)?;
        if answer.code == GO_ON {
            return Err(out_of_turn(&answer));
        }
        Ok(())
    }

    /// Says good-bye; what is sent is sent, whatever comes of it.
    pub fn end(mut self) {
        self.until = Instant::now() + self.timeout;
        let _ = self.ask(Step::Content, "QUIT");
    }

    /// Says who we are; what the server offers, a line each.
    fn greet(&mut self) -> Result<Vec<String>, Trouble> {
        self.ask(Step::Connect, &format!("EHLO {}", hello_name())).map(|answer| answer.lines)
    }

    /// What was said in plain text before it is forgotten, and asked for again. The server must not have said more than its
    /// answer to STARTTLS: what somebody on the way put behind it would be taken for its answers over TLS.
    fn start_tls(mut self, smtp: &Smtp, offers: &[String]) -> Result<(Self, Vec<String>), Trouble> {
        let failed = |reason: &str| Trouble::new(Reach::Server, Step::Encrypt, reason);
        if !offers.iter().any(|offer| offer.trim().eq_ignore_ascii_case("STARTTLS")) {
            return Err(failed("the server offers no STARTTLS, and nothing is sent in plain text"));
        }
        self.ask(Step::Encrypt, "STARTTLS")?;
        if self.wire.has_more() {
            return Err(failed("the server agreed to STARTTLS, and somebody spoke in plain text behind it"));
        }
        self.wire.wait_until(self.until);
        let mut talk = Self { wire: encrypt(smtp, self.wire)?, ..self };
        let offers = talk.greet()?;
        Ok((talk, offers))
    }

    fn log_in(&mut self, login: &Login, offers: &[String]) -> Result<(), Trouble> {
        let (user, password) = (login.user.as_str(), login.password.reveal());
        let encoded = |text: &str| BASE64.encode(text.as_bytes());
        let answer = match way_in(offers) {
            Some("PLAIN") => {
                self.ask(Step::Login, &format!("AUTH PLAIN {}", encoded(&format!("\0{user}\0{password}"))))?
            }
            Some(_) => {
                self.ask(Step::Login, "AUTH LOGIN")?;
                self.ask(Step::Login, &encoded(user))?;
                self.ask(Step::Login, &encoded(password))?
            }
            None => {
                let reason = "the server offers neither AUTH PLAIN nor AUTH LOGIN";
                return Err(Trouble::new(Reach::Server, Step::Login, reason));
            }
        };
        match answer.code {
            ASKS_ON => {
                Err(Trouble::new(Reach::Server, Step::Login, "the server asks for more than a user and a password"))
            }
            _ => Ok(()),
        }
    }

    /// One command and its answer.
    fn ask(&mut self, step: Step, command: &str) -> Result<Answer, Trouble> {
        self.wire.wait_until(self.until.min(Instant::now() + self.timeout));
        self.wire.write(format!("{command}\r\n").as_bytes()).map_err(|error| Trouble::of_io(step, &error))?;
        self.answer(step)
    }

    fn answer(&mut self, step: Step) -> Result<Answer, Trouble> {
        self.answer_within(step, self.timeout)
    }

    fn answer_within(&mut self, step: Step, timeout: Duration) -> Result<Answer, Trouble> {
        self.wire.wait_until(self.until.min(Instant::now() + timeout));
        let answer = self.wire.answer().map_err(|fault| of_fault(step, &fault))?;
        if answer.is_positive() { Ok(answer) } else { Err(Trouble::of_answer(step, answer.code, &answer.lines)) }
    }
}

fn of_fault(step: Step, fault: &Fault) -> Trouble {
    match fault {
        Fault::Io(error) => Trouble::of_io(step, error),
        Fault::Closed => Trouble::new(Reach::Server, step, "the server closed the connection"),
        Fault::TooLong => Trouble::new(Reach::Server, step, "the server's answer has no end"),
        Fault::Unreadable => Trouble::new(Reach::Server, step, "what the server said is no answer of SMTP"),
    }
}

/// An answer that belongs to another question is no acceptance, and nothing after it can be relied on.
fn out_of_turn(answer: &Answer) -> Trouble {
    Trouble::new(Reach::Server, Step::Content, format!("the server answered {} out of turn", answer.code))
}

/// The first way to log in that both sides know, of `AUTH PLAIN LOGIN …` (also as `AUTH=…`).
fn way_in(offers: &[String]) -> Option<&'static str> {
    let words = |offer: &String| offer.to_ascii_uppercase().replace('=', " ");
    let offers: Vec<String> = offers.iter().map(words).collect();
    let knows = |way: &&str| {
        let mut of_auth = offers.iter().filter_map(|offer| offer.strip_prefix("AUTH "));
        of_auth.any(|ways| ways.split_whitespace().any(|offered| offered == *way))
    };
    ["PLAIN", "LOGIN"].into_iter().find(knows)
}

/// A mail as it goes over the wire: a dot before each line that begins with one, and a line of one dot at the end.
fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(mail.len() + 128);
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            bytes.push(b'.');
        }
        bytes.extend_from_slice(line);
    }
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}

/// A resolver has patience of its own, which may be longer than ours. One that we no longer wait for ends by itself.
fn resolve(smtp: &Smtp) -> Result<Vec<SocketAddr>, Trouble> {
    let failed = |reason: String| Trouble::new(Reach::Server, Step::Resolve, reason);
    let (found, finding) = mpsc::channel();
    let place = (smtp.host.clone(), smtp.port);
    thread::spawn(move || {
        let addresses = (place.0.as_str(), place.1).to_socket_addrs().map(|all| all.collect::<Vec<_>>());
        // Where it took too long, the answer is of no use to anyone.
        let _ = found.send(addresses);
    });
    let found =
        finding.recv_timeout(smtp.timeout).map_err(|_| failed("the resolver did not answer in time".to_owned()))?;
    let found = found.map_err(|error| failed(format!("`{}` has no address: {error}", smtp.host)))?;
    if found.is_empty() {
        return Err(failed(format!("`{}` has no address", smtp.host)));
    }
    // The config allows plain text to a loopback name only, unless it gives a reason; what that name leads to is for the
    // resolver to say.
    if smtp.tls == Tls::None
        && smtp.plaintext_reason.is_none()
        && !found.iter().all(|address| address.ip().is_loopback())
    {
        return Err(failed(format!(
            "`{}` is not this host, and nothing is sent in plain text over a network",
            smtp.host
        )));
    }
    Ok(found)
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ")
}

/// A connection that is refused is tried again at once, thrice: it costs no time.
fn connect(smtp: &Smtp, addresses: &[SocketAddr], until: Instant) -> Result<Wire, Trouble> {
    let mut trouble = None;
    for pause in PAUSES {
        thread::sleep(pause);
        match Wire::connect(addresses, smtp.timeout, until) {
            Ok(wire) => return Ok(wire),
            Err(error) => {
                let met = trouble.insert(Trouble::of_io(Step::Connect, &error));
                if error.kind() != ConnectionRefused {
                    return Err(met.clone());
                }
            }
        }
    }
    Err(trouble.unwrap_or_else(|| Trouble::new(Reach::Server, Step::Connect, "no attempt was made")))
}

fn encrypt(smtp: &Smtp, wire: Wire) -> Result<Wire, Trouble> {
    let failed = |reason: String| Trouble::new(Reach::Server, Step::Encrypt, reason);
    let tls = wire::tls(smtp.authorities.as_deref()).map_err(failed)?;
    wire.encrypt(tls, &smtp.host).map_err(|error| match error.kind() {
        InvalidData => Trouble::new(Reach::Server, Step::Encrypt, super::trouble::shown(&error.to_string())),
        _ => Trouble::of_io(Step::Encrypt, &error),
    })
}

/// What we call ourselves: the host's name where it can be one in SMTP.
fn hello_name() -> String {
    let name = crate::ledger::host();
    let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if valid { name } else { "[127.0.0.1]".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_begins_with_a_dot_ends_no_mail() {
        assert_eq!(stuffed(b"a\r\n.\r\n..b\r\nc."), b"a\r\n..\r\n...b\r\nc.\r\n.\r\n");
        assert_eq!(stuffed(b".\r\n"), b"..\r\n.\r\n");
    }

    #[test]
    fn the_way_in_is_one_that_the_server_offers() {
        let way = |offers: &[&str]| way_in(&offers.iter().map(|offer| (*offer).to_owned()).collect::<Vec<_>>());
        assert_eq!(way(&["mail", "AUTH CRAM-MD5 PLAIN LOGIN"]), Some("PLAIN"));
        assert_eq!(way(&["AUTH=LOGIN"]), Some("LOGIN"));
        assert_eq!(way(&["auth login"]), Some("LOGIN"));
        assert_eq!(way(&["AUTH GSSAPI", "PLAIN"]), None);
    }
}
