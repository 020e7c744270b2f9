//! How the pictures of a film are coded, and how many of them go by in a second.
//!
//! The film is no worse for not telling: a place that says nothing of it is passed over.

use crate::film::{Span, fields, find, inside, u32_at, u64_at};
use crate::probe::{Broken, Reader};

/// More pictures a second are told by no camera.
const FRAME_RATE_MAX: f64 = 1_000.0;

/// What a track tells of its pictures.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) codec: Option<String>,
    pub(crate) frame_rate: Option<f64>,
}

/// Looks into a track of pictures (ISO/IEC 14496-12, 8.4.2, 8.5.2, 8.7.3).
pub(crate) fn look(file: &mut Reader, track: Span) -> Result<Told, Broken> {
    let below = |file: &mut Reader, span: Option<Span>, name| match span {
        Some(span) => Ok::<_, Broken>(find(&inside(file, span)?, name)),
        None => Ok(None),
    };
    let media = below(file, Some(track), b"mdia")?;
    let head = below(file, media, b"mdhd")?;
    let information = below(file, media, b"minf")?;
    let tables = below(file, information, b"stbl")?;
    let descriptions = below(file, tables, b"stsd")?;
    let sizes = below(file, tables, b"stsz")?.or(below(file, tables, b"stz2")?);
    let codec = match descriptions {
        Some(span) => fields(file, span)?.get(12..16).and_then(word),
        None => None,
    };
    let frame_rate = match (head, sizes) {
        (Some(head), Some(sizes)) => {
            let (head, sizes) = (fields(file, head)?, fields(file, sizes)?);
            // The number of samples; their table behind it is not read.
            rate(&head, u32_at(&sizes, 8)?)
        }
        _ => None,
    };
    Ok(Told { codec, frame_rate })
}

/// The four letters of a format, where they are letters.
fn word(letters: &[u8]) -> Option<String> {
    let is_plain = |b: &u8| b.is_ascii_graphic() || *b == b' ';
    let word = letters.iter().all(is_plain).then(|| String::from_utf8_lossy(letters));
    word.map(|word| word.trim().to_owned()).filter(|word| !word.is_empty())
}

/// Samples by the time of their track, in thousandths.
fn rate(head: &[u8], samples: u32) -> Option<f64> {
    let (timescale, units) = match head.first() {
        Some(1) => (u32_at(head, 20).ok()?, u64_at(head, 24).ok()?),
        _ => (u32_at(head, 12).ok()?, u64::from(u32_at(head, 16).ok()?)),
    };
    let rate = f64::from(samples) * f64::from(timescale) / units as f64;
    let rate = (rate * 1_000.0).round() / 1_000.0;
    (rate.is_finite() && rate > 0.0 && rate <= FRAME_RATE_MAX).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(timescale: u32, units: u32) -> Vec<u8> {
        [&[0; 12][..], &timescale.to_be_bytes(), &units.to_be_bytes()].concat()
    }

    #[test]
    fn a_rate_is_told_in_thousandths_or_not_at_all() {
        assert_eq!(rate(&head(30_000, 30_030), 30), Some(29.97));
        assert_eq!(rate(&head(1_000, 2_000), 50), Some(25.0));
        for (timescale, units, samples) in [(0, 1, 5), (1, 0, 5), (1_000, 1, u32::MAX), (9, 9, 0)] {
            assert_eq!(rate(&head(timescale, units), samples), None, "{timescale} {units}");
        }
        assert_eq!(rate(&[0; 10], 5), None);
    }

    #[test]
    fn a_format_is_four_letters() {
        assert_eq!(word(b"avc1").as_deref(), Some("avc1"));
        assert_eq!(word(b"raw ").as_deref(), Some("raw"));
        assert_eq!((word(b"\x00\x00\x00\x00"), word(b"    ")), (None, None));
    }
}
