//! Run records and certificates, and what is made of them: screens, text, HTML, JSON, CSV. Pure: no connection, no clock.

pub mod calendar;
pub mod certificate;
pub mod csv;
pub mod html;
pub mod json;
mod page;
mod paint;
mod past;
pub mod proof;
pub mod screen;
pub mod status;
pub mod text;
pub mod verdict;
pub(crate) mod wording;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use verdict::verdict;
