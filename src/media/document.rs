//! Documents of pages: PDF, and the two kinds of Office files that are zip archives. The older
//! kinds, DOC and PPT, are not recognised.
//!
//! Only the frame is read: nothing is unpacked, so a small file cannot become a large one here.
//! How many pages there are is not counted: in most files that is written in packed parts.

use crate::probe::{Broken, Found, Reader};
use domain::content::MediaKind;
use std::io::{Read, Seek, SeekFrom};

/// A PDF ends within its last 1,024 bytes (Adobe's implementation note to ISO 32000-1, 7.5.5).
const PDF_END_BYTES: u64 = 1_024;
/// The end record of a zip archive has 22 bytes and a comment of at most 65,535 (APPNOTE 4.3.16).
const ZIP_END_BYTES: u64 = 22 + 65_535;
/// More parts than any document has.
const PARTS_MAX: u16 = 20_000;
/// The first part of every Office file (ECMA-376, part 2).
const OFFICE: &[u8] = b"[Content_Types].xml";

/// The main part of each kind of Office file, and what the file is then.
const OFFICE_KINDS: [(&[u8], &str); 2] = [
    (
        b"word/document.xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (
        b"ppt/presentation.xml",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
];

/// A PDF: its end is there.
pub(crate) fn pdf(file: &mut Reader, size_bytes: u64) -> Result<Found, Broken> {
    let end = end(file, size_bytes, PDF_END_BYTES)?;
    if !end.windows(5).any(|words| words == b"%%EOF") {
        return Err(Broken::Structure("it is cut short"));
    }
    Ok(found("application/pdf"))
}

/// A zip archive that holds an Office file; `None` when it holds something else.
pub(crate) fn office(file: &mut Reader, size_bytes: u64) -> Result<Option<Found>, Broken> {
    let (mut is_office, mut has_macros, mut kind) = (false, false, None);
    each_part(file, size_bytes, |name| {
        is_office |= name == OFFICE;
        has_macros |= name.ends_with(b"/vbaProject.bin");
        kind = kind.or(OFFICE_KINDS.iter().find(|(part, _)| *part == name));
    })?;
    if has_macros {
        return Err(Broken::Structure("it holds macros, which no platform takes"));
    }
    Ok(kind.filter(|_| is_office).map(|(_, mime)| found(mime)))
}

fn found(mime: &'static str) -> Found {
    Found {
        kind: MediaKind::Document,
        mime,
        width: 0,
        height: 0,
        duration_ms: None,
        codec: None,
        frame_rate: None,
        frames: None,
    }
}

/// Shows the names of the parts of an archive, as its list at the end tells them.
fn each_part(
    file: &mut Reader,
    size_bytes: u64,
    mut show: impl FnMut(&[u8]),
) -> Result<(), Broken> {
    let end = end(file, size_bytes, ZIP_END_BYTES)?;
    let at = end.windows(4).rposition(|words| words == b"PK\x05\x06");
    let record = at.and_then(|at| end.get(at..at + 22));
    let record = record.ok_or(Broken::Structure("it is cut short"))?;
    let count = u16::from_le_bytes([record[10], record[11]]);
    if count > PARTS_MAX {
        return Err(Broken::Structure("it has more parts than any document"));
    }
    let start = u32::from_le_bytes([record[16], record[17], record[18], record[19]]);
    file.seek(SeekFrom::Start(u64::from(start)))?;
    for _ in 0..count {
        let mut head = [0; 46];
        file.read_exact(&mut head)?;
        if !head.starts_with(b"PK\x01\x02") {
            return Err(Broken::Structure("its list of parts is wrong"));
        }
        let length = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let mut name = vec![0; usize::from(length(28))];
        file.read_exact(&mut name)?;
        file.seek_relative(i64::from(length(30)) + i64::from(length(32)))?;
        show(&name);
    }
    Ok(())
}

/// The last bytes of a file, at most so many.
fn end(file: &mut Reader, size_bytes: u64, most: u64) -> Result<Vec<u8>, Broken> {
    file.seek(SeekFrom::Start(size_bytes.saturating_sub(most)))?;
    let mut end = Vec::new();
    file.by_ref().take(most).read_to_end(&mut end)?;
    Ok(end)
}
