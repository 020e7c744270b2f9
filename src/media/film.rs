//! Films in MP4 and QuickTime files (ISO/IEC 14496-12): dimensions and running time.
//!
//! Only the few boxes that tell them are read. A table of samples is never expanded: four bytes
//! in a hostile file may claim four thousand million of them.

use crate::probe::{Broken, Found, Reader};
use crate::tracks;
use domain::content::MediaKind;
use std::io::{Read, Seek, SeekFrom};

/// More boxes on one level than any film has; fragmented ones have two a second or so.
const BOXES_MAX: usize = 100_000;
/// The longest beginning of a box that is looked at: `tkhd` has 104 bytes.
const FIELDS_SIZE_BYTES: u64 = 128;
const CUT: Broken = Broken::Structure("it is cut short");

/// Where the content of a box lies.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) name: [u8; 4],
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// Reads a film.
pub(crate) fn read(
    file: &mut Reader,
    size_bytes: u64,
    mime: &'static str,
) -> Result<Found, Broken> {
    let whole = Span { name: *b"file", start: 0, end: size_bytes };
    let boxes = inside(file, whole)?;
    let movie = find(&boxes, b"moov").ok_or(Broken::Structure("its index is missing"))?;
    find(&boxes, b"mdat").ok_or(Broken::Structure("it holds no pictures"))?;
    let movie = inside(file, movie)?;
    let duration_ms = duration_ms(file, &movie)?;
    let mut largest: Option<(u64, u32, u32, Span)> = None;
    for track in movie.iter().filter(|span| span.name == *b"trak") {
        // A cover picture may be a track too; the film is the largest.
        let Some((width, height)) = picture_size(file, *track)? else { continue };
        let pixels = u64::from(width) * u64::from(height);
        if largest.is_none_or(|(most, ..)| pixels >= most) {
            largest = Some((pixels, width, height, *track));
        }
    }
    let (_, width, height, track) = largest.ok_or(Broken::Structure("it has no picture track"))?;
    let told = tracks::look(file, track)?;
    Ok(Found {
        kind: MediaKind::Video,
        mime,
        width,
        height,
        duration_ms: Some(duration_ms),
        codec: told.codec,
        frame_rate: told.frame_rate,
        frames: None,
    })
}

fn duration_ms(file: &mut Reader, movie: &[Span]) -> Result<u64, Broken> {
    let head = find(movie, b"mvhd").ok_or(Broken::Structure("its header is missing"))?;
    let fields = fields(file, head)?;
    let (timescale, mut units) = match fields.first() {
        Some(1) => (u32_at(&fields, 20)?, u64_at(&fields, 24)?),
        _ => (u32_at(&fields, 12)?, known(u32_at(&fields, 16)?)),
    };
    if units == 0 {
        units = fragments_duration(file, movie)?;
    }
    let ms = u128::from(units) * 1000 / u128::from(timescale.max(1));
    match u64::try_from(ms) {
        Ok(ms) if ms > 0 && units != u64::MAX => Ok(ms),
        _ => Err(Broken::Structure("it does not tell its running time, as live recordings do")),
    }
}

/// A film in fragments tells its length in another place, or not at all.
fn fragments_duration(file: &mut Reader, movie: &[Span]) -> Result<u64, Broken> {
    let Some(fragments) = find(movie, b"mvex") else { return Ok(0) };
    let Some(head) = find(&inside(file, fragments)?, b"mehd") else { return Ok(0) };
    let fields = fields(file, head)?;
    match fields.first() {
        Some(1) => u64_at(&fields, 4),
        _ => u32_at(&fields, 4).map(known),
    }
}

/// All ones stand for "unknown".
const fn known(units: u32) -> u64 {
    if units == u32::MAX { 0 } else { units as u64 }
}

/// The size that a track is shown at; `None` when it is not one of pictures.
fn picture_size(file: &mut Reader, track: Span) -> Result<Option<(u32, u32)>, Broken> {
    let track = inside(file, track)?;
    let (Some(head), Some(content)) = (find(&track, b"tkhd"), find(&track, b"mdia")) else {
        return Ok(None);
    };
    let content = inside(file, content)?;
    let Some(handler) = find(&content, b"hdlr") else { return Ok(None) };
    if fields(file, handler)?.get(8..12) != Some(b"vide".as_slice()) {
        return Ok(None);
    }
    let fields = fields(file, head)?;
    let matrix = if fields.first() == Some(&1) { 52 } else { 40 };
    // Width and height have 16 bits behind the point.
    let (width, height) =
        (u32_at(&fields, matrix + 36)? >> 16, u32_at(&fields, matrix + 40)? >> 16);
    // A phone held upright films lying and turns by a quarter: nothing is left on the diagonal.
    let turned = u32_at(&fields, matrix)? == 0 && u32_at(&fields, matrix + 16)? == 0;
    Ok(Some(if turned { (height, width) } else { (width, height) }))
}

/// The boxes inside a box. Each must end within it.
pub(crate) fn inside(file: &mut Reader, parent: Span) -> Result<Vec<Span>, Broken> {
    let mut boxes = Vec::new();
    let mut at = parent.start;
    // QuickTime may close a list with four zero bytes.
    while parent.end.saturating_sub(at) >= 8 {
        if boxes.len() >= BOXES_MAX {
            return Err(Broken::Structure("it has more parts than any film"));
        }
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        let [a, b, c, d, name @ ..] = head;
        let (size_bytes, head_bytes) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (parent.end - at, 8),
            1 => {
                let mut size = [0; 8];
                file.read_exact(&mut size)?;
                (u64::from_be_bytes(size), 16)
            }
            size => (u64::from(size), 8),
        };
        let end = at.checked_add(size_bytes).filter(|end| *end <= parent.end).ok_or(CUT)?;
        if size_bytes < head_bytes {
            return Err(Broken::Structure("one of its parts has no room for itself"));
        }
        boxes.push(Span { name, start: at + head_bytes, end });
        at = end;
    }
    Ok(boxes)
}

pub(crate) fn find(boxes: &[Span], name: &[u8; 4]) -> Option<Span> {
    boxes.iter().find(|span| span.name == *name).copied()
}

pub(crate) fn fields(file: &mut Reader, span: Span) -> Result<Vec<u8>, Broken> {
    file.seek(SeekFrom::Start(span.start))?;
    let mut fields = Vec::new();
    file.by_ref().take((span.end - span.start).min(FIELDS_SIZE_BYTES)).read_to_end(&mut fields)?;
    Ok(fields)
}

pub(crate) fn u32_at(fields: &[u8], at: usize) -> Result<u32, Broken> {
    let bytes = fields.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(CUT)
}

pub(crate) fn u64_at(fields: &[u8], at: usize) -> Result<u64, Broken> {
    let bytes = fields.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map(|bytes| u64::from_be_bytes(*bytes)).ok_or(CUT)
}
