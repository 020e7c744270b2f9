//! Posts as rows of a table: the first row names the fields, as `brandSlug` or `x.poll`.
//!
//! A cell is a text. An empty one is not there. `true`, `false`, lists and objects of JSON are what
//! they look like, unless the field is a wording; a number is one in a field that is named for its
//! unit. `platforms`, `accounts` and `media` take several names with blanks or semicolons between.

use crate::envelope::Refusal;
use app::bulk::{ROWS_MAX, Row};
use bytes::Bytes;
use csv::{ByteRecord, Position, ReaderBuilder};
use domain::rejection::{Rejection, Rule, excerpt};
use serde_json::{Map, Value, json};

/// Columns of a table at most: more than a post has fields.
const COLUMNS_MAX: usize = 64;
/// The longest name of a column, in bytes; a field of a field has forty.
const NAME_SIZE_BYTES_MAX: usize = 64;
/// Fields that hold names, with blanks or semicolons between.
const LISTS: [&str; 2] = ["platforms", "accounts"];
/// Fields that are words whatever they look like.
const WORDS: [&str; 4] = ["text", "title", "description", "clientRef"];
/// How fields that are numbers end.
const UNITS: [&str; 4] = ["Ms", "Minutes", "Seconds", "times"];

/// The rows of a table.
///
/// # Errors
/// Its first row names no fields.
pub(super) fn rows(body: &[u8]) -> Result<Vec<Row>, Refusal> {
    // Spreadsheets write a mark of the byte order before the first name.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut reader = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(body);
    let mut record = ByteRecord::new();
    let mut next = |record: &mut ByteRecord| reader.read_byte_record(record).unwrap_or(false);
    let columns = match next(&mut record) {
        true => columns(&record)?,
        false => Vec::new(),
    };
    let mut rows = Vec::new();
    while rows.len() <= ROWS_MAX && next(&mut record) {
        let line = record.position().map_or(0, |at| line(body, at));
        let json = post(&columns, &record);
        rows.push(Row { line, json });
    }
    Ok(rows)
}

/// The line that a row begins on. The reader may stand before line ends that it passes over.
fn line(body: &[u8], at: &Position) -> u64 {
    let start = usize::try_from(at.byte()).unwrap_or(usize::MAX);
    let ahead = body.get(start..).unwrap_or_default().iter();
    let ends = ahead.take_while(|byte| matches!(byte, b'\r' | b'\n'));
    at.line() + ends.filter(|byte| **byte == b'\n').count() as u64
}

/// The names of the fields.
fn columns(record: &ByteRecord) -> Result<Vec<String>, Refusal> {
    if record.len() > COLUMNS_MAX {
        let message =
            format!("A table has at most {COLUMNS_MAX} columns; this one {}.", record.len());
        let why = Rejection::request(Rule::TooMuch, "columns", message)
            .bounds(COLUMNS_MAX, record.len())
            .resolve("Send posts with so many fields as lines of JSON.");
        return Err(Refusal::invalid(vec![why]));
    }
    let (mut names, mut problems): (Vec<String>, Vec<Rejection>) = (Vec::new(), Vec::new());
    for cell in record {
        let name = String::from_utf8_lossy(cell).trim().to_owned();
        let is_path = name
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let why = match (is_path && name.len() <= NAME_SIZE_BYTES_MAX, names.contains(&name)) {
            (true, false) => None,
            (true, true) => Some("twice"),
            (false, _) => Some("no field of a post"),
        };
        if let Some(why) = why {
            let message = format!("The first row names {:?}: {why}.", excerpt(&name));
            problems.push(
                Rejection::request(Rule::UnknownField, "columns", message)
                    .bounds("names as `text` or `x.poll`, each once", name.as_str())
                    .resolve("Name each field of a post once, with dots between its parts."),
            );
        }
        names.push(name);
    }
    if problems.is_empty() { Ok(names) } else { Err(Refusal::invalid(problems)) }
}

/// The JSON of a row.
fn post(columns: &[String], record: &ByteRecord) -> Result<Bytes, Box<Rejection>> {
    if record.len() != columns.len() {
        let message =
            format!("The row has {} cells, the table {} columns.", record.len(), columns.len());
        return Err(Box::new(
            Rejection::request(Rule::WrongType, "row", message)
                .bounds(columns.len(), record.len())
                .resolve("Write a text that holds commas, quotes or line ends in double quotes."),
        ));
    }
    let mut post = Map::new();
    for (name, cell) in columns.iter().zip(record) {
        let Ok(cell) = std::str::from_utf8(cell) else {
            let message = format!("The cell under `{name}` is not UTF-8.");
            return Err(Box::new(
                Rejection::request(Rule::WrongType, name.as_str(), message)
                    .bounds("UTF-8", "other bytes")
                    .resolve("Save the table as UTF-8."),
            ));
        };
        if !cell.trim().is_empty() {
            put(&mut post, name, value(name, cell))?;
        }
    }
    Ok(Bytes::from(Value::Object(post).to_string()))
}

/// Writes a value where a dotted name points.
fn put(post: &mut Map<String, Value>, name: &str, value: Value) -> Result<(), Box<Rejection>> {
    let (path, last) = name.rsplit_once('.').unwrap_or(("", name));
    let mut at = post;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let inner = at.entry(part).or_insert_with(|| json!({}));
        let Some(inner) = inner.as_object_mut() else {
            return Err(Box::new(
                Rejection::request(Rule::Conflict, name, "Another column gives it whole.")
                    .bounds(part, name)
                    .resolve("Give the field as a whole or its parts, not both."),
            ));
        };
        at = inner;
    }
    if at.contains_key(last) {
        return Err(Box::new(
            Rejection::request(Rule::Conflict, name, "Other columns give its parts.")
                .bounds(last, name)
                .resolve("Give the field as a whole or its parts, not both."),
        ));
    }
    at.insert(last.to_owned(), value);
    Ok(())
}

/// What a cell means under a name.
fn value(name: &str, cell: &str) -> Value {
    let last = name.rsplit('.').next().unwrap_or(name);
    let trimmed = cell.trim();
    if WORDS.contains(&last) {
        return json!(cell);
    }
    if let '[' | '{' = trimmed.chars().next().unwrap_or_default()
        && let Ok(read) = serde_json::from_str(trimmed)
    {
        return read;
    }
    let names = || trimmed.split(|c: char| c.is_whitespace() || c == ';').filter(|n| !n.is_empty());
    if LISTS.contains(&name) {
        return names().map(Value::from).collect();
    }
    if last == "media" {
        return names().map(|id| json!({ "id": id })).collect();
    }
    match (trimmed, trimmed.parse::<u64>()) {
        ("true", _) => json!(true),
        ("false", _) => json!(false),
        (_, Ok(number)) if UNITS.iter().any(|unit| last.ends_with(unit)) => json!(number),
        _ => json!(trimmed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u64, Result<Value, Rejection>)> {
        let json = |row: Row| {
            let read = row.json.map(|json| serde_json::from_slice(&json).unwrap());
            (row.line, read.map_err(|why| *why))
        };
        rows(text.as_bytes()).unwrap().into_iter().map(json).collect()
    }

    // case: B-table
    #[test]
    fn a_row_is_the_post_that_its_cells_say() {
        let text = "\u{feff}brandSlug,text,platforms,media,draft,x.poll,x.autoRepost.times,\
                    youtube.categoryId,youtube.madeForKids\r\n\
                    acme,\"Two\nlines, \"\"quoted\"\"\",x; threads,med_1 med_2,,\
                    \"{\"\"options\"\":[\"\"a\"\",\"\"b\"\"]}\",3,22,false\r\n\
                    acme,true,x,,true,,,,\r\n";
        let rows = read(text);
        let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4], "a text of two lines takes two");
        let first = json!({
            "brandSlug": "acme", "text": "Two\nlines, \"quoted\"", "platforms": ["x", "threads"],
            "media": [{"id": "med_1"}, {"id": "med_2"}],
            "x": {"poll": {"options": ["a", "b"]}, "autoRepost": {"times": 3}},
            "youtube": {"categoryId": "22", "madeForKids": false},
        });
        assert_eq!(rows[0].1, Ok(first));
        let second =
            json!({"brandSlug": "acme", "text": "true", "platforms": ["x"], "draft": true});
        assert_eq!(rows[1].1, Ok(second));
    }

    // case: B-table
    #[test]
    fn a_row_that_is_none_is_named_with_its_line_and_the_others_are_read() {
        let rows = read("brandSlug,text\na,b\na,b,c\na\nd,e\n");
        let bad: Vec<(u64, Value)> = rows
            .iter()
            .filter_map(|(line, read)| Some((*line, read.as_ref().err()?.actual.clone())))
            .collect();
        assert_eq!(bad, [(3, json!(3)), (4, json!(1))]);
        let both = read("x,x.poll\n{},{}\n");
        assert_eq!(both[0].1, Ok(json!({"x": {"poll": {}}})));
        let whole = read("x.poll,x\n{},{}\n");
        assert_eq!(whole[0].1.as_ref().unwrap_err().field, "x");
        let bytes = super::rows(b"text\n\xff\n").unwrap();
        assert_eq!(bytes[0].json.as_ref().unwrap_err().field, "text");
    }

    // case: B-table
    #[test]
    fn the_first_row_names_fields() {
        for (text, actual) in [("text,text\n", "text"), ("a b\n", "a b"), ("x..y\n", "x..y")] {
            let refusal = rows(text.as_bytes()).unwrap_err();
            assert_eq!(refusal.details[0].actual, json!(actual), "{text:?}");
        }
        assert!(rows("a,".repeat(64).as_bytes()).is_err());
        assert!(read("").is_empty() && read("text\n").is_empty());
    }
}
