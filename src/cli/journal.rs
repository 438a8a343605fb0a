//! The journal's own protocol: a datagram an event, of lines `NAME=value`. Values stand on one line and steer no terminal, since
//! `systemctl status` and `journalctl` print them.

use std::io;
use std::os::unix::net::UnixDatagram;

use serde_json::Value;
use tracing::Level;

use crate::base::visible::visible;

const SOCKET: &str = "/run/systemd/journal/socket";

/// Before each field: `TENURE_RUN`.
const PREFIX: &str = "TENURE_";

/// Characters of one value, so that a datagram takes all of them.
const LONGEST_VALUE: usize = 8_192;

/// The way to the journal.
#[derive(Debug)]
pub(super) struct Journal(UnixDatagram);

impl Journal {
    /// # Errors
    /// Where there is no journal.
    pub fn connect() -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(SOCKET)?;
        Ok(Self(socket))
    }

    /// What cannot be logged must not stop a run.
    pub fn write(&self, level: Level, message: &str, fields: &[(&'static str, Value)]) {
        let _ = self.0.send(entry(level, message, fields).as_bytes());
    }
}

fn entry(level: Level, message: &str, fields: &[(&'static str, Value)]) -> String {
    let priority = match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 5,
        _ => 6,
    };
    let mut entry = format!("MESSAGE={}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER=tenure\n", value(message));
    for (name, field) in fields {
        let text = field.as_str().map_or_else(|| field.to_string(), str::to_owned);
        entry += &format!("{PREFIX}{}={}\n", name.to_ascii_uppercase().replace('.', "_"), value(&text));
    }
    entry
}

fn value(text: &str) -> String {
    visible(&text.chars().take(LONGEST_VALUE).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_no_field_and_steers_no_terminal() {
        let fields = [
            ("event", Value::from("rule-ended")),
            ("rule", Value::from("a\nPRIORITY=0\u{1b}[2J\u{202e}")),
            ("done", Value::from(2)),
        ];
        let said = entry(Level::WARN, "one\ntwo", &fields);
        assert_eq!(
            said,
            "MESSAGE=one\\ntwo\nPRIORITY=4\nSYSLOG_IDENTIFIER=tenure\nTENURE_EVENT=rule-ended\n\
             TENURE_RULE=a\\nPRIORITY=0\\u{1b}[2J\\u{202e}\nTENURE_DONE=2\n"
        );
    }
}
