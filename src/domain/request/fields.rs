//! A reader of one JSON object that is strict and finds everything: wrong types, unknown names.

use crate::content::MediaUse;
use crate::id::{Id, Kind};
use crate::rejection::{Rejection, Rule, excerpt};
use crate::time::Timestamp;
use serde_json::{Map, Value};
use std::fmt;

/// Files in one list of media; more than any platform takes.
pub const MEDIA_MAX: usize = 100;
/// Accounts, or platforms, of one post.
pub const LIST_MAX: usize = 100;
/// Entries of any list; a longer one is refused unread.
const ENTRIES_MAX: usize = 500;
/// Violations told of one object: enough to mend it, too few to flood the answer.
const FOUND_MAX: usize = 200;
/// Edits between a misspelt name and the one that is suggested instead.
const EDITS_MAX: usize = 3;
/// Longer unknown names are not compared; no field here is nearly as long.
const NAME_CHARS_MAX: usize = 40;

/// The largest number of which all smaller whole ones can be told apart when written as `3.0`.
const WHOLE_MAX: f64 = 9_007_199_254_740_991.0;

/// What an instant is written as.
const INSTANT: &str = "an RFC 3339 date and time with an offset, up to 9999-12-30T22:00:00Z";

/// One JSON object, read field by field. A field that is `null` counts as absent.
///
/// Every field that was asked for is a known one; [`Fields::finish`] refuses all others by name.
#[derive(Debug)]
pub struct Fields<'a> {
    object: Option<&'a Map<String, Value>>,
    path: String,
    platform: Option<&'static str>,
    known: Vec<&'a str>,
    found: Vec<Rejection>,
}

impl<'a> Fields<'a> {
    /// A reader of `object`, which stands at `path` (empty for the body itself). `platform` is
    /// the one whose options these are.
    pub fn new(
        object: Option<&'a Map<String, Value>>,
        path: impl Into<String>,
        platform: Option<&'static str>,
    ) -> Self {
        Self { object, path: path.into(), platform, known: Vec::new(), found: Vec::new() }
    }

    /// The whole path of a field of this object.
    pub fn path(&self, name: impl fmt::Display) -> String {
        if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) }
    }

    /// The value of a field, whatever it is.
    pub fn value(&mut self, name: &'a str) -> Option<&'a Value> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.object?.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&mut self, name: &'a str) -> Option<&'a str> {
        let value = self.value(name)?;
        self.as_text(&self.path(name), value)
    }

    /// A text that has to be there and to hold more than blanks.
    pub fn required_text(&mut self, name: &'a str, resolution: &str) -> Option<&'a str> {
        let is_absent = self.value(name).is_none();
        let text = self.text(name);
        if is_absent || text.is_some_and(|text| text.trim().is_empty()) {
            self.missing(name, resolution);
            return None;
        }
        text
    }

    /// A whole number from 0.
    pub fn number(&mut self, name: &'a str) -> Option<u64> {
        let value = self.value(name)?;
        self.or_wrong_type(name, "a whole number from 0", value, whole(value))
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &'a str) -> Option<bool> {
        let value = self.value(name)?;
        self.or_wrong_type(name, "true or false", value, value.as_bool())
    }

    /// A list of anything.
    pub fn list(&mut self, name: &'a str) -> Option<&'a [Value]> {
        self.list_up_to(name, ENTRIES_MAX)
    }

    /// A list of at most so many entries; a longer one is refused unread.
    pub fn list_up_to(&mut self, name: &'a str, limit: usize) -> Option<&'a [Value]> {
        let value = self.value(name)?;
        let list = value.as_array().map(Vec::as_slice);
        let list = self.or_wrong_type(name, "a list", value, list)?;
        if list.len() > limit {
            self.too_many(name, limit, list.len());
            return None;
        }
        Some(list)
    }

    /// An object, with a reader of its own; its findings come back through [`Fields::absorb`].
    pub fn object(&mut self, name: &'a str) -> Option<Fields<'a>> {
        let value = self.value(name)?;
        let object = self.or_wrong_type(name, "an object", value, value.as_object())?;
        Some(Fields::new(Some(object), self.path(name), self.platform))
    }

    /// A list of texts; the entries that are none are reported and left out.
    pub fn texts(&mut self, name: &'a str) -> Option<Vec<&'a str>> {
        let entries = self.list(name)?;
        let path = |index: usize| format!("{name}[{index}]");
        let read = entries.iter().enumerate().map(|(index, entry)| {
            let path = self.path(path(index));
            self.as_text(&path, entry)
        });
        Some(read.collect::<Vec<_>>().into_iter().flatten().collect())
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, name: &'a str, words: &[(&'static str, T)]) -> Option<T> {
        let word = self.text(name)?;
        let chosen = words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
        if chosen.is_none() {
            let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
            let resolution = match nearest(word, &known) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => format!("Use one of: {}.", known.join(", ")),
            };
            let field = self.path(name);
            let message =
                format!("`{field}` is one of {}, not `{}`.", known.join(", "), excerpt(word));
            self.reject(
                self.broken(Rule::OutOfRange, field, message)
                    .bounds(known, word)
                    .resolve(resolution),
            );
        }
        chosen
    }

    /// An identifier.
    pub fn id<K: Kind>(&mut self, name: &'a str) -> Option<Id<K>> {
        let word = self.text(name)?;
        let path = self.path(name);
        self.as_id(&path, word)
    }

    /// An instant.
    pub fn instant(&mut self, name: &'a str) -> Option<Timestamp> {
        let word = self.text(name)?;
        let read = Timestamp::parse(word);
        if read.is_none() {
            let field = self.path(name);
            let message = format!("`{field}` is no instant: `{}`.", excerpt(word));
            self.reject(
                Rejection::request(Rule::OutOfRange, field, message)
                    .bounds(INSTANT, word)
                    .resolve("Write it with its offset, as 2026-12-01T09:00:00Z."),
            );
        }
        read
    }

    /// A list of `{id, altText}`; the entries that are none are reported and left out.
    pub fn media(&mut self, name: &'a str) -> Option<Vec<MediaUse>> {
        let entries = self.list_up_to(name, MEDIA_MAX)?;
        let mut uses = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let path = self.path(format_args!("{name}[{index}]"));
            let Some(object) = entry.as_object() else {
                self.wrong_type(path, "an object with `id` and `altText`", entry);
                continue;
            };
            let mut fields = Fields::new(Some(object), path, self.platform);
            let id_path = fields.path("id");
            let word = fields.required_text("id", "Name the file by the id of its upload.");
            let id = word.and_then(|word| fields.as_id(&id_path, word));
            let alt_text = fields.text("altText").map(str::to_owned);
            uses.extend(id.map(|id| MediaUse { id, alt_text }));
            self.absorb(fields);
        }
        Some(uses)
    }

    /// A field that exists elsewhere and cannot be had here: refused with a reason.
    pub fn refuse(&mut self, name: &'a str, reason: &str, resolution: &str) {
        if let Some(value) = self.value(name) {
            let rejection = self.broken(Rule::NotSupported, self.path(name), reason.to_owned());
            self.reject(rejection.bounds(Value::Null, shown(value)).resolve(resolution.to_owned()));
        }
    }

    /// A required field that is missing or empty.
    pub fn missing(&mut self, name: &'a str, resolution: &str) {
        let field = self.path(name);
        let message = format!("`{field}` is required; it is missing or empty.");
        let rejection = self.broken(Rule::Required, field, message);
        self.reject(rejection.bounds(1, 0).resolve(resolution));
    }

    /// A list with more entries than it may have.
    pub fn too_many(&mut self, name: &'a str, limit: usize, actual: usize) {
        let field = self.path(name);
        let message = format!("`{field}` has at most {limit} entries; this one has {actual}.");
        let resolution = format!("Leave out {} of them.", actual.saturating_sub(limit));
        let rejection = self.broken(Rule::TooMuch, field, message);
        self.reject(rejection.bounds(limit, actual).resolve(resolution));
    }

    /// A violation of a rule here: the platform's, where the options are a platform's.
    pub fn broken(&self, rule: Rule, field: String, message: String) -> Rejection {
        match self.platform {
            Some(platform) => Rejection::content(platform, rule, field, message),
            None => Rejection::request(rule, field, message),
        }
    }

    /// Takes note of a violation that the caller has found.
    pub fn reject(&mut self, rejection: Rejection) {
        if self.found.len() < FOUND_MAX {
            self.found.push(rejection);
        }
    }

    /// Reads an entry of a list as a text.
    pub fn as_text(&mut self, path: &str, value: &'a Value) -> Option<&'a str> {
        let Some(text) = value.as_str() else {
            self.wrong_type(path.to_owned(), "a text", value);
            return None;
        };
        // Neither Postgres nor any platform takes it, and no keyboard types it.
        if text.contains('\0') {
            let message = format!("`{path}` holds the character U+0000, which no text may.");
            let rejection = self.broken(Rule::OutOfRange, path.to_owned(), message);
            self.reject(
                rejection
                    .bounds("any character but U+0000", "U+0000")
                    .resolve("Take the character U+0000 out."),
            );
            return None;
        }
        Some(text)
    }

    /// Reads a text as an identifier.
    pub fn as_id<K: Kind>(&mut self, path: &str, word: &str) -> Option<Id<K>> {
        let read = word.parse::<Id<K>>();
        if let Err(why) = &read {
            let message = format!("`{path}` is no identifier: {why}.");
            let rejection = Rejection::request(Rule::OutOfRange, path, message);
            let form = format!("{}_ and 32 hexadecimal digits", K::PREFIX);
            let rejection =
                rejection.bounds(form, word).resolve("Use the id exactly as the API returned it.");
            self.reject(self.signed(rejection));
        }
        read.ok()
    }

    /// A value of another JSON type than the one documented.
    pub fn wrong_type(&mut self, field: String, wanted: &str, value: &Value) {
        let actual = json_type(value);
        let message = format!("`{field}` is {wanted}, not {actual}.");
        let rejection = Rejection::request(Rule::WrongType, field, message);
        let rejection = rejection.bounds(wanted, actual).resolve(format!("Send {wanted}."));
        self.reject(self.signed(rejection));
    }

    /// Takes over what a reader of a part has found, its unknown fields included.
    pub fn absorb(&mut self, part: Fields<'_>) {
        part.finish().into_iter().for_each(|rejection| self.reject(rejection));
    }

    /// The fields that nobody asked for, to be read elsewhere, and everything found.
    pub fn rest(self) -> (Map<String, Value>, Vec<Rejection>) {
        let entries = self.object.into_iter().flatten();
        let unread = entries.filter(|(name, _)| !self.known.contains(&name.as_str()));
        (unread.map(|(name, value)| (name.clone(), value.clone())).collect(), self.found)
    }

    /// Everything found, the fields included that nobody asked for.
    pub fn finish(mut self) -> Vec<Rejection> {
        let names = self.object.into_iter().flat_map(Map::keys);
        let room = FOUND_MAX.saturating_sub(self.found.len());
        let unknown = names.filter(|name| !self.known.contains(&name.as_str()));
        for name in unknown.take(room).collect::<Vec<_>>() {
            let resolution = match nearest(name, &self.known) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => format!("Leave it out; the fields here are {}.", self.known.join(", ")),
            };
            let field = self.path(excerpt(name));
            let message = format!("There is no field `{field}`.");
            let rejection = Rejection::request(Rule::UnknownField, field, message)
                .bounds(self.known.clone(), name.as_str())
                .resolve(resolution);
            let rejection = self.signed(rejection);
            self.found.push(rejection);
        }
        self.found
    }

    fn signed(&self, rejection: Rejection) -> Rejection {
        match self.platform {
            Some(platform) => rejection.on(platform),
            None => rejection,
        }
    }

    fn or_wrong_type<T>(
        &mut self,
        name: &'a str,
        wanted: &str,
        value: &Value,
        read: Option<T>,
    ) -> Option<T> {
        if read.is_none() {
            self.wrong_type(self.path(name), wanted, value);
        }
        read
    }
}

/// A whole number from 0, however it is written: to JSON `3.0` is the same as `3`.
fn whole(value: &Value) -> Option<u64> {
    let is_whole = |number: &f64| number.fract() == 0.0 && (0.0..=WHOLE_MAX).contains(number);
    let written = || value.as_f64().filter(is_whole).and_then(|one| one.to_string().parse().ok());
    value.as_u64().or_else(written)
}

/// The known name that a misspelt one was meant to be.
pub(crate) fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    if name.chars().nth(NAME_CHARS_MAX).is_some() {
        return None;
    }
    let typed = name.to_lowercase();
    let distance = |known: &&'n str| edits(&typed, &known.to_lowercase());
    let best = known.iter().copied().min_by_key(distance)?;
    // A third of the letters may be wrong; beyond that the guess teaches nothing.
    (distance(&best) <= EDITS_MAX.min(typed.chars().count().max(3) / 3)).then_some(best)
}

/// The edit distance of two short words, a swap of neighbours counting once.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best =
                (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// A value as a rejection repeats it: scalars as they are, the rest by its type.
fn shown(value: &Value) -> Value {
    match value {
        Value::Array(_) | Value::Object(_) => Value::from(json_type(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The name of a value's JSON type, with its article.
fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let known = ["brandSlug", "text", "platforms", "scheduledAt"];
        assert_eq!(nearest("brandslug", &known), Some("brandSlug"));
        assert_eq!(nearest("platform", &known), Some("platforms"));
        assert_eq!(nearest("tetx", &known), Some("text"));
        assert_eq!(nearest("schedule_at", &known), Some("scheduledAt"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
