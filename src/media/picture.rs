//! Pictures: their dimensions, and whether their structure holds to its end.
//!
//! Only lengths and markers are followed; no pixel is decoded, so a small file cannot become a
//! large one here.

use crate::probe::{Broken, Found, Reader};
use domain::content::MediaKind;
use imagesize::{ImageSize, ImageType};
use std::io::{BufRead, Read, Seek, SeekFrom};

const CUT: Broken = Broken::Structure("it is cut short");

fn found(
    file: &mut Reader,
    (format, kind, mime): (ImageType, MediaKind, &'static str),
) -> Result<Found, Broken> {
    let size = format.reader_size(file);
    let ImageSize { width, height } =
        size.map_err(|_| Broken::Structure("its dimensions cannot be read"))?;
    let side = |pixels| u32::try_from(pixels).map_err(|_| Broken::Structure("it has no real size"));
    Ok(Found {
        kind,
        mime,
        width: side(width)?,
        height: side(height)?,
        duration_ms: None,
        codec: None,
        frame_rate: None,
        frames: None,
    })
}

/// Signature, then chunks: length, name, content, checksum; the last one is `IEND`.
pub(crate) fn png(file: &mut Reader) -> Result<Found, Broken> {
    file.seek_relative(8)?;
    let mut has_pixels = false;
    loop {
        let size_bytes = u32::from_be_bytes(take(file)?);
        match &take::<4>(file)? {
            b"IEND" if has_pixels => {
                take::<4>(file)?;
                break;
            }
            b"IEND" => return Err(Broken::Structure("it holds no pixels")),
            b"IDAT" => has_pixels = true,
            _ => {}
        }
        file.seek_relative(i64::from(size_bytes) + 4)?;
    }
    found(file, (ImageType::Png, MediaKind::Image, "image/png"))
}

/// Markers with segments, scans between them, and the marker of the end (ITU T.81, annex B).
pub(crate) fn jpeg(file: &mut Reader) -> Result<Found, Broken> {
    file.seek_relative(2)?;
    let mut has_scan = false;
    loop {
        file.skip_until(0xFF)?;
        let mut marker = [0xFF];
        // Any number of FF may fill the way to a marker.
        while marker == [0xFF] {
            marker = take(file)?;
        }
        match marker[0] {
            0xD9 if has_scan => break,
            0xD9 => return Err(Broken::Structure("it holds no pixels")),
            // An FF of the scan itself, or a marker without a segment.
            0x00 | 0x01 | 0xD0..=0xD8 => {}
            other => {
                let size_bytes = u16::from_be_bytes(take(file)?);
                file.seek_relative(i64::from(size_bytes.checked_sub(2).ok_or(CUT)?))?;
                has_scan |= other == 0xDA;
            }
        }
    }
    found(file, (ImageType::Jpeg, MediaKind::Image, "image/jpeg"))
}

/// A GIF with one frame is an image, with more it is animated (GIF89a, sections 18 to 27).
pub(crate) fn gif(file: &mut Reader) -> Result<Found, Broken> {
    let screen = take::<13>(file)?;
    skip_colours(file, screen[10])?;
    let mut frames = 0_u32;
    loop {
        // Some writers leave the trailer out; every decoder takes the end of the file for it.
        if frames > 0 && file.fill_buf()?.is_empty() {
            break;
        }
        match take::<1>(file)?[0] {
            0x2C => {
                let descriptor = take::<9>(file)?;
                skip_colours(file, descriptor[8])?;
                take::<1>(file)?;
                skip_blocks(file)?;
                frames = frames.saturating_add(1);
            }
            0x21 => {
                take::<1>(file)?;
                skip_blocks(file)?;
            }
            0x3B => break,
            _ => return Err(Broken::Structure("it holds a block that no GIF has")),
        }
    }
    let kind = match frames {
        0 => return Err(Broken::Structure("it holds no pixels")),
        1 => MediaKind::Image,
        _ => MediaKind::Gif,
    };
    let found = found(file, (ImageType::Gif, kind, "image/gif"))?;
    Ok(Found { frames: Some(frames), ..found })
}

fn skip_colours(file: &mut Reader, packed: u8) -> Result<(), Broken> {
    if packed & 0x80 != 0 {
        file.seek_relative(3 << ((packed & 7) + 1))?;
    }
    Ok(())
}

fn skip_blocks(file: &mut Reader) -> Result<(), Broken> {
    loop {
        match take::<1>(file)?[0] {
            0 => return Ok(()),
            size_bytes => file.seek_relative(i64::from(size_bytes))?,
        }
    }
}

/// A RIFF container whose length must not lie; its first chunk tells of animation.
pub(crate) fn webp(file: &mut Reader, size_bytes: u64) -> Result<Found, Broken> {
    let head = take::<21>(file)?;
    let mut size = [0; 4];
    size.copy_from_slice(&head[4..8]);
    if u64::from(u32::from_le_bytes(size)) + 8 > size_bytes {
        return Err(CUT);
    }
    if head[12..16] == *b"VP8X" && head[20] & 0x02 != 0 {
        return Err(Broken::Structure("it is an animated WebP, which no platform takes; use GIF"));
    }
    // The reader of dimensions goes on behind the name of the container.
    file.seek(SeekFrom::Start(12))?;
    found(file, (ImageType::Webp, MediaKind::Image, "image/webp"))
}

fn take<const N: usize>(file: &mut Reader) -> Result<[u8; N], Broken> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
