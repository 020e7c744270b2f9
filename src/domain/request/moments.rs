//! The times of a request: instants with an offset, or times on the wall of a zone.

use super::Fields;
use crate::local::{Local, TimeZone, Wall};
use crate::rejection::{Rejection, Rule, excerpt};
use crate::time::Timestamp;

/// What a time is written as.
const TIME: &str =
    "an RFC 3339 date and time, with or without an offset, up to 9999-12-30T22:00:00Z";

/// A time of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// How it was said, where no offset was.
    pub local: Option<Local>,
}

/// Reads a date and a time. Without an offset they are those of `zone`.
pub fn read_moment<'a>(fields: &mut Fields<'a>, name: &'a str, zone: &TimeZone) -> Option<Moment> {
    let word = fields.text(name)?;
    if let Some(at) = Timestamp::parse(word) {
        return Some(Moment { at, local: None });
    }
    let wall = Wall::parse(word);
    if let Some((wall, (at, shift))) = wall.and_then(|wall| Some((wall, zone.instant(wall)?))) {
        return Some(Moment { at, local: Some(zone.told(wall, at, shift)) });
    }
    let field = fields.path(name);
    let message = format!("`{field}` is no date and time: `{}`.", excerpt(word));
    let resolution = "Write it with its offset, as 2026-12-01T09:00:00Z, or without one, as \
                      2026-12-01T09:00, for the clocks of the brand.";
    let rejection =
        Rejection::request(Rule::OutOfRange, field, message).bounds(TIME, word).resolve(resolution);
    fields.reject(rejection);
    None
}

/// Reads the name of a zone.
pub fn read_zone<'a>(fields: &mut Fields<'a>, name: &'a str) -> Option<TimeZone> {
    let word = fields.text(name)?;
    let zone = TimeZone::named(word);
    if zone.is_none() {
        let resolution = match TimeZone::nearest(word) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => "Use a name of the IANA database, as `Europe/Berlin`.".to_owned(),
        };
        let field = fields.path(name);
        let message = format!("There is no time zone `{}`.", excerpt(word));
        let rejection = Rejection::request(Rule::OutOfRange, field, message)
            .bounds("a name of the IANA time zone database", word)
            .resolve(resolution);
        fields.reject(rejection);
    }
    zone
}
