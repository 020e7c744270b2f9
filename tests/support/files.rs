//! Files to post, made here: as small as they can be, or as large as they may not be.

/// The film of `deploy/sample`.
pub const FILM: &[u8] = include_bytes!("../../deploy/sample/clip.mp4");

/// A PNG of these dimensions with at least so many bytes.
pub fn png(width: u32, height: u32, size_bytes: usize) -> Vec<u8> {
    let chunk = |name: &[u8; 4], content: &[u8]| {
        let size = u32::try_from(content.len()).unwrap().to_be_bytes();
        // Nobody on the way looks at checksums.
        [size.as_slice(), name, content, &[0; 4]].concat()
    };
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let signature = b"\x89PNG\r\n\x1a\n".to_vec();
    let pixels = vec![1; size_bytes.max(16)];
    [signature, chunk(b"IHDR", &head), chunk(b"IDAT", &pixels), chunk(b"IEND", &[])].concat()
}

/// An ordinary picture.
pub fn picture() -> Vec<u8> {
    png(640, 480, 300)
}

/// An animated GIF of two frames.
pub fn gif() -> Vec<u8> {
    let screen = b"GIF89a\x05\x00\x07\x00\x80\x00\x00\x00\x00\x00\xFF\xFF\xFF".to_vec();
    let control = b"\x21\xF9\x04\x00\x0A\x00\x00\x00".as_slice();
    let frame = b"\x2C\x00\x00\x00\x00\x05\x00\x07\x00\x00\x02\x03\x84\x51\x00\x00".as_slice();
    [screen, [control, frame].concat().repeat(2), vec![0x3B]].concat()
}

/// A GIF of this width.
pub fn wide_gif(width: u16) -> Vec<u8> {
    let mut gif = gif();
    gif[6..8].copy_from_slice(&width.to_le_bytes());
    gif
}

/// A JPEG of these dimensions.
pub fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let frame = [&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
    let head = b"\xFF\xD8\xFF\xE0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00".as_slice();
    let scan = b"\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00\x12\x34\xFF\xD9".as_slice();
    [head, b"\xFF\xC0\x00\x0B", &frame, scan].concat()
}

/// The film, claiming to run for so long.
pub fn film(seconds: u32) -> Vec<u8> {
    let mut film = FILM.to_vec();
    let at = film.windows(4).position(|name| name == b"mvhd").expect("a film has a header");
    // ISO/IEC 14496-12, 8.2.2, version 0: version and flags, two times, timescale, duration.
    assert_eq!(film[at + 4], 0);
    film[at + 16..at + 20].copy_from_slice(&1_u32.to_be_bytes());
    film[at + 20..at + 24].copy_from_slice(&seconds.to_be_bytes());
    film
}

/// The film with so much at its end that no player reads: a file of any size.
pub fn large_film(size_bytes: u32) -> Vec<u8> {
    let mut film = FILM.to_vec();
    let rest = size_bytes - u32::try_from(film.len()).unwrap();
    film.extend(rest.to_be_bytes());
    film.extend(b"free");
    film.resize(size_bytes as usize, 7);
    film
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_the_size_that_was_asked_for() {
        assert!(png(1, 1, 5_000_000).len() > 5_000_000);
        assert_eq!(film(200).len(), FILM.len());
    }
}
