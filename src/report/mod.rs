//! Run records and what is made of them: text, HTML, JSON, CSV. Pure: no connection, no clock.

pub mod record;
