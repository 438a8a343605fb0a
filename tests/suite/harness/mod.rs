//! What the stories need: databases of their own, the program, and portable DDL.

mod db;
mod ddl;
mod dump;
mod program;
mod server;
pub mod story;
mod wait;

pub use db::TestDb;
pub use ddl::ddl;
pub use program::{Output, Running, Tenure};
pub use wait::{catch_when, comes_true, wait_until};

/// Tells each story on SQLite, PostgreSQL and MySQL: `fn a_story(db: TestDb) { … }` becomes the tests `a_story::sqlite`,
/// `a_story::postgres` and `a_story::mysql`, each with a fresh, empty database.
macro_rules! on_every_database {
    ($($(#[$attribute:meta])* fn $story:ident($db:ident: TestDb) $body:block)+) => {$(
        mod $story {
            #[allow(unused_imports)]
            use super::*;

            pub(super) fn story($db: $crate::harness::TestDb) $body

            $(#[$attribute])*
            #[test]
            fn sqlite() {
                story($crate::harness::TestDb::new(tenure::db::Dialect::Sqlite));
            }

            $(#[$attribute])*
            #[test]
            fn postgres() {
                story($crate::harness::TestDb::new(tenure::db::Dialect::Postgres));
            }

            $(#[$attribute])*
            #[test]
            fn mysql() {
                story($crate::harness::TestDb::new(tenure::db::Dialect::Mysql));
            }
        }
    )+};
}

/// Tells stories of [`on_every_database`] once more on PostgreSQL, where two batches of people are under way at a time.
macro_rules! by_two_workers {
    ($($story:ident),+ $(,)?) => {
        mod by_two_workers {
            $(#[test]
            fn $story() {
                super::$story::story($crate::harness::TestDb::for_two_workers());
            })+
        }
    };
}
