//! The mails themselves: headers by which they thread and filter, and the report in every format.
//!
//! A mail is made from the run's record when it is sent, and is the same at every attempt: date, Message-ID and the
//! boundaries of its parts come from the run.

use std::time::SystemTime;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, Message, MessageBuilder, MultiPart, SinglePart};
use sha2::{Digest, Sha256};

use crate::base::visible::visible;
use crate::record::RunRecord;
use crate::report::letter::{self, database};
use crate::report::wording::shortened;
use crate::report::{csv, html, json, verdict};

/// Who sends a mail to whom, and what it is called.
pub(super) struct Envelope {
    /// With angle brackets.
    pub message_id: String,
    pub from: Mailbox,
    pub to: Vec<Address>,
}

/// A mail could not be put together: the library's own sentence.
pub(super) type Unmade = lettre::error::Error;

/// The mail of a run: a short text and HTML, with the full report attached as HTML, JSON and CSV.
pub(super) fn report(record: &RunRecord, envelope: &Envelope) -> Result<Vec<u8>, Unmade> {
    let runs = std::slice::from_ref(record);
    let database = database(record);
    let topic = Topic { policy: &record.schedule.name, database, domain: envelope.from.email.domain() };
    let boundary = |part: &str| format!("=_tenure_{part}_{}", token(&[&envelope.message_id]));
    let alternative = MultiPart::alternative()
        .boundary(boundary("text"))
        .singlepart(quoted(ContentType::TEXT_PLAIN, letter::text(record)))
        .singlepart(quoted(ContentType::TEXT_HTML, html::letter::render(record)));
    let parts = MultiPart::mixed()
        .boundary(boundary("all"))
        .multipart(alternative)
        .singlepart(attached(format!("tenure-{}.html", record.run), "text/html; charset=utf-8", html::render(runs)))
        .singlepart(attached(format!("tenure-{}.json", record.run), "application/json", json::render(runs)))
        .singlepart(attached(format!("tenure-{}.csv", record.run), "text/csv; charset=utf-8", csv::render(runs)));
    let standing = verdict(record).standing;
    let builder = headers(envelope, record.finished.unwrap_or(record.started))
        .subject(header_text(&letter::subject(record)))
        .in_reply_to(topic.thread())
        .references(topic.thread());
    let builder = with_header(builder, "List-Id", topic.list());
    let builder = with_header(builder, "X-Tenure-Verdict", standing.label().replace(' ', "-"));
    let builder = with_header(builder, "X-Tenure-Run", record.run.clone());
    Ok(builder.multipart(parts)?.formatted())
}

/// A mail of plain text, about no run.
pub(super) fn note(envelope: &Envelope, at: Timestamp, subject: &str, text: String) -> Result<Vec<u8>, Unmade> {
    let part = quoted(ContentType::TEXT_PLAIN, text);
    Ok(headers(envelope, at).subject(header_text(subject)).singlepart(part)?.formatted())
}

fn headers(envelope: &Envelope, at: Timestamp) -> MessageBuilder {
    let builder = Message::builder()
        .message_id(Some(envelope.message_id.clone()))
        .date(SystemTime::from(at))
        .from(envelope.from.clone());
    let builder = envelope.to.iter().fold(builder, |builder, to| builder.to(Mailbox::new(None, to.clone())));
    let builder = with_header(builder, "Auto-Submitted", "auto-generated".to_owned());
    with_header(builder, "X-Auto-Response-Suppress", "All".to_owned())
        .user_agent(concat!("tenure/", env!("CARGO_PKG_VERSION")).to_owned())
}

fn with_header(builder: MessageBuilder, name: &'static str, value: String) -> MessageBuilder {
    builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value))
}

/// No line longer than the standard allows, whatever the text, and letters that pass servers that know ASCII only.
fn quoted(content_type: ContentType, text: String) -> SinglePart {
    let body = Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable).unwrap_or_else(Body::new);
    SinglePart::builder().header(content_type).body(body)
}

/// Byte for byte, so that what was mailed can be held against the ledger.
fn attached(name: String, content_type: &str, content: String) -> SinglePart {
    let content_type = ContentType::parse(content_type).unwrap_or(ContentType::TEXT_PLAIN);
    let bytes = content.into_bytes();
    let body = Body::new_with_encoding(bytes, ContentTransferEncoding::Base64).unwrap_or_else(Body::new);
    Attachment::new(name).body(body, content_type)
}

/// What a series of reports is about: one policy on one database.
struct Topic<'a> {
    policy: &'a str,
    database: &'a str,
    domain: &'a str,
}

impl Topic<'_> {
    /// The Message-ID that all reports of the series refer to. No mail bears it: readers thread by it all the same.
    fn thread(&self) -> String {
        format!("<{}.thread.tenure@{}>", token(&[self.policy, self.database]), self.domain)
    }

    /// RFC 2919: by which a reader's filters know the series.
    fn list(&self) -> String {
        let database = Some(self.database).filter(|name| !name.is_empty()).map(|name| format!(".{}", label(name)));
        format!("<{}{}.tenure.{}>", label(self.policy), database.unwrap_or_default(), self.domain)
    }
}

/// A name in the letters of a domain, and short enough for a line: `campus-privacy-policy`.
fn label(name: &str) -> String {
    const LONGEST: usize = 32;
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let label = words.collect::<Vec<_>>().join("-");
    match label.len() {
        0 => token(&[name]),
        1..=LONGEST => label,
        // Names that begin alike stay apart.
        _ => format!("{}-{}", &label[..LONGEST - 9], &token(&[name])[..8]),
    }
}

/// A short name for texts that belong together: the same for the same ones.
pub(super) fn token(texts: &[&str]) -> String {
    let hash = texts.iter().fold(Sha256::new(), |hash, text| hash.chain_update(text).chain_update([0]));
    HEXLOWER.encode(&hash.finalize()[..8])
}

/// A text for a header, whatever a schedule calls its policy: on one line, so that it begins no other header; without what
/// readers take for letters in another encoding (`=?utf-8?q?…?=`) or turns a line around; and no longer than a line of a list.
fn header_text(text: &str) -> String {
    const LONGEST: usize = 180;
    let shown = visible(text).replace("=?", "= ?");
    match shown.char_indices().nth(LONGEST) {
        None => shown,
        Some((end, _)) => format!("{}…", &shown[..end]),
    }
}

/// A policy's or database's name in a subject, of which the rest says what became of it.
pub(super) fn short(name: &str) -> String {
    shortened(name, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_named_by_policy_and_database() {
        fn topic<'a>(policy: &'a str, database: &'a str) -> Topic<'a> {
            Topic { policy, database, domain: "example.org" }
        }
        assert_eq!(topic("Campus: privacy policy", "main").list(), "<campus-privacy-policy.main.tenure.example.org>");
        assert_eq!(topic("Ordnung", "").list(), "<ordnung.tenure.example.org>");
        assert_ne!(topic("a", "b").thread(), topic("ab", "").thread());
        let long = |end: &str| topic(&format!("Policy on the retention of personal data, {end}"), "main").list();
        assert!(long("students").len() <= 66 && long("students") != long("staff"), "{}", long("students"));
        assert!(topic("隐私", "main").list().ends_with(".main.tenure.example.org>"));
    }

    #[test]
    fn a_policy_cannot_write_headers_of_its_own() {
        assert_eq!(header_text("kept: a\r\nBcc: b"), "kept: a\\r\\nBcc: b");
    }

    #[test]
    fn a_policy_cannot_forge_what_a_subject_says() {
        assert_eq!(header_text("BROKEN: =?utf-8?q?kept?="), "BROKEN: = ?utf-8?q?kept?=");
        assert_eq!(header_text("=?=?"), "= ?= ?");
        assert_eq!(header_text("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(header_text(&"é".repeat(1_200)).chars().count(), 181);
        assert_eq!(short(&"é".repeat(1_200)).chars().count(), 65);
    }
}
