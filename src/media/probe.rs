//! Finds out what a file is, by its content alone.

use crate::storage::Source;
use crate::{document, film, picture};
use base::Fault;
use domain::content::MediaKind;
use domain::rejection::{Rejection, RejectionType, Rule};
use serde_json::{Value, json};
use std::io::{self, BufReader, ErrorKind, Read, Seek};

/// Enough of a file's beginning to know its type by.
const HEAD_SIZE_BYTES: usize = 512;
/// More pixels are refused: decoded at four bytes each, a platform or a browser would need 400 MB.
/// X takes at most 8192 × 8192 = 67 million.
const PIXELS_MAX: u64 = 100_000_000;
/// What can be published somewhere.
const TYPES: [&str; 9] = [
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "video/mp4",
    "video/quicktime",
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
];
/// How a zip archive begins, and with it every Office file since 2007.
const ZIP: &[u8] = b"PK\x03\x04";

/// A file that is looked at.
pub(crate) type Reader = BufReader<Source>;

/// What a file is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) kind: MediaKind,
    pub(crate) mime: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) duration_ms: Option<u64>,
    /// How the pictures of a film are coded, as `avc1`.
    pub(crate) codec: Option<String>,
    /// Pictures of a film in a second.
    pub(crate) frame_rate: Option<f64>,
    /// Pictures of a GIF.
    pub(crate) frames: Option<u32>,
}

/// Why a file is not what it seems to be.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Its structure is wrong, in this way.
    Structure(&'static str),
    /// It could not be read, or ends too early.
    Io(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Looks at a file. Blocks; memory is bounded whatever the file says of itself.
pub(crate) fn probe(source: Source, size_bytes: u64) -> Result<Result<Found, Rejection>, Fault> {
    match look(BufReader::new(source), size_bytes) {
        Ok(Ok(found)) => Ok(unfit(&found).map_or(Ok(found), Err)),
        Ok(Err(rejection)) => Ok(Err(rejection)),
        Err(Broken::Structure(how)) => Ok(Err(broken(how))),
        Err(Broken::Io(error)) => match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData => {
                Ok(Err(broken("it is cut short")))
            }
            _ => Err(Fault::from(error).context("reading a media file")),
        },
    }
}

fn look(mut file: Reader, size_bytes: u64) -> Result<Result<Found, Rejection>, Broken> {
    let mut head = Vec::with_capacity(HEAD_SIZE_BYTES);
    (&mut file).take(HEAD_SIZE_BYTES as u64).read_to_end(&mut head)?;
    if head.is_empty() {
        return Err(Broken::Structure("it is empty"));
    }
    file.rewind()?;
    let claimed = infer::get(&head).map(|found| found.mime_type());
    let found = match claimed {
        Some("image/png") => picture::png(&mut file)?,
        Some("image/jpeg") => picture::jpeg(&mut file)?,
        Some("image/gif") => picture::gif(&mut file)?,
        Some("image/webp") => picture::webp(&mut file, size_bytes)?,
        // Apple's own brand of MP4.
        Some("video/mp4" | "video/x-m4v") => film::read(&mut file, size_bytes, "video/mp4")?,
        Some("video/quicktime") => film::read(&mut file, size_bytes, "video/quicktime")?,
        Some("application/pdf") => document::pdf(&mut file, size_bytes)?,
        other if head.starts_with(ZIP) => match document::office(&mut file, size_bytes)? {
            Some(found) => found,
            None => return Ok(Err(unknown(other))),
        },
        other => return Ok(Err(unknown(other))),
    };
    Ok(Ok(found))
}

/// Why a file that is what it seems cannot be taken all the same.
fn unfit(found: &Found) -> Option<Rejection> {
    let (width, height) = (found.width, found.height);
    if found.kind == MediaKind::Document {
        return None;
    }
    match u64::from(width) * u64::from(height) {
        0 => Some(broken("it has no width or no height")),
        pixels if pixels > PIXELS_MAX => Some(rejection(
            Rule::TooMuch,
            format!("The file has {width} × {height} pixels; {PIXELS_MAX} in all are allowed."),
            (json!(PIXELS_MAX), json!(pixels)),
            "Scale it down, then upload it again.",
        )),
        _ => None,
    }
}

/// The file is larger than the installation takes.
pub(crate) fn too_large(size_bytes_max: u64) -> Rejection {
    rejection(
        Rule::TooMuch,
        format!("The file is larger than {size_bytes_max} bytes."),
        (json!(size_bytes_max), json!(format!("more than {size_bytes_max}"))),
        "Compress it or cut it, then upload it again.",
    )
}

/// The file's structure does not hold.
pub(crate) fn broken(how: &str) -> Rejection {
    rejection(
        Rule::NotSupported,
        format!("The file is broken: {how}."),
        (json!(TYPES), json!(how)),
        "Open it in an editor, export it again, and upload that.",
    )
}

fn unknown(found: Option<&'static str>) -> Rejection {
    let actual = found.unwrap_or("unknown");
    rejection(
        Rule::NotSupported,
        format!("By its content the file is {actual}; that cannot be published."),
        (json!(TYPES), json!(actual)),
        "Convert it to JPEG, PNG, WebP, GIF, MP4, MOV, PDF, DOCX or PPTX, then upload it again.",
    )
}

fn rejection(rule: Rule, message: String, (limit, actual): (Value, Value), way: &str) -> Rejection {
    Rejection {
        kind: RejectionType::PlatformMediaError,
        rule,
        platform: None,
        field: "file".to_owned(),
        message,
        limit,
        actual,
        resolution: way.to_owned(),
    }
}
