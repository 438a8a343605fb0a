//! What a person is called in the ledger: a keyed digest, by which nobody is found who has not the installation's key.
//!
//! A pseudonym is HMAC-SHA-256 under the installation's key over three lines: the word `tenure-person-1`, the table of
//! people as the database spells it, and the person's key as text. So the same person has the same pseudonym in every run, certificate and register,
//! and whoever reads them without the key cannot even try all keys of an account table, few as they are.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::name::TableName;
use crate::base::secret::Secret;

/// The keys under which people were called so far, the one that is used now first.
#[derive(Debug, Clone)]
pub struct Pseudonyms {
    current: Key,
    former: Vec<Key>,
}

/// A secret, and what it is called in records.
#[derive(Debug, Clone)]
struct Key {
    secret: Secret,
    id: String,
}

/// A person as the ledger knows them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pseudonym {
    /// 64 lower-case hexadecimal digits.
    pub digest: String,
    /// Which key it was made with: the first 16 hexadecimal digits of the key's SHA-256.
    pub key_id: String,
}

/// As certificates show it, long enough to be told from every other.
impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.key_id, self.digest)
    }
}

impl Pseudonyms {
    pub fn new(current: Secret, former: Vec<Secret>) -> Self {
        Self { current: Key::of(current), former: former.into_iter().map(Key::of).collect() }
    }

    /// What the person is called from now on.
    pub fn of(&self, people: &TableName, key: &str) -> Pseudonym {
        self.current.pseudonym(people, key)
    }

    /// What these people are called together, in the order in which they come: whoever compares two of these can tell whether they
    /// are the same people, and nothing else.
    pub fn of_all(&self, people: &TableName, keys: impl Iterator<Item = String>) -> Pseudonym {
        let mut mac = self.current.mac();
        mac.update(b"tenure-people-1\n");
        keys.for_each(|key| mac.update(format!("{}\n", self.of(people, &key).digest).as_bytes()));
        Pseudonym { digest: HEXLOWER.encode(&mac.finalize().into_bytes()), key_id: self.current.id.clone() }
    }

    /// What the person may be called in records of any age: under the key of today, and under each that was used before; by each
    /// of these names of the table of people. The first is that of today.
    pub fn all_of<'t>(&self, people: impl Iterator<Item = &'t TableName>, key: &str) -> Vec<Pseudonym> {
        people.flat_map(|people| self.keys().map(move |secret| secret.pseudonym(people, key))).collect()
    }

    /// Can a record that was made under this key still be told to be somebody's?
    pub fn knows(&self, key_id: &str) -> bool {
        self.keys().any(|key| key.id == key_id)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.former)
    }
}

impl Key {
    /// The id tells keys apart and gives nothing of them away: they are too long to be guessed.
    fn of(secret: Secret) -> Self {
        let mut id = HEXLOWER.encode(&Sha256::digest(secret.reveal().as_bytes()));
        id.truncate(16);
        Self { secret, id }
    }

    fn pseudonym(&self, people: &TableName, key: &str) -> Pseudonym {
        let mut mac = self.mac();
        mac.update(format!("tenure-person-1\n{people}\n{key}").as_bytes());
        Pseudonym { digest: HEXLOWER.encode(&mac.finalize().into_bytes()), key_id: self.id.clone() }
    }

    fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(self.secret.reveal().as_bytes()).expect("HMAC takes keys of any length")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> TableName {
        TableName::parse("account").unwrap()
    }

    #[test]
    fn a_pseudonym_is_what_openssl_makes_of_the_same_lines() {
        // printf 'tenure-person-1\naccount\n42' | openssl dgst -sha256 -hmac 0123456789abcdef
        // printf 0123456789abcdef | sha256sum | head -c 16
        let made = Pseudonyms::new(Secret::new("0123456789abcdef"), Vec::new()).of(&people(), "42");
        assert_eq!(made.digest, "a375d38b24ccb8e8db228ce78555e8c18343abb72aaa7c75f2876123cd286d6d");
        assert_eq!(made.key_id, "9f9f5111f7b27a78");
    }

    #[test]
    fn people_together_are_what_openssl_makes_of_their_pseudonyms() {
        // { echo tenure-people-1; for id in 7 42; do printf 'tenure-person-1\naccount\n%s' $id |
        //   openssl dgst -sha256 -hmac 0123456789abcdef -r | cut -c-64; done; } | openssl dgst -sha256 -hmac 0123456789abcdef
        let names = Pseudonyms::new(Secret::new("0123456789abcdef"), Vec::new());
        let of = |keys: &[&str]| names.of_all(&people(), keys.iter().map(|key| (*key).to_owned()));
        assert_eq!(of(&["7", "42"]).digest, "7a1256c1fb56108a86436dc21df1692714a93118bab8aaae7a72869ca2cab6c8");
        assert_ne!(of(&["7"]), of(&["7", "42"]));
        assert_ne!(of(&[]), of(&["7"]));
    }

    #[test]
    fn who_was_recorded_under_an_old_key_is_found_as_long_as_that_key_is_named() {
        let old = Pseudonyms::new(Secret::new("an old key of some length"), Vec::new());
        let now =
            Pseudonyms::new(Secret::new("a new key of some length"), vec![Secret::new("an old key of some length")]);
        let recorded = old.of(&people(), "42");
        assert!(now.all_of([&people()].into_iter(), "42").contains(&recorded) && now.knows(&recorded.key_id));
        assert_ne!(now.of(&people(), "42"), recorded);
        assert!(!now.all_of([&people()].into_iter(), "43").contains(&recorded));
    }
}
