//! The signatures of entries: from the first entry of kind `key` on every entry bears one, by the key that is present.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Break, Expected, Findings, Kind};
use crate::base::signing::PublicKey;
use crate::db::control::{self, EntryRow};
use crate::db::{Connection, DbError};
use crate::ledger::keys;

#[derive(Default)]
pub(super) struct Signatures {
    /// By the numbers of entries; what was looked at is taken out.
    unread: BTreeMap<i64, String>,
    present: Option<PublicKey>,
    /// Keys that somebody brought from outside, and those that they vouch for; empty where nobody brought one.
    trusted: Vec<PublicKey>,
    /// As [`Expected::signed_from`].
    signed_from: Option<i64>,
}

impl Signatures {
    pub fn expecting(expected: &Expected<'_>) -> Self {
        Self { trusted: expected.keys.to_vec(), signed_from: expected.signed_from, ..Self::default() }
    }

    pub fn read(&mut self, conn: &mut Connection) -> Result<(), DbError> {
        self.unread = control::signature::all(conn)?;
        Ok(())
    }

    pub fn check(&mut self, entry: &EntryRow, findings: &mut Findings) -> Result<(), Break> {
        let number = entry.number;
        let signature = self.unread.remove(&number);
        let broken = |kind, what: &str| Err(Break::new(kind, format!("entry {number} {what}")).at_entry(number));
        let named = if entry.kind == keys::KEY {
            let Some(named) = keys::named_by(entry) else { return broken(Kind::Changed, "names no key") };
            Some(named)
        } else {
            None
        };
        if self.present.is_none() && named.is_none() {
            return match signature {
                Some(_) => broken(Kind::Inserted, "bears a signature, and no key was known then"),
                None => Ok(()),
            };
        }
        let Some(signature) = signature else { return broken(Kind::Missing, "has lost its signature") };
        let has_signed =
            |key: &Option<PublicKey>| key.as_ref().is_some_and(|key| key.has_signed(&entry.hash, &signature));
        let is_vouched_for = has_signed(&self.present);
        if !is_vouched_for && !has_signed(&named) {
            return broken(Kind::Changed, "does not bear the signature of the key that was present");
        }
        if findings.signed_since.is_none() {
            self.begin(number)?;
            findings.signed_since = Some(number);
            findings.signed_since_time = Timestamp::from_microsecond(entry.at).ok();
        }
        match named {
            Some(named) => self.hand_over(named, is_vouched_for, number, findings),
            None => Ok(()),
        }
    }

    /// Whoever has a key knows with which entry signing began: signatures before a later one may have been stripped.
    fn begin(&self, number: i64) -> Result<(), Break> {
        let began = self.signed_from.unwrap_or(1);
        if self.trusted.is_empty() && self.signed_from.is_none() || number == began {
            return Ok(());
        }
        let sentence = format!(
            "the first signature is that of entry {number}, and not of entry {began}: those before it were stripped of theirs, or \
             written without the key. Where signing did begin there, say so with --signed-from {number}"
        );
        Err(Break::new(Kind::Missing, sentence).at_entry(number))
    }

    fn hand_over(
        &mut self,
        to: PublicKey,
        is_vouched_for: bool,
        number: i64,
        findings: &mut Findings,
    ) -> Result<(), Break> {
        if !self.trusted.is_empty() && !self.trusted.contains(&to) {
            if !is_vouched_for {
                let sentence =
                    format!("entry {number} changes to a key that was not given, and no given key vouches for it");
                return Err(Break::new(Kind::Changed, sentence).at_entry(number));
            }
            self.trusted.push(to.clone());
        }
        if self.present.is_some() && !is_vouched_for {
            findings.doubts.push(format!(
                "from entry {number} on another key signs, {to}, for which the one before it does not vouch: ask whose it is"
            ));
        }
        self.present = Some(to);
        Ok(())
    }

    pub fn check_end(&self) -> Result<(), Break> {
        if let Some(number) = self.unread.keys().next() {
            let sentence = format!("there is a signature of entry {number}, which is not in the ledger");
            return Err(Break::new(Kind::Truncated, sentence).at_entry(*number));
        }
        if !self.trusted.is_empty() && self.present.is_none() {
            return Err(Break::new(Kind::Missing, "no entry is signed, though a key was given"));
        }
        Ok(())
    }
}
