//! Ed25519 keys and what they sign: the heads of the ledger's chain.
//!
//! The signed bytes are the word `tenure-head-1`, a line feed, and the head's 64 hexadecimal digits.

use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::own_head::OwnHeads;

/// A private key. Never shown: `Debug` prints its public half.
#[derive(Clone)]
pub struct Signer(SigningKey);

impl Signer {
    /// A new key; `None` where the host gives no random numbers.
    pub fn generate() -> Option<Self> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).ok()?;
        Some(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` writes it too.
    pub fn from_pem(pem: &str) -> Option<Self> {
        SigningKey::from_pkcs8_pem(pem).ok().map(Self)
    }

    /// PKCS#8 in PEM: to be written into a file that nobody else may read, and nowhere else.
    pub fn to_pem(&self) -> Option<String> {
        let pair = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        pair.to_pkcs8_pem(LineEnding::LF).ok().map(|pem| pem.to_string())
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature of a head, in hexadecimal.
    pub fn sign(&self, hash: &str) -> String {
        HEXLOWER.encode(&self.0.sign(message(hash).as_bytes()).to_bytes())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public())
    }
}

/// A key together with the memory of what it signed last.
#[derive(Debug, Clone)]
pub struct Signing {
    pub signer: Arc<Signer>,
    pub heads: OwnHeads,
}

/// What everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads SubjectPublicKeyInfo in PEM, as `openssl pkey -pubout` writes it too.
    pub fn from_pem(pem: &str) -> Option<Self> {
        VerifyingKey::from_public_key_pem(pem).ok().map(Self)
    }

    pub fn to_pem(&self) -> Option<String> {
        self.0.to_public_key_pem(LineEnding::LF).ok()
    }

    /// Reads `ed25519:` and 64 hexadecimal digits, as the ledger names keys.
    pub fn parse(text: &str) -> Option<Self> {
        VerifyingKey::from_bytes(&bytes(text.strip_prefix("ed25519:")?)?).ok().map(Self)
    }

    /// Is this the key's signature of that head?
    pub fn has_signed(&self, hash: &str, signature: &str) -> bool {
        let signature = bytes(signature).map(|bytes| Signature::from_bytes(&bytes));
        signature.is_some_and(|signature| self.0.verify_strict(message(hash).as_bytes(), &signature).is_ok())
    }
}

/// As the ledger names it.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", HEXLOWER.encode(self.0.as_bytes()))
    }
}

fn message(hash: &str) -> String {
    format!("tenure-head-1\n{hash}")
}

/// Lower-case hexadecimal digits, two a byte and nothing else: a signature has one form only.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_knows_its_signatures() {
        let signer = Signer::generate().unwrap();
        let again = Signer::from_pem(&signer.to_pem().unwrap()).unwrap();
        let (head, other) = ("0".repeat(64), "1".repeat(64));
        let signature = again.sign(&head);
        let public = PublicKey::from_pem(&signer.public().to_pem().unwrap()).unwrap();
        assert_eq!(PublicKey::parse(&public.to_string()), Some(public.clone()));
        assert!(public.has_signed(&head, &signature));
        assert!(!public.has_signed(&other, &signature) && !public.has_signed(&head, &signature.to_uppercase()));
        assert!(!Signer::generate().unwrap().public().has_signed(&head, &signature));
        assert!(!format!("{signer:?}").contains(&HEXLOWER.encode(&signer.0.to_bytes())));
    }

    /// The pair and the first message of RFC 8032, 7.1, are not ours to sign; its keys are.
    #[test]
    fn the_public_half_is_that_of_the_standard() {
        let secret = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let signer = Signer(SigningKey::from_bytes(&secret));
        let public = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(signer.public().to_string(), public);
    }
}
