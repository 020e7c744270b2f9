//! The log of one simulator: a line of JSON for each request and control that changed it.
//!
//! Invariant: a line is written with one call before its answer leaves, so a process that is
//! killed at any instant has at most an unfinished last line, whose answer nobody saw.

use base::{Context, Fault};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::time::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use platforms::sim::{Control, Fetched, Inbound};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

// They belong to the connection, not to the request, and no simulator looks at them.
const LEFT_OUT: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::DATE,
    header::HOST,
    header::USER_AGENT,
];

/// The open log, held by one process at a time.
#[derive(Debug)]
pub struct Log(File);

impl Drop for Log {
    // Closing would not do: a child that another thread just forked has the file open until its
    // exec, and a lock lasts as long as any copy of the descriptor.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// What a line restores.
#[derive(Debug)]
pub enum Entry {
    /// A request that was kept.
    Request(Inbound),
    /// A control that was carried out.
    Control(Control),
    /// What the simulator fetched, under its own name for it.
    Fetched(String, Fetched),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    request: Option<Kept<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    control: Option<Cow<'a, Control>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    fetched: Option<Brought>,
}

/// A fetch as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Brought {
    key: String,
    status: u16,
    content_type: String,
    body_base64: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept<'a> {
    base: Cow<'a, str>,
    method: Cow<'a, str>,
    path: Cow<'a, str>,
    query: Cow<'a, str>,
    headers: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    body: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    body_base64: Option<String>,
}

impl Log {
    /// Opens the log, hands each entry to `replay` in order, and cuts off an unfinished last line.
    ///
    /// # Errors
    /// Another process holds the log, or a line in it is not one of ours.
    pub fn open(path: &Path, mut replay: impl FnMut(Timestamp, Entry)) -> Result<Self, Fault> {
        let name = path.display();
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = options.open(path).context(format!("opening {name}"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Fault::new(format!("another simulator writes {name}")));
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).context(format!("locking {name}"));
            }
        }
        let mut reader = BufReader::new(&file);
        let (mut line, mut number, mut whole) = (Vec::new(), 1, 0);
        while reader.read_until(b'\n', &mut line).context(format!("reading {name}"))? > 0 {
            if line.last() == Some(&b'\n') {
                let (at, entry) = read(&line).context(format!("{name}, line {number}"))?;
                replay(at, entry);
                whole += line.len() as u64;
                number += 1;
            }
            line.clear();
        }
        file.set_len(whole).context(format!("cutting {name}"))?;
        Ok(Self(file))
    }

    /// Keeps a request.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn request(&mut self, at: Timestamp, request: &Inbound) -> Result<(), Fault> {
        let (body, body_base64) = match std::str::from_utf8(&request.body) {
            Ok("") => (None, None),
            Ok(text) => (Some(Cow::Borrowed(text)), None),
            Err(_) => (None, Some(STANDARD.encode(&request.body))),
        };
        let kept = Kept {
            base: request.base.as_str().into(),
            method: request.method.as_str().into(),
            path: request.path.as_str().into(),
            query: request.query.as_str().into(),
            headers: headers(&request.headers),
            body,
            body_base64,
        };
        self.write(&Line { at, request: Some(kept), control: None, fetched: None })
    }

    /// Keeps a control.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn control(&mut self, at: Timestamp, control: &Control) -> Result<(), Fault> {
        self.write(&Line {
            at,
            request: None,
            control: Some(Cow::Borrowed(control)),
            fetched: None,
        })
    }

    /// Keeps what was fetched.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn fetched(&mut self, at: Timestamp, key: &str, fetched: &Fetched) -> Result<(), Fault> {
        let fetched = Some(Brought {
            key: key.to_owned(),
            status: fetched.status,
            content_type: fetched.content_type.clone(),
            body_base64: STANDARD.encode(&fetched.body),
        });
        self.write(&Line { at, request: None, control: None, fetched })
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn clear(&mut self) -> Result<(), Fault> {
        self.0.set_len(0).context("emptying a simulator's log")?;
        self.0.rewind().context("emptying a simulator's log")
    }

    fn write(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        let mut text = serde_json::to_vec(line).context("writing a simulator's log")?;
        text.push(b'\n');
        self.0.write_all(&text).context("writing a simulator's log")
    }
}

fn headers(headers: &HeaderMap) -> BTreeMap<Cow<'_, str>, Cow<'_, str>> {
    headers
        .iter()
        .filter(|(name, _)| !LEFT_OUT.contains(name))
        .filter_map(|(name, value)| Some((name.as_str().into(), value.to_str().ok()?.into())))
        .collect()
}

fn read(line: &[u8]) -> Result<(Timestamp, Entry), Fault> {
    let line: Line<'_> = serde_json::from_slice(line)?;
    match (line.request, line.control, line.fetched) {
        (Some(kept), None, None) => Ok((line.at, Entry::Request(restore(kept)?))),
        (None, Some(control), None) => Ok((line.at, Entry::Control(control.into_owned()))),
        (None, None, Some(Brought { key, status, content_type, body_base64 })) => {
            let body = STANDARD.decode(body_base64)?;
            Ok((line.at, Entry::Fetched(key, Fetched { status, content_type, body })))
        }
        _ => Err(Fault::new("neither a request, nor a control, nor a fetch")),
    }
}

fn restore(kept: Kept<'_>) -> Result<Inbound, Fault> {
    let mut headers = HeaderMap::new();
    for (name, value) in &kept.headers {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        headers.insert(name, HeaderValue::from_str(value)?);
    }
    let body = match (kept.body, kept.body_base64) {
        (Some(text), _) => text.into_owned().into_bytes(),
        (None, Some(text)) => STANDARD.decode(text)?,
        (None, None) => Vec::new(),
    };
    Ok(Inbound {
        base: kept.base.into_owned(),
        method: Method::from_bytes(kept.method.as_bytes())?,
        path: kept.path.into_owned(),
        query: kept.query.into_owned(),
        headers,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gives_back_what_was_kept_without_its_unfinished_line() {
        let path = std::env::temp_dir().join(format!("postfleet-{}.ndjson", base::rng::uuid()));
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer a"));
        headers.insert("host", HeaderValue::from_static("left.out"));
        let body = vec![0xff, 0, b'\n', 7];
        let request = Inbound {
            base: "http://127.0.0.1:8090/x".into(),
            method: Method::POST,
            path: "/2/tweets".into(),
            query: "a=b".into(),
            headers,
            body: body.clone(),
        };
        let control = Control::StuckProcessing { s: 9 };
        let at = Timestamp::from_seconds(5);
        let mut log = Log::open(&path, |_, _| panic!("it is empty")).unwrap();
        log.request(at, &request).unwrap();
        log.control(at, &control).unwrap();
        log.0.write_all(b"{\"at\":\"2026").unwrap();
        assert!(Log::open(&path, |_, _| ()).is_err(), "one process at a time");
        drop(log);

        let mut found = Vec::new();
        let log = Log::open(&path, |at, entry| found.push((at, entry))).unwrap();
        assert_eq!(log.0.metadata().unwrap().len(), std::fs::read(&path).unwrap().len() as u64);
        assert!(std::fs::read(&path).unwrap().ends_with(b"}\n"));
        let [(first_at, Entry::Request(first)), (_, Entry::Control(second))] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!((*first_at, &first.body, &first.query), (at, &body, &request.query));
        assert_eq!(first.headers.len(), 1);
        assert_eq!(second, &control);
        std::fs::remove_file(&path).unwrap();
    }
}
