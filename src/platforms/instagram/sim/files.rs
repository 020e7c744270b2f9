//! Files of the simulated Instagram: fetched from an address, or sent to it, and what is not taken
//! of them.

use super::containers::{Container, Kind};
use super::state::State;
use crate::meta::sim::fetched_type;
use crate::sim::Fetched;
use domain::time::Timestamp;
use std::time::Duration;

/// docs: 8 MB an image, 300 MB a film.
const IMAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
const FILM_BYTES_MAX: usize = 300 * 1024 * 1024;
/// docs: an image is from 4:5 to 1.91:1, in hundredths of width per height.
const RATIO_PERCENT: std::ops::RangeInclusive<u32> = 80..=191;
/// What stands behind a container's id in the key of its cover.
const COVER: &str = "-cover";

/// A file of a container.
#[derive(Debug, PartialEq)]
pub(super) enum File {
    Awaited,
    /// It is not taken, for this reason.
    Broken(u32),
    Here {
        mime: String,
        bytes: Vec<u8>,
        ready_at: Timestamp,
    },
}

/// The name of a container's file: the image or film, or the cover behind it.
pub(super) fn key(id: &str, index: usize) -> String {
    format!("{id}{}", if index == 0 { "" } else { COVER })
}

/// Container and position of a name.
pub(super) fn of_key(key: &str) -> (&str, usize) {
    key.strip_suffix(COVER).map_or((key, 0), |id| (id, 1))
}

/// Takes in what a fetch brought.
pub(super) fn fetched(state: &mut State, key: &str, fetched: &Fetched, now: Timestamp) {
    let (id, index) = of_key(key);
    let (stuck_until, processing_ms) = (state.stuck_until, state.limits.processing_ms);
    let Some(container) = state.containers.get_mut(id) else {
        return;
    };
    take(container, index, fetched, [now, stuck_until], processing_ms);
}

/// Takes in a film that was sent whole.
pub(super) fn sent(state: &mut State, id: &str, body: Vec<u8>, now: Timestamp) {
    let (stuck_until, processing_ms) = (state.stuck_until, state.limits.processing_ms);
    // An upload claims no media type.
    let film = Fetched { status: 200, content_type: "video/mp4".into(), body };
    if let Some(container) = state.containers.get_mut(id) {
        take(container, 0, &film, [now, stuck_until], processing_ms);
    }
}

fn take(
    container: &mut Container,
    index: usize,
    fetched: &Fetched,
    [now, stuck_until]: [Timestamp; 2],
    processing_ms: u64,
) {
    let is_film = index == 0 && container.kind != Kind::Image;
    let processing = Duration::from_millis(if is_film { processing_ms } else { 0 });
    let ready_at = (now + processing).max(stuck_until);
    if let Some(file) = container.files.get_mut(index) {
        *file = match reason(fetched, is_film) {
            Some(reason) => File::Broken(reason),
            None => {
                let (mime, bytes) = (fetched_type(fetched).to_owned(), fetched.body.clone());
                File::Here { mime, bytes, ready_at }
            }
        };
    }
}

/// Why a file is not taken, in the documented numbers.
fn reason(fetched: &Fetched, is_film: bool) -> Option<u32> {
    let (mime, length) = (fetched_type(fetched), fetched.body.len());
    match fetched.status {
        0 => return Some(2_207_003),
        200..=299 => {}
        _ => return Some(2_207_052),
    }
    if is_film {
        let is_taken = ["video/mp4", "video/quicktime"].contains(&mime) && length <= FILM_BYTES_MAX;
        return (!is_taken || length == 0).then_some(2_207_026);
    }
    if mime != "image/jpeg" || length == 0 {
        return Some(2_207_005);
    }
    if length > IMAGE_BYTES_MAX {
        return Some(2_207_004);
    }
    let (width, height) = jpeg_size(&fetched.body)?;
    let ratio = u32::from(width) * 100 / u32::from(height).max(1);
    (!RATIO_PERCENT.contains(&ratio)).then_some(2_207_009)
}

/// Width and height of a JPEG, from its frame header (ITU-T T.81, B.2.2); none where there is
/// none, as in a test's made-up file.
fn jpeg_size(bytes: &[u8]) -> Option<(u16, u16)> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    while let [0xff, marker, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        // Frame headers are C0 to CF, but for the tables C4, C8 and CC among them.
        let is_frame = (0xc0..=0xcf).contains(marker) && ![0xc4, 0xc8, 0xcc].contains(marker);
        if is_frame {
            let [_, h1, h0, w1, w0, ..] = after else { return None };
            return Some((u16::from_be_bytes([*w1, *w0]), u16::from_be_bytes([*h1, *h0])));
        }
        rest = after.get(length.checked_sub(2)?..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a JPEG of this size, behind a table.
    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 1, 0xff, 0xc2, 0, 17, 8];
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes
    }

    #[test]
    fn an_image_is_neither_too_tall_nor_too_wide() {
        let reason_of = |width, height| {
            let body = jpeg(width, height);
            reason(&Fetched { status: 200, content_type: "image/jpeg".into(), body }, false)
        };
        let table = [
            ((1_080, 1_350), None),
            ((1_080, 1_351), Some(2_207_009)),
            ((1_910, 1_000), None),
            ((1_920, 1_000), Some(2_207_009)),
            ((10, 0), Some(2_207_009)),
        ];
        for ((width, height), expected) in table {
            assert_eq!(reason_of(width, height), expected, "{width} {height}");
        }
        assert_eq!(jpeg_size(&[0xff, 0xd8, 0xff, 0xe0, 0, 0]), None);
        assert_eq!(jpeg_size(&[7; 20]), None);
    }
}
