//! What comes with the program: units, man pages, completions, the package. Installed into folders of the test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::Tenure;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tenure");

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) =
        (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
    assert!(status.success(), "{command:?}: {status}\n{stdout}{stderr}");
    stdout
}

/// `make install` below a folder; the prefix is its `usr`, where nothing else is said.
fn install(dir: &Path, more: &[&str]) -> PathBuf {
    let (prefix, sysconf) = (dir.join("usr"), dir.join("etc"));
    let settings = [format!("PREFIX={}", prefix.display()), format!("SYSCONFDIR={}", sysconf.display())];
    let binary = format!("BINARY={PROGRAM}");
    succeed(Command::new("make").arg("install").args(settings).arg(binary).args(more).current_dir(repository()));
    prefix
}

fn unit(name: &str) -> String {
    fs::read_to_string(repository().join("systemd").join(name)).unwrap()
}

#[test]
fn the_units_are_understood_by_systemd() {
    let dir = tempfile::tempdir().unwrap();
    let units = install(dir.path(), &[]).join("lib/systemd/system");
    // A template is looked at as one of its instances.
    fs::copy(units.join("tenure-dry-run@.service"), units.join("tenure-dry-run@1-2-1000.service")).unwrap();
    for name in ["tenure.service", "tenure-dry-run@1-2-1000.service", "tenure-dry-run.socket"] {
        let said = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(units.join(name)).output().unwrap();
        let said = (said.status.code(), String::from_utf8_lossy(&said.stderr).into_owned());
        assert_eq!(said, (Some(0), String::new()), "{name}");
    }
}

#[test]
fn the_units_leave_little_to_whoever_breaks_in() {
    for name in ["tenure.service", "tenure-dry-run@.service"] {
        // In tenths: 1.5 at most.
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--no-pager", "--offline=true", "--threshold=15"]);
        succeed(command.arg(repository().join("systemd").join(name)));
    }
}

#[test]
fn the_dry_run_has_the_fence_of_the_service() {
    let fence = |name: &str| -> Vec<String> {
        let lines = unit(name).lines().map(str::to_owned).collect::<Vec<_>>();
        let start = lines.iter().position(|line| line == "LimitCORE=0").unwrap();
        lines[start..].iter().take_while(|line| !line.is_empty()).cloned().collect()
    };
    assert_eq!(fence("tenure.service"), fence("tenure-dry-run@.service"));
    let whole = unit("tenure-dry-run@.service");
    assert!(whole.contains("/tenure plan --rules-from-stdin "), "a name is never taken for an option");
    let socket = unit("tenure-dry-run.socket");
    for line in ["SocketGroup=tenure-admin", "SocketMode=0660", "Accept=yes", "MaxConnections=4"] {
        assert!(socket.lines().any(|known| known == line), "{line}");
    }
}

#[test]
fn a_service_does_not_start_without_a_config() {
    for name in ["tenure.service", "tenure-dry-run@.service"] {
        assert!(unit(name).contains("\nConditionPathExists=/etc/tenure/tenure.toml\n"), "{name}");
    }
    let dir = tempfile::tempdir().unwrap();
    install(dir.path(), &[]);
    assert!(!dir.path().join("etc").exists(), "installing writes no config");
}

#[test]
fn what_is_installed_below_a_folder_says_where_it_will_be() {
    let dir = tempfile::tempdir().unwrap();
    let dest = format!("DESTDIR={}", dir.path().display());
    succeed(
        Command::new("make")
            .args(["install", &dest, "PREFIX=/opt/house", "SYSCONFDIR=/opt/etc"])
            .arg(format!("BINARY={PROGRAM}"))
            .current_dir(repository()),
    );
    let installed = fs::read_to_string(dir.path().join("opt/house/lib/systemd/system/tenure.service")).unwrap();
    assert!(installed.contains("ExecStart=/opt/house/bin/tenure daemon --config /opt/etc/tenure/tenure.toml\n"));
    assert!(installed.contains("LoadCredential=secret:/opt/etc/tenure/secrets\n"));
    let left = installed.lines().filter(|line| !line.starts_with('#'));
    assert!(left.into_iter().all(|line| !line.contains("/usr/bin/tenure") && !line.contains("=/etc/tenure")));
}

#[test]
fn a_place_that_a_unit_cannot_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for odd in ["/opt/a b", "/opt/a&b", "/opt/50%", "/opt/a|b", "/opt/a\\b", "/opt/\"a\"", "/opt/a\nb", "opt", ""] {
        for settings in [[odd, "/etc"], ["/usr", odd]] {
            let mut command = Command::new(repository().join("packaging/install"));
            let output = command.arg(PROGRAM).arg(dir.path()).args(settings).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{settings:?}");
            assert!(String::from_utf8_lossy(&output.stderr).contains("PREFIX and SYSCONFDIR"), "{settings:?}");
        }
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was installed");
}

#[test]
fn a_dry_run_answers_whoever_asks_through_the_socket_and_takes_no_option_from_them() {
    use std::io::{Read as _, Write as _};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::Stdio;

    let db = crate::harness::TestDb::new(tenure::db::Dialect::Sqlite);
    db.create("CREATE TABLE log (id {pk}, at {ts});");
    db.script("INSERT INTO log (at) VALUES ('2020-01-01 00:00:00')");
    (0..9).for_each(|_| db.script("INSERT INTO log (at) VALUES ('2999-01-01 00:00:00')"));
    let tenure = Tenure::alone().file("logs.toml", LOGS);
    let ask = |line: &[u8]| {
        let (mut here, there) = UnixStream::pair().unwrap();
        let end = || Stdio::from(OwnedFd::from(there.try_clone().unwrap()));
        let mut child = Command::new(PROGRAM)
            .args(["plan", "--rules-from-stdin", "--schedule", "logs.toml", "--database", db.url()])
            .current_dir(tenure.dir())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        drop(there);
        here.write_all(line).unwrap();
        let mut answer = String::new();
        here.read_to_string(&mut answer).unwrap();
        (child.wait().unwrap().code(), answer)
    };
    for line in [&b"logs\n"[..], b"\n", b"logs \r\n"] {
        let (code, answer) = ask(line);
        assert!(code == Some(0) && answer.contains("log"), "{line:?}: {code:?} {answer}");
    }
    for line in [&b"--config /etc/passwd\n"[..], b"no-such-rule\n"] {
        let (code, answer) = ask(line);
        assert!(code == Some(2) && answer.contains("there is no rule"), "{line:?}: {code:?} {answer}");
    }
}

#[test]
fn every_command_has_a_page_and_every_shell_completes_it() {
    let dir = tempfile::tempdir().unwrap();
    let share = install(dir.path(), &[]).join("share");
    let help = Tenure::alone().run(&["--help"]).expect_code(0).stdout;
    let commands = help.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap().lines();
    let commands = commands.map(|line| line.split_whitespace().next().unwrap()).filter(|name| *name != "help");
    let read = |path: &str| fs::read_to_string(share.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let completions =
        ["bash-completion/completions/tenure", "zsh/site-functions/_tenure", "fish/vendor_completions.d/tenure.fish"];
    for command in commands {
        let page = read(&format!("man/man1/tenure-{command}.1"));
        assert!(page.contains(&format!("tenure {command}")) && page.contains(r"\-\-config"), "{command}");
        for shell in completions {
            assert!(read(shell).contains(command), "{shell} does not know {command}");
        }
    }
    assert!(!share.join("man/man1/tenure-generate.1").exists(), "what is not in the help has no page");
    succeed(Command::new("bash").arg("-n").arg(share.join(completions[0])));
}

#[test]
fn the_user_and_the_folders_are_made_and_the_secrets_are_roots_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = format!("--root={}", dir.path().display());
    fs::create_dir_all(dir.path().join("etc")).unwrap();
    succeed(Command::new("systemd-sysusers").arg(&root).arg(repository().join("systemd/tenure.sysusers")));
    let users = fs::read_to_string(dir.path().join("etc/passwd")).unwrap();
    let user = users.lines().find(|line| line.starts_with("tenure:")).unwrap();
    assert!(user.contains(":/var/lib/tenure:") && user.ends_with("nologin"), "{user}");
    let groups = fs::read_to_string(dir.path().join("etc/group")).unwrap();
    assert!(groups.lines().any(|line| line.starts_with("tenure-admin:")), "{groups}");
    succeed(
        Command::new("systemd-tmpfiles").args([&root, "--create"]).arg(repository().join("systemd/tenure.tmpfiles")),
    );
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("etc/tenure/secrets"), mode("etc/tenure/schedules")), (0o700, 0o755));
}

#[test]
fn the_example_config_is_taken_as_it_stands_and_with_all_that_it_has_commented_out() {
    let example = unit("tenure.toml");
    let prose = |line: &&str| !line.starts_with("# ") && *line != "#";
    let whole: String =
        example.lines().filter(prose).map(|line| format!("{}\n", line.trim_start_matches('#'))).collect();
    for config in [example, whole] {
        let tenure =
            Tenure::alone().file("schedules/logs.toml", LOGS).file("secret_db", "geheim").file("secret_smtp", "geheim");
        let secrets = tenure.dir().to_str().unwrap().to_owned();
        let tenure = tenure.env("CREDENTIALS_DIRECTORY", &secrets).config(&config);
        tenure.run(&["check", "--offline"]).expect_code(0);
    }
}

const LOGS: &str = "[policy]\nname = \"house\"\n[[rule]]\nname = \"logs\"\ntable = \"log\"\nanchor = \"at\"\nretain = \"30 days\"\naction = \"delete\"\n";

/// Packages of a program that says its version, with everything else as `make install` has it.
struct Packages {
    dir: tempfile::TempDir,
}

impl Packages {
    fn new() -> Self {
        let packages = Self { dir: tempfile::tempdir().unwrap() };
        for folder in ["root/var/lib/dpkg/updates", "root/var/lib/dpkg/info", "root/etc"] {
            fs::create_dir_all(packages.path(folder)).unwrap();
        }
        fs::write(packages.path("root/var/lib/dpkg/status"), "").unwrap();
        packages
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn build(&self, version: &str) -> PathBuf {
        let (tree, package) = (self.path(&format!("tree-{version}")), self.path(&format!("tenure_{version}.deb")));
        let dest = tree.to_str().unwrap();
        succeed(Command::new(repository().join("packaging/install")).args([PROGRAM, dest, "/usr", "/etc"]));
        fs::write(tree.join("usr/bin/tenure"), format!("#!/bin/sh\necho {version}\n")).unwrap();
        fs::create_dir(tree.join("DEBIAN")).unwrap();
        let control =
            format!("Package: tenure\nVersion: {version}\nArchitecture: all\nMaintainer: m\nDescription: d\n");
        fs::write(tree.join("DEBIAN/control"), control).unwrap();
        for script in ["postinst", "prerm", "postrm"] {
            fs::copy(repository().join("packaging/debian").join(script), tree.join("DEBIAN").join(script)).unwrap();
        }
        succeed(Command::new("dpkg-deb").args(["--root-owner-group", "-Znone", "--build"]).args([&tree, &package]));
        package
    }

    /// dpkg on the root, with the maintainer's scripts run outside of it (`DPKG_ROOT`).
    fn dpkg(&self, action: &str, what: &Path) {
        let root = format!("--root={}", self.path("root").display());
        let force = ["--force-script-chrootless", "--force-not-root", "--force-bad-path", "--log=/dev/null"];
        succeed(Command::new("dpkg").arg(root).args(force).arg(action).arg(what));
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path("root").join(path)).ok()
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path("root").join(path).parent().unwrap()).unwrap();
        fs::write(self.path("root").join(path), text).unwrap();
    }
}

#[test]
fn the_package_installs_upgrades_without_losing_state_and_removes_cleanly_and_its_reports_go_with_purge_alone() {
    let packages = Packages::new();
    packages.dpkg("--install", &packages.build("1.0"));
    assert!(packages.read("etc/passwd").unwrap().contains("tenure:"), "the user is made");
    assert!(packages.path("root/etc/tenure/secrets").is_dir());
    assert!(packages.read("etc/tenure/tenure.toml").is_none(), "there is no config, so nothing can start");
    assert!(!packages.path("root/etc/systemd").exists(), "nothing is enabled");

    let (report, config) = ("var/lib/tenure/reports/r.json", "etc/tenure/tenure.toml");
    packages.write(report, "{}");
    packages.write(config, "schedules = []");
    let users = packages.read("etc/passwd");
    packages.dpkg("--install", &packages.build("1.1"));
    assert!(packages.read("usr/bin/tenure").unwrap().contains("1.1"));
    assert_eq!(
        (packages.read(report).as_deref(), packages.read(config).as_deref()),
        (Some("{}"), Some("schedules = []"))
    );
    assert_eq!(packages.read("etc/passwd"), users);

    packages.dpkg("--remove", Path::new("tenure"));
    assert!(!packages.path("root/usr/bin/tenure").exists() && !packages.path("root/usr/lib/systemd").exists());
    assert_eq!((packages.read(report).is_some(), packages.read(config).is_some()), (true, true));

    let register = "var/lib/tenure/erasures.jsonl";
    packages.write(register, "{}\n");
    packages.write("var/lib/tenure/unregistered/erasures.jsonl", "");
    packages.dpkg("--purge", Path::new("tenure"));
    let left: Vec<_> =
        fs::read_dir(packages.path("root/var/lib/tenure")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["erasures.jsonl"], "the reports go; the register says whom to erase again after a restore");
    assert_eq!(packages.read(register).as_deref(), Some("{}\n"));
    assert!(packages.read(config).is_some(), "what somebody wrote is not ours to remove");
    assert!(!packages.path("root/etc/tenure/secrets").exists(), "an empty folder of ours is");
}

#[test]
fn the_list_of_the_debian_package_has_every_file_that_is_installed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    install(dir.path(), &[]);
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    let package = &manifest["package"]["metadata"]["deb"];
    assert!(repository().join(package["maintainer-scripts"].as_str().unwrap()).join("postinst").exists());
    let mut listed = Vec::new();
    for asset in package["assets"].as_array().unwrap() {
        let source = asset[0].as_str().unwrap().strip_prefix("target/package").unwrap();
        let pattern = format!("{}{source}", dir.path().display());
        let found: Vec<_> = glob::glob(&pattern).unwrap().map(Result::unwrap).filter(|path| path.is_file()).collect();
        assert!(!found.is_empty(), "{source} is no file that is installed");
        listed.extend(found);
    }
    let everything = format!("{}/usr/**/*", dir.path().display());
    let mut installed: Vec<_> =
        glob::glob(&everything).unwrap().map(Result::unwrap).filter(|path| path.is_file()).collect();
    listed.sort();
    installed.sort();
    assert_eq!(listed, installed);
}
