//! Who runs a command, as the ledger and reports name them: by what the kernel knows of the process. Its environment is written
//! by the user, who could be anybody there.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use rustix::process::getuid;

use super::host;
use crate::base::visible::visible;

/// `ann (uid 1000)@host`, or `root (uid 0, sudo by ann)@host`. What stands behind `sudo by` is what sudo, or somebody who acts
/// as sudo does, put into the environment: it stands beside the user and never instead.
pub fn actor() -> String {
    static ACTOR: OnceLock<String> = OnceLock::new();
    ACTOR.get_or_init(|| named(getuid().as_raw(), &|name| std::env::var(name).ok(), &name_of)).clone()
}

/// From the host's own list of users, or from whatever else it asks for them.
fn name_of(uid: u32) -> Option<String> {
    let own = fs::read_to_string("/etc/passwd").ok();
    own.and_then(|users| name_in(&users, uid)).or_else(|| {
        let asked = Command::new("/usr/bin/getent").env_clear().args(["passwd", &uid.to_string()]).output().ok()?;
        name_in(&String::from_utf8_lossy(&asked.stdout), uid)
    })
}

/// `name:x:uid:…`, a line a user.
fn name_in(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

fn named(uid: u32, env: &dyn Fn(&str) -> Option<String>, name_of: &dyn Fn(u32) -> Option<String>) -> String {
    let user = name_of(uid).unwrap_or_else(|| "user".to_owned());
    let sudo = env("SUDO_UID").and_then(|uid| uid.trim().parse().ok());
    let sudo = sudo.filter(|by| *by != uid).map(|by| name_of(by).unwrap_or_else(|| format!("uid {by}")));
    let sudo = sudo.or_else(|| env("SUDO_USER").filter(|by| !by.is_empty() && *by != user).map(cut));
    let beside = sudo.map(|by| format!(", sudo by {by}")).unwrap_or_default();
    visible(&format!("{user} (uid {uid}{beside})@{}", host()))
}

/// What anybody can write is no longer than a name is.
fn cut(name: String) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_third_field() {
        let users = "root:x:0:0:root:/root:/bin/sh\n:x:7::\nbroken\nann:x:1000:0::/:/bin/sh\n";
        assert_eq!((name_in(users, 0).as_deref(), name_in(users, 1000).as_deref()), (Some("root"), Some("ann")));
        assert_eq!((name_in(users, 7), name_in(users, 100)), (None, None));
    }

    #[test]
    fn who_runs_is_what_the_kernel_says_and_sudos_user_stands_beside() {
        let of = |uid: u32, env: &[(&str, &str)]| {
            let env: Vec<(String, String)> =
                env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            let look = move |wanted: &str| env.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
            let names = |uid: u32| match uid {
                0 => Some("root".to_owned()),
                1000 => Some("ann".to_owned()),
                _ => None,
            };
            named(uid, &look, &names).rsplit_once('@').unwrap().0.to_owned()
        };
        assert_eq!(of(1000, &[("USER", "boss"), ("LOGNAME", "boss")]), "ann (uid 1000)");
        assert_eq!(of(0, &[("SUDO_USER", "boss"), ("SUDO_UID", "1000")]), "root (uid 0, sudo by ann)");
        assert_eq!(of(0, &[("SUDO_USER", "ben\u{1b}")]), "root (uid 0, sudo by ben\\u{1b})");
        assert_eq!(of(0, &[("SUDO_UID", "4242")]), "root (uid 0, sudo by uid 4242)");
        assert_eq!(of(4242, &[]), "user (uid 4242)");
        assert_eq!(of(1000, &[("SUDO_UID", "1000"), ("SUDO_USER", "ann")]), "ann (uid 1000)");
    }
}
