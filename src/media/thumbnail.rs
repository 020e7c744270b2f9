//! Makes a picture small.
//!
//! Invariant: what is decoded here has few enough pixels to be in memory as a whole; of a larger
//! picture, and of a film, there is no thumbnail.

use crate::storage::Source;
use domain::content::{AssetFacts, MediaKind};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use std::io::BufReader;

/// The longer side of a thumbnail.
const SIDE_PIXELS: u32 = 320;
/// A telephone's picture has twelve million; three bytes each are in memory while it is made small.
const PIXELS_MAX: u64 = 12_600_000;
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
    let mut reader = ImageReader::with_format(BufReader::new(source), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    // The file may say other dimensions to this reader than it said to the one before.
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
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
