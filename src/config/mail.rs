//! `[mail]`: where reports are mailed to, for which runs, and on which way.
//!
//! A way in plain text must be asked for by name, and to another host with a reason, which stands in every report: what a
//! server offers never decides it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::{Host, Url};

use super::{Reader, Secret};
use crate::diagnostic::document::{Item, Table};
use crate::diagnostic::place::Places;

/// The checked `[mail]`.
#[derive(Debug, Clone)]
pub struct Mail {
    pub transport: Transport,
    pub from: Mailbox,
    /// `to` and `on` of the table itself, and each `[[mail.also]]`.
    pub recipients: Vec<Recipients>,
}

/// Who gets the reports of which runs.
#[derive(Debug, Clone)]
pub struct Recipients {
    pub to: Vec<Address>,
    pub on: On,
    /// Of these policies; empty for all.
    pub policies: Vec<String>,
    /// Where it stands in the config.
    pub places: Places,
}

/// For which verdicts a report is mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Always,
    /// A promise is not kept, a guard stopped a rule, or something failed.
    NotKept,
}

/// The way that a mail takes.
#[derive(Debug, Clone)]
pub enum Transport {
    Smtp(Smtp),
    /// The path of a program that is called as sendmail is.
    Sendmail(PathBuf),
    /// A folder into which each mail is written as an `.eml` file.
    Folder(PathBuf),
}

#[derive(Debug, Clone)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    /// Why mails may go to another host in plain text.
    pub plaintext_reason: Option<String>,
    /// Whom to believe instead of the host's own authorities.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    pub login: Option<Login>,
    /// How long the server may take for one answer.
    pub timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// The connection begins in plain text, and nothing is said in it before it is encrypted.
    Starttls,
    /// It is encrypted from its first byte.
    Implicit,
    /// Plain text, to this host or for a reason.
    None,
}

#[derive(Debug, Clone)]
pub struct Login {
    pub user: String,
    pub password: Secret,
}

const URL_REMEDY: &str = "write `smtp = \"smtp://user@host:587\"` (or smtps://), and name the password's file as \
                          `password_file`; what is special in the user is percent-encoded";

const DEFAULT_SENDMAIL: &str = "/usr/sbin/sendmail";

/// Seconds that a server may take for one answer where nothing else is said.
const DEFAULT_TIMEOUT: u64 = 10;

impl Mail {
    /// Why mails go in plain text, where they do.
    pub fn plaintext_reason(&self) -> Option<&str> {
        match &self.transport {
            Transport::Smtp(smtp) => smtp.plaintext_reason.as_deref(),
            Transport::Sendmail(_) | Transport::Folder(_) => None,
        }
    }
}

/// Can a mail be sent to this address by every server? A name in quotes and an address of a machine in brackets are allowed by
/// the standard, and taken by few.
pub fn is_plain(address: &Address) -> bool {
    const MARKS: &[u8] = b"!#$%&'*+/=?^_`{|}~-";
    let is_atom =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || MARKS.contains(&b));
    let is_label = |word: &str| {
        let fits = (1..=63).contains(&word.len()) && !word.starts_with('-') && !word.ends_with('-');
        fits && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let (user, domain) = (address.user(), address.domain());
    user.len() <= 64 && user.split('.').all(is_atom) && domain.len() <= 253 && domain.split('.').all(is_label)
}

impl Reader<'_> {
    /// `[mail]`; `state_dir` is where mails go that are written to files, unless a folder is named.
    pub(super) fn mail(&self, item: &Item, state_dir: Option<&Path>) -> Option<Mail> {
        let table = item.table()?.called("mail".to_owned());
        table.knows(&[
            "transport",
            "smtp",
            "tls",
            "allow_plaintext",
            "ca_file",
            "password_file",
            "timeout",
            "sendmail",
            "folder",
            "from",
            "to",
            "on",
            "also",
        ]);
        let transport = self.transport(&table, state_dir);
        let from = table.require("from", "write `from = \"tenure@example.org\"`").and_then(|item| sender(&item));
        let own = table.get("to").map(|_| recipients(&table));
        let also = table.tables_of("also");
        if own.is_none() && also.is_empty() {
            table.refuse("it names no recipient", "write `to = [\"privacy@example.org\"]`");
        }
        let also = also.into_iter().map(|table| {
            let table = table.called("mail.also".to_owned());
            table.knows(&["to", "on", "policy"]);
            recipients(&table)
        });
        let recipients: Vec<_> = own.into_iter().chain(also).collect();
        Some(Mail { transport: transport?, from: from?, recipients: recipients.into_iter().collect::<Option<_>>()? })
    }

    fn transport(&self, table: &Table, state_dir: Option<&Path>) -> Option<Transport> {
        let words = [("smtp", Way::Smtp), ("sendmail", Way::Sendmail), ("file", Way::File)];
        let way = table.get("transport").map_or(Some(Way::Smtp), |item| item.choice(&words))?;
        match way {
            Way::Smtp => self.smtp(table).map(Transport::Smtp),
            Way::Sendmail => {
                let program = table.get("sendmail").map_or(Some(DEFAULT_SENDMAIL), |item| item.text())?;
                // Absolute, or a name without a slash would be looked for in PATH.
                let program = std::path::absolute(self.folder.join(program));
                program.ok().map(Transport::Sendmail)
            }
            Way::File => match table.get("folder") {
                Some(item) => item.text().map(|text| Transport::Folder(self.folder.join(text))),
                None => state_dir.map(|folder| Transport::Folder(folder.join("mail"))),
            },
        }
    }

    fn smtp(&self, table: &Table) -> Option<Smtp> {
        let tls_words = [("starttls", Tls::Starttls), ("implicit", Tls::Implicit), ("none", Tls::None)];
        let tls = table.get("tls").map(|item| item.choice(&tls_words));
        let reason = table.get("allow_plaintext").map(|item| reason(&item));
        let ca = table.get("ca_file").map(|item| self.authorities(&item));
        let timeout = table.get("timeout").map_or(Some(DEFAULT_TIMEOUT), |item| item.whole(1..=300));
        let item = table.require("smtp", URL_REMEDY)?;
        let url = smtp_url(&item, &self.expand(&item)?)?;
        let login = self.login(&item, &url, table.get("password_file"))?;
        let plaintext_reason = match reason {
            Some(reason) => Some(reason?),
            None => None,
        };
        let tls = match tls {
            Some(tls) => agreed(&table.get("tls")?, tls?, &url, plaintext_reason.is_some())?,
            None if url.implicit => Tls::Implicit,
            None if plaintext_reason.is_some() => Tls::None,
            None => Tls::Starttls,
        };
        if let Some(item) = table.get("allow_plaintext").filter(|_| tls != Tls::None) {
            item.refuse("the way to this server is encrypted, and this says otherwise", "take one of the two out");
            return None;
        }
        let usual_port = match tls {
            Tls::Starttls => 587,
            Tls::Implicit => 465,
            Tls::None => 25,
        };
        let authorities = match ca {
            Some(ca) => Some(ca?),
            None => None,
        };
        let port = url.port.unwrap_or(usual_port);
        let timeout = Duration::from_secs(timeout?);
        Some(Smtp { host: url.host, port, tls, plaintext_reason, authorities, login, timeout })
    }

    /// User and password, both or none of them.
    fn login(&self, item: &Item, url: &SmtpUrl, password_file: Option<Item>) -> Option<Option<Login>> {
        let password = match (&url.password, password_file) {
            (Some(_), Some(file)) => {
                file.refuse("the URL holds a password already", "take one of the two out");
                return None;
            }
            (Some(password), None) => Some(password.clone()),
            (None, Some(file)) => Some(Secret::new(self.secret_file(&file)?)),
            (None, None) => None,
        };
        match (&url.user, password) {
            (Some(user), Some(password)) => Some(Some(Login { user: user.clone(), password })),
            (None, None) => Some(None),
            (Some(_), None) => {
                item.refuse("the URL names a user, and there is no password", "add `password_file`");
                None
            }
            (None, Some(_)) => {
                item.refuse("there is a password, and the URL names no user", URL_REMEDY);
                None
            }
        }
    }

    fn authorities(&self, item: &Item) -> Option<Vec<CertificateDer<'static>>> {
        let path = self.folder.join(self.expand(item)?);
        let pem = match std::fs::read(&path) {
            Ok(pem) => pem,
            Err(reason) => {
                let remedy = "it must be a file of PEM that tenure's user may read";
                item.refuse(format!("cannot read `{}`: {reason}", item.text()?), remedy);
                return None;
            }
        };
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let is_authority = |der: &CertificateDer<'static>| rustls::RootCertStore::empty().add(der.clone()).is_ok();
        let found = found.ok().filter(|found| !found.is_empty() && found.iter().all(is_authority));
        if found.is_none() {
            item.refuse(
                "this file holds no certificate",
                "it must hold `-----BEGIN CERTIFICATE-----` and what follows",
            );
        }
        found
    }
}

#[derive(Clone)]
enum Way {
    Smtp,
    Sendmail,
    File,
}

/// What an SMTP URL says, when it can be read in one way only.
struct SmtpUrl {
    implicit: bool,
    host: String,
    port: Option<u16>,
    user: Option<String>,
    password: Option<Secret>,
}

/// No mistake quotes a piece of the URL: it might be one of the password.
fn smtp_url(item: &Item, text: &str) -> Option<SmtpUrl> {
    let read = || {
        let url = Url::parse(text).ok().filter(|url| ["smtp", "smtps"].contains(&url.scheme()))?;
        let nothing_else = ["", "/"].contains(&url.path()) && url.query().is_none() && url.fragment().is_none();
        let plain = text.contains("://") && text.matches('@').count() <= 1 && !text.contains(char::is_whitespace);
        let host = match url.host()? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let decode = |part: &str| percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned());
        let user = decode(url.username())?;
        let password = url.password().map(decode);
        let password = match password {
            Some(password) => Some(Secret::new(password?)),
            None => None,
        };
        (nothing_else && plain && !host.is_empty()).then(|| SmtpUrl {
            implicit: url.scheme() == "smtps",
            host,
            port: url.port(),
            user: Some(user).filter(|user| !user.is_empty()),
            password,
        })
    };
    let url = read();
    if url.is_none() {
        item.refuse("this is no URL of a mail server", URL_REMEDY);
    }
    url
}

/// A reason that reports can show.
fn reason(item: &Item) -> Option<String> {
    let reason = item.text()?.trim();
    if reason.is_empty() {
        item.refuse("it is empty", "say why: the reason stands in every report");
        return None;
    }
    Some(reason.to_owned())
}

/// What `tls` says, where the URL does not say otherwise and plain text stays on this host or has a reason.
fn agreed(item: &Item, tls: Tls, url: &SmtpUrl, has_reason: bool) -> Option<Tls> {
    if url.implicit && tls != Tls::Implicit {
        item.refuse("smtps:// means implicit TLS, and this says otherwise", "take `tls` out, or write smtp://");
        return None;
    }
    if tls == Tls::None && !is_loopback(&url.host) && !has_reason {
        let remedy = "write \"starttls\"; plain text goes to localhost, 127.0.0.1 or [::1] only, and elsewhere where \
                      `allow_plaintext = \"…\"` says why";
        item.refuse("the way to this server leads over a network, and nothing is sent over one in plain text", remedy);
        return None;
    }
    Some(tls)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn sender(item: &Item) -> Option<Mailbox> {
    let mailbox = item.text()?.parse::<Mailbox>().ok().filter(|mailbox| is_plain(&mailbox.email));
    if mailbox.is_none() {
        item.refuse("this is no mail address", "write \"tenure@example.org\" or \"tenure <tenure@example.org>\"");
    }
    mailbox
}

fn recipients(table: &Table) -> Option<Recipients> {
    let to = table.require("to", "write `to = [\"privacy@example.org\"]`")?;
    let to: Vec<_> = to.one_or_more().iter().map(address).collect();
    let on = table
        .get("on")
        .map_or(Some(On::Always), |item| item.choice(&[("always", On::Always), ("not-kept", On::NotKept)]));
    let policies = table.get("policy").map(|item| item.one_or_more()).unwrap_or_default();
    let policies: Vec<_> = policies.iter().map(|item| item.text().map(str::to_owned)).collect();
    Some(Recipients {
        to: to.into_iter().collect::<Option<_>>()?,
        on: on?,
        policies: policies.into_iter().collect::<Option<_>>()?,
        places: table.places(),
    })
}

fn address(item: &Item) -> Option<Address> {
    let parsed = item.text()?.parse::<Address>().ok();
    let plain = parsed.clone().filter(is_plain);
    match (&parsed, &plain) {
        (Some(address), None) if address.user().starts_with('"') || address.domain().starts_with('[') => item.refuse(
            "a name in quotes and a machine in brackets are addresses that many mail servers refuse",
            "write a plain one, \"privacy@example.org\"",
        ),
        (_, None) => item.refuse("this is no mail address", "write a bare one, \"privacy@example.org\""),
        (_, Some(_)) => {}
    }
    plain
}
