//! The keyed hash of a text that takes its place in a column: HMAC-SHA-256 under the installation's key, of which 128 bits are kept.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::secret::Secret;

/// Marks a keyed hash, so that it is not hashed again.
const MARK: &str = "hmac:";

/// The hash of a text, by its bytes; a hash stays as it is.
pub fn keyed_hash(key: &Secret, text: &[u8]) -> String {
    if let Some(hash) = std::str::from_utf8(text).ok().filter(|text| is_keyed_hash(text)) {
        return hash.to_owned();
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(text);
    let digest = mac.finalize().into_bytes();
    format!("{MARK}{}", HEXLOWER.encode(&digest[..16]))
}

/// The mark and nothing but a hash. A person who is called `hmac:…` is hashed.
fn is_keyed_hash(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix(MARK).is_some_and(|hash| hash.len() == 32 && hash.bytes().all(is_hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_what_openssl_makes_of_it_and_a_hash_stays() {
        // printf 555 | openssl dgst -sha256 -hmac 0123456789abcdef -r | cut -c-32
        let key = Secret::new("0123456789abcdef");
        let hash = keyed_hash(&key, b"555");
        assert_eq!(hash, "hmac:adfb1c37e227acaeabf1b0d8d4fc0961");
        assert_eq!(keyed_hash(&key, hash.as_bytes()), hash);
        assert_ne!(keyed_hash(&key, b"hmac:ann"), "hmac:ann");
        assert_ne!(keyed_hash(&key, b"\xff"), keyed_hash(&key, b"\xfe"), "bytes that are no UTF-8 are told apart");
    }
}
