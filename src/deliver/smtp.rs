//! One conversation with an SMTP server, step by step, so that whatever goes wrong has a name.

use std::error::Error as _;
use std::io::ErrorKind::{self, ConnectionRefused, TimedOut, WouldBlock};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::thread;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;

use super::trouble::{Reach, Step, Trouble};
use crate::config::mail::{Login, Smtp, Tls};

/// Pauses before the attempts to connect: a server that restarts is back in a moment, and one that is away must not hold a
/// run up.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(500), Duration::from_millis(1_500)];

/// How much longer than any other answer the last one may take, in which the server says that it has the mail: who gives up
/// early here may send it twice (RFC 5321, 4.5.3.2).
const LAST_ANSWER: u32 = 6;

/// The server's answer to DATA, and to nothing else.
const GO_ON: u16 = 354;

/// A connection over which mails can be sent.
pub(super) struct Conversation {
    conn: SmtpConnection,
    timeout: Duration,
}

impl Conversation {
    /// Connects, encrypts and logs in; `tell` hears of every step that went well.
    pub fn begin(smtp: &Smtp, tell: &mut dyn FnMut(String)) -> Result<Self, Trouble> {
        let addresses = resolve(smtp)?;
        tell(format!("`{}` is {}", smtp.host, list(&addresses)));
        let conn = connect(smtp, &addresses)?;
        tell(format!("the server answers on port {}", smtp.port));
        let conn = encrypt(smtp, conn)?;
        if smtp.tls != Tls::None {
            tell(format!("the connection is encrypted, and the certificate is one for `{}`", smtp.host));
        }
        let conn = log_in(smtp.login.as_ref(), conn)?;
        if let Some(login) = &smtp.login {
            tell(format!("logged in as `{}`", login.user));
        }
        Ok(Self { conn, timeout: smtp.timeout })
    }

    /// Sends one mail to one recipient. `Ok` means that the server has taken it over.
    pub fn send(&mut self, from: &Address, to: &Address, mail: &[u8]) -> Result<(), Trouble> {
        let sent = self.offer(from, to).and_then(|()| self.hand_over(mail));
        if sent.as_ref().is_err_and(|trouble| trouble.reach != Reach::Server) {
            // Where even this fails, the next mail will say so.
            let _ = self.conn.command(Rset);
        }
        sent
    }

    fn offer(&mut self, from: &Address, to: &Address) -> Result<(), Trouble> {
        let sender = Mail::new(Some(from.clone()), Vec::new());
        self.conn.command(sender).map_err(at(Step::Sender))?;
        let recipient = Rcpt::new(to.clone(), Vec::new());
        self.conn.command(recipient).map_err(at(Step::Recipient)).map(drop)
    }

    fn hand_over(&mut self, mail: &[u8]) -> Result<(), Trouble> {
        let answer = self.conn.command(Data).map_err(at(Step::Content))?;
        if !answer.has_code(GO_ON) {
            return Err(self.out_of_turn(&answer));
        }
        self.wait_at_most(self.timeout * LAST_ANSWER)?;
        // From the end of the mail on it may be the server's, whether its answer reaches us or not: an attempt that fails
        // here is repeated, with the same Message-ID.
        let answer = self.conn.message(mail).map_err(at(Step::Content))?;
        if answer.has_code(GO_ON) {
            return Err(self.out_of_turn(&answer));
        }
        // It is sent; should this fail, the next mail will say so.
        let _ = self.wait_at_most(self.timeout);
        Ok(())
    }

    /// An answer that belongs to another question is no acceptance, and nothing after it can be relied on.
    fn out_of_turn(&mut self, answer: &Response) -> Trouble {
        self.conn.abort();
        Trouble::new(Reach::Server, Step::Content, format!("the server answered {} out of turn", answer.code()))
    }

    fn wait_at_most(&mut self, timeout: Duration) -> Result<(), Trouble> {
        let failed = |error| Trouble::new(Reach::Server, Step::Content, format!("the connection failed: {error}"));
        self.conn.set_timeout(Some(timeout)).map_err(failed)
    }

    /// Says good-bye; what is sent is sent, whatever comes of it.
    pub fn end(mut self) {
        let _ = self.conn.quit();
    }
}

fn at(step: Step) -> impl Fn(SmtpError) -> Trouble {
    move |error| Trouble::of_smtp(step, &error)
}

fn resolve(smtp: &Smtp) -> Result<Vec<SocketAddr>, Trouble> {
    let failed = |reason: String| Trouble::new(Reach::Server, Step::Resolve, reason);
    let found = (smtp.host.as_str(), smtp.port).to_socket_addrs();
    let found: Vec<_> = found.map_err(|error| failed(format!("`{}` has no address: {error}", smtp.host)))?.collect();
    if found.is_empty() {
        return Err(failed(format!("`{}` has no address", smtp.host)));
    }
    // The config allows plain text to a loopback name only; what that name leads to is for the resolver to say.
    if smtp.tls == Tls::None && !found.iter().all(|address| address.ip().is_loopback()) {
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

/// Up to the server's EHLO, over TLS where it is implicit. A connection that is refused is tried again at once, thrice.
fn connect(smtp: &Smtp, addresses: &[SocketAddr]) -> Result<SmtpConnection, Trouble> {
    let tls = if smtp.tls == Tls::Implicit { Some(tls_parameters(smtp)?) } else { None };
    let mut trouble = None;
    for pause in PAUSES {
        thread::sleep(pause);
        match SmtpConnection::connect(addresses, Some(smtp.timeout), &hello_name(), tls.as_ref(), None) {
            Ok(conn) => return Ok(conn),
            Err(error) => {
                // Refused at once, so that asking again costs no time.
                let again = is_of(&error, &[ConnectionRefused]);
                let met = trouble.insert(Trouble::of_smtp(Step::Connect, &error));
                if !again {
                    return Err(met.clone());
                }
            }
        }
    }
    Err(trouble.unwrap_or_else(|| Trouble::new(Reach::Server, Step::Connect, "no attempt was made")))
}

/// Is it trouble of one of these kinds with the connection?
fn is_of(error: &SmtpError, kinds: &[ErrorKind]) -> bool {
    let io = error.source().and_then(|error| error.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| kinds.contains(&io.kind()))
}

fn encrypt(smtp: &Smtp, mut conn: SmtpConnection) -> Result<SmtpConnection, Trouble> {
    if smtp.tls == Tls::Starttls {
        if !conn.can_starttls() {
            conn.abort();
            let reason = "the server offers no STARTTLS, and nothing is sent in plain text";
            return Err(Trouble::new(Reach::Server, Step::Encrypt, reason));
        }
        conn.starttls(&tls_parameters(smtp)?, &hello_name()).map_err(at(Step::Encrypt))?;
        refuse_smuggled_answers(smtp, &mut conn)?;
    }
    Ok(conn)
}

/// The library keeps what came in one packet with the answer to STARTTLS, and would take it for answers over TLS: whoever
/// stands in the way could make us believe that a server took a mail. Nothing was asked since the last answer, so nothing
/// may be there to read: of a whole forged conversation all but its first answer would be. (A single one too many shifts
/// the others, and DATA's is known by its number.)
fn refuse_smuggled_answers(smtp: &Smtp, conn: &mut SmtpConnection) -> Result<(), Trouble> {
    let failed = |reason: String| Trouble::new(Reach::Server, Step::Encrypt, reason);
    let set = |conn: &mut SmtpConnection, timeout| {
        conn.set_timeout(Some(timeout)).map_err(|error| failed(format!("the connection failed: {error}")))
    };
    set(conn, Duration::from_millis(1))?;
    let nothing_there = conn.read_response().is_err_and(|error| is_of(&error, &[WouldBlock, TimedOut]));
    if !nothing_there {
        conn.abort();
        return Err(failed("the server agreed to STARTTLS, and somebody spoke in plain text behind it".to_owned()));
    }
    set(conn, smtp.timeout)
}

fn tls_parameters(smtp: &Smtp) -> Result<TlsParameters, Trouble> {
    let builder = TlsParameters::builder(smtp.host.clone());
    let builder = match &smtp.ca {
        Some(ca) => builder.certificate_store(CertificateStore::None).add_root_certificate(ca.clone()),
        None => builder,
    };
    builder.build().map_err(at(Step::Encrypt))
}

fn log_in(login: Option<&Login>, mut conn: SmtpConnection) -> Result<SmtpConnection, Trouble> {
    if let Some(login) = login {
        let credentials = Credentials::new(login.user.clone(), login.password.reveal().to_owned());
        conn.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).map_err(at(Step::Login))?;
    }
    Ok(conn)
}

/// What we call ourselves: the host's name where it can be one in SMTP.
fn hello_name() -> ClientId {
    let name = crate::ledger::host();
    let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if valid { ClientId::Domain(name) } else { ClientId::default() }
}
