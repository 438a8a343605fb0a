//! What happened to an entry that does not fit its place. The hashes tell which entry it once was: an entry's own hash says
//! whether its fields are those that it was written with, and under which number.

use super::{Break, Kind, chain};
use crate::db::control::{self, EntryRow};
use crate::db::{Connection, DbError};

/// `found` is the first entry that does not fit: `place` should hold the one after the hash `head`.
pub(super) fn of(conn: &mut Connection, place: i64, head: &str, found: &EntryRow) -> Result<Break, DbError> {
    let mut naming = control::walk::entries_naming(conn, head)?;
    naming.retain(|entry| is_sound_as(entry, place));
    let stands = naming.iter().any(|entry| entry.number == place);
    if let Some(moved) = naming.first().filter(|_| !stands) {
        return Ok(moved_away(conn, place, moved, found)?.at_entry(place));
    }
    let broken = match found.number {
        number if number > place => missing(place, number - 1),
        number if number < place => before_the_first(conn, found)?,
        _ => in_its_place(conn, head, found)?,
    };
    Ok(Break { entry: broken.entry.or(Some(place)), ..broken })
}

/// The true entry of this place is whole and stands elsewhere.
fn moved_away(conn: &mut Connection, place: i64, moved: &EntryRow, found: &EntryRow) -> Result<Break, DbError> {
    let is_a_stranger = found.number == place && original_number(conn, found)?.is_none();
    Ok(if is_a_stranger {
        let sentence = format!("entry {place} was put in: the one that was written there stands at {}", moved.number);
        Break::new(Kind::Inserted, sentence)
    } else {
        Break::new(Kind::Reordered, format!("the entry that was written as number {place} stands at {}", moved.number))
    })
}

fn missing(first: i64, last: i64) -> Break {
    let sentence = if first == last {
        format!("entry {first} is not there any more")
    } else {
        format!("entries {first} to {last} are not there any more")
    };
    Break::new(Kind::Missing, sentence)
}

/// Numbers below 1 are never written.
fn before_the_first(conn: &mut Connection, found: &EntryRow) -> Result<Break, DbError> {
    let number = found.number;
    Ok(match original_number(conn, found)? {
        Some(original) if !is_copy(conn, found)? => {
            let sentence = format!("the entry that was written as number {original} stands at {number}");
            Break::new(Kind::Reordered, sentence).at_entry(original)
        }
        _ => Break::new(Kind::Inserted, format!("there is an entry of the number {number}")).at_entry(number),
    })
}

/// Does the same entry stand somewhere else as well?
fn is_copy(conn: &mut Connection, found: &EntryRow) -> Result<bool, DbError> {
    let siblings = control::walk::entries_naming(conn, &found.previous)?;
    Ok(siblings.iter().any(|other| other.number != found.number && other.hash == found.hash))
}

/// The number is right and something else is not.
fn in_its_place(conn: &mut Connection, head: &str, found: &EntryRow) -> Result<Break, DbError> {
    let place = found.number;
    if is_sound_as(found, place) {
        let before = place - 1;
        let sentence = format!("entry {before} is not the one that entry {place} was chained to");
        return Ok(Break::new(Kind::Changed, sentence).at_entry(before.max(1)));
    }
    match original_number(conn, found)? {
        Some(original) if is_copy(conn, found)? => {
            let sentence = format!("entry {place} was put in: it is a copy of entry {original}");
            return Ok(Break::new(Kind::Inserted, sentence));
        }
        Some(original) if original > place => return Ok(missing(place, original - 1)),
        Some(original) => {
            let sentence = format!("entry {original} was put in: the entry that was written there stands at {place}");
            return Ok(Break::new(Kind::Inserted, sentence).at_entry(original));
        }
        None => {}
    }
    let relinked = EntryRow { previous: head.to_owned(), ..found.clone() };
    let belongs_here = found.previous == head
        || is_sound_as(&relinked, place)
        || !control::walk::entries_naming(conn, &found.hash)?.is_empty();
    Ok(if belongs_here {
        Break::new(Kind::Changed, format!("entry {place} is not as it was written"))
    } else {
        Break::new(Kind::Inserted, format!("entry {place} is chained to nothing, and nothing to it"))
    })
}

/// Are its fields those that its hash was taken of, but for the number?
fn is_sound_as(entry: &EntryRow, number: i64) -> bool {
    chain::hash(&EntryRow { number, ..entry.clone() }) == entry.hash
}

/// The number under which the entry was written, where it is another one than it bears now.
fn original_number(conn: &mut Connection, entry: &EntryRow) -> Result<Option<i64>, DbError> {
    /// So many entries may have been removed, and so many may there be, for it to be found.
    const BEYOND: i64 = 100;
    const MOST: i64 = 1_000_000;
    let last = control::last_entry(conn)?.map_or(0, |last| last.number.min(MOST));
    Ok((1..=last.saturating_add(BEYOND)).find(|number| *number != entry.number && is_sound_as(entry, *number)))
}
