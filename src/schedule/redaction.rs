//! What a redaction puts into a column.

use crate::base::name::Name;

#[derive(Debug, Clone, PartialEq)]
pub struct Redaction {
    pub column: Name,
    pub how: Redact,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Redact {
    Null,
    Set(Scalar),
    /// IPv4 to /24, IPv6 to /48; anything else to NULL.
    TruncateIp,
    /// A date or time to the first instant of its year.
    Year,
    /// HMAC-SHA-256 under the installation's key.
    Hmac,
    /// Literal text and columns of the same row, so that UNIQUE columns stay unique.
    Placeholder(Vec<TemplatePart>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    Literal(String),
    Column(Name),
}
