//! Makes a picture small.
//!
//! Invariant: what is decoded here has few enough pixels to be in memory as a whole; of a larger
//! picture, and of a film, there is no thumbnail.

use crate::storage::Source;
use domain::content::{AssetFacts, MediaKind};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// The longer side of a thumbnail.
const SIDE_PIXELS: u32 = 320;
/// A telephone's picture has twelve million; three bytes each are in memory while it is made small.
const PIXELS_MAX: u64 = 12_600_000;
/// A JPEG that comes in passes over the whole picture is in memory as coefficients of two bytes too,
/// up to three for each pixel, until the last pass is read.
const PROGRESSIVE_PIXELS_MAX: u64 = 5_000_000;
/// A decoder may take so much besides.
const ALLOC_SIZE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Small pictures show no difference above it.
const QUALITY: u8 = 80;

/// How a file is decoded; `None` when it has no thumbnail.
pub(crate) fn how(facts: &AssetFacts) -> Option<ImageFormat> {
    let is_picture = matches!(facts.kind, MediaKind::Image | MediaKind::Gif);
    let pixels = u64::from(facts.width) * u64::from(facts.height);
    match facts.mime.as_str() {
        _ if !is_picture || pixels > PIXELS_MAX => None,
        "image/jpeg" => Some(ImageFormat::Jpeg),
        "image/png" => Some(ImageFormat::Png),
        "image/webp" => Some(ImageFormat::WebP),
        "image/gif" => Some(ImageFormat::Gif),
        _ => None,
    }
}

/// The picture as a small JPEG, of a GIF its first; `None` when it cannot be decoded. Blocks.
pub(crate) fn make(source: Source, format: ImageFormat) -> Option<Vec<u8>> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(ALLOC_SIZE_BYTES_MAX);
    let mut file = BufReader::new(source);
    let is_progressive = format == ImageFormat::Jpeg && comes_in_passes(&mut file).ok()?;
    let pixels_max = if is_progressive { PROGRESSIVE_PIXELS_MAX } else { PIXELS_MAX };
    file.rewind().ok()?;
    let mut reader = ImageReader::with_format(file, format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    // The file may say other dimensions to this reader than it said to the one before.
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > pixels_max {
        return None;
    }
    let orientation = decoder.orientation().ok()?;
    let mut small = DynamicImage::from_decoder(decoder).ok()?.thumbnail(SIDE_PIXELS, SIDE_PIXELS);
    small.apply_orientation(orientation);
    let mut made = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut made, QUALITY);
    on_white(&small).write_with_encoder(encoder).ok()?;
    Some(made)
}

/// The frame of a JPEG is a progressive one: its head has one of the markers SOF2, SOF6, SOF10 and
/// SOF14 (ITU-T T.81, table B.1).
fn comes_in_passes(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    // SOI.
    file.seek(SeekFrom::Start(2))?;
    loop {
        let mut head = [0; 4];
        file.read_exact(&mut head)?;
        match head {
            [0xFF, 0xC2 | 0xC6 | 0xCA | 0xCE, ..] => return Ok(true),
            // The other frames, and the scan, which comes after the frame. C4, C8 and CC are none.
            [0xFF, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xDA, ..] => {
                return Ok(false);
            }
            // A byte that fills up.
            [0xFF, 0xFF, ..] => file.seek_relative(-3)?,
            [0xFF, _, high, low] => {
                let size_bytes = i64::from(u16::from_be_bytes([high, low]));
                file.seek_relative((size_bytes - 2).max(0))?;
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// JPEG has nothing to see through: white shows there.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let picture = picture.to_rgba8();
    let mut flat = RgbImage::new(picture.width(), picture.height());
    for (to, from) in flat.pixels_mut().zip(picture.pixels()) {
        let [red, green, blue, alpha] = from.0;
        let over = |colour: u8| {
            let mixed = u16::from(colour) * u16::from(alpha) + 255 * u16::from(255 - alpha);
            u8::try_from(mixed / 255).unwrap_or(u8::MAX)
        };
        *to = Rgb([over(red), over(green), over(blue)]);
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn jpeg(frame: u8) -> Vec<u8> {
        let comment = b"\xFF\xFE\x00\x06\xFF\xC2..".as_slice();
        [b"\xFF\xD8", comment, &[0xFF, 0xFF, frame, 0, 11, 8]].concat()
    }

    #[test]
    fn a_progressive_jpeg_is_told_by_its_frame_and_by_nothing_before_it() {
        let told = |frame| comes_in_passes(&mut Cursor::new(jpeg(frame)));
        assert!(told(0xC2).unwrap() && told(0xCA).unwrap());
        assert!(!told(0xC0).unwrap() && !told(0xC1).unwrap() && !told(0xDA).unwrap());
        assert!(comes_in_passes(&mut Cursor::new(b"\xFF\xD8\xFF\xC4\x00".to_vec())).is_err());
        assert!(comes_in_passes(&mut Cursor::new(b"GIF89a".to_vec())).is_err());
    }
}
