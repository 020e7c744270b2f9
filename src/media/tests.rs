//! Files as users bring them: good ones, wrong ones, broken ones, hostile ones.

mod storing;

use crate::{Config, Library};
use base::{Fault, digest, rng};
use bytes::Bytes;
use domain::content::{AssetFacts, MediaKind};
use domain::rejection::{Rejection, RejectionType, Rule};
use futures::{StreamExt, TryStreamExt, stream};
use std::fs;
use tempfile::TempDir;

const FILM: &[u8] = include_bytes!("fixtures/tiny.mp4");

fn library(size_bytes_max: u64) -> (Library, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("media");
    let config = Config { dir, size_bytes_max, ..Config::default() };
    (Library::open(&config).unwrap(), folder)
}

/// What the library says of a file, and how many files it keeps afterwards.
async fn put(content: &[u8]) -> (Result<AssetFacts, Rejection>, usize) {
    let (library, folder) = library(10_000_000);
    let chunks = stream::iter(content.chunks(100).map(|chunk| Ok(Bytes::copy_from_slice(chunk))));
    let outcome = library.put(rng::id(), rng::id(), chunks).await.unwrap();
    (outcome, files(&folder))
}

fn files(folder: &TempDir) -> usize {
    let tenants = fs::read_dir(folder.path().join("media")).unwrap();
    tenants.map(|tenant| fs::read_dir(tenant.unwrap().path()).unwrap().count()).sum()
}

async fn facts(content: &[u8]) -> AssetFacts {
    let (outcome, kept) = put(content).await;
    assert_eq!(kept, 1);
    outcome.unwrap()
}

async fn refusal(content: &[u8]) -> Rejection {
    let (outcome, kept) = put(content).await;
    assert_eq!(kept, 0, "what was refused is gone");
    let rejection = outcome.unwrap_err();
    assert_eq!(rejection.kind, RejectionType::PlatformMediaError);
    assert_eq!(rejection.field, "file");
    assert!(!rejection.resolution.is_empty());
    rejection
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let chunk = |name: &[u8; 4], content: &[u8]| {
        let size = u32::try_from(content.len()).unwrap().to_be_bytes();
        [size.as_slice(), name, content, &[0; 4]].concat()
    };
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let signature = b"\x89PNG\r\n\x1a\n".to_vec();
    [signature, chunk(b"IHDR", &head), chunk(b"IDAT", &[1; 300]), chunk(b"IEND", &[])].concat()
}

fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let frame = [&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
    [
        // A preview inside a segment has an end marker of its own.
        b"\xFF\xD8\xFF\xE0\x00\x06\xFF\xD8\xFF\xD9".as_slice(),
        b"\xFF\xC0\x00\x0B",
        &frame,
        b"\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00",
        b"\x12\xFF\x00\x34\xFF\xD0\x56",
        b"\xFF\xD9",
    ]
    .concat()
}

fn gif(frames: usize) -> Vec<u8> {
    let screen = b"GIF89a\x05\x00\x07\x00\x80\x00\x00\x00\x00\x00\xFF\xFF\xFF".to_vec();
    let control = b"\x21\xF9\x04\x00\x0A\x00\x00\x00".as_slice();
    let frame = b"\x2C\x00\x00\x00\x00\x05\x00\x07\x00\x00\x02\x03\x84\x51\x00\x00".as_slice();
    [screen, [control, frame].concat().repeat(frames), vec![0x3B]].concat()
}

/// `tiny.mp4` with four bytes at a place after `name` replaced.
fn film_with(name: &[u8], after: usize, bytes: [u8; 4]) -> Vec<u8> {
    let mut film = FILM.to_vec();
    let at = film.windows(4).position(|window| window == name).unwrap() + 4 + after;
    film[at..at + 4].copy_from_slice(&bytes);
    film
}

#[tokio::test]
async fn pictures_are_known_by_their_content() {
    for (content, mime, size) in [
        (png(640, 480), "image/png", (640, 480)),
        (jpeg(300, 200), "image/jpeg", (300, 200)),
        (gif(1), "image/gif", (5, 7)),
    ] {
        let found = facts(&content).await;
        assert_eq!((found.kind, found.mime.as_str()), (MediaKind::Image, mime));
        assert_eq!((found.width, found.height), size);
        assert_eq!(found.size_bytes, content.len() as u64);
        assert_eq!(found.sha256, digest::sha256_hex(&content));
        assert_eq!(found.duration_ms, None);
    }
    let moving = facts(&gif(2)).await;
    assert_eq!((moving.kind, moving.frames), (MediaKind::Gif, Some(2)));
}

#[tokio::test]
async fn a_film_tells_its_size_and_running_time() {
    let found = facts(FILM).await;
    assert_eq!((found.kind, found.mime.as_str()), (MediaKind::Video, "video/mp4"));
    assert_eq!((found.width, found.height), (64, 48));
    assert!((1_400..1_700).contains(&found.duration_ms.unwrap()), "{found:?}");
    assert_eq!((found.codec.as_deref(), found.frame_rate), (Some("avc1"), Some(10.0)));
    let apple = facts(&film_with(b"ftyp", 0, *b"qt  ")).await;
    assert_eq!(apple.mime, "video/quicktime");
}

#[tokio::test]
async fn whatever_is_cut_short_is_broken() {
    for content in [png(64, 48), jpeg(64, 48), FILM.to_vec()] {
        for cut in [content.len() / 2, content.len() - 1] {
            let rejection = refusal(&content[..cut]).await;
            assert!(rejection.message.contains("broken"), "{}", rejection.message);
        }
    }
    assert!(refusal(&gif(1)[..30]).await.message.contains("broken"));
    assert!(refusal(b"").await.message.contains("empty"));
}

#[tokio::test]
async fn what_no_platform_takes_is_named() {
    for (content, name) in [
        (b"just text".as_slice(), "unknown"),
        (&zip(&["[Content_Types].xml", "xl/workbook.xml"]), "zip"),
        (&[b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".as_slice(), &[0; 600]].concat(), "msword"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown"),
    ] {
        let rejection = refusal(content).await;
        assert_eq!(rejection.rule, Rule::NotSupported);
        assert!(rejection.message.contains(name), "{}", rejection.message);
    }
    let huge = refusal(&png(100_000, 100_000)).await;
    assert_eq!(huge.rule, Rule::TooMuch);
    assert!(refusal(&png(0, 10)).await.message.contains("no width"));
}

#[tokio::test]
async fn documents_are_known_by_their_content() {
    let office = "application/vnd.openxmlformats-officedocument";
    let word = zip(&["[Content_Types].xml", "_rels/.rels", "word/document.xml"]);
    let slides = zip(&["ppt/presentation.xml", "ppt/slides/slide1.xml", "[Content_Types].xml"]);
    for (content, mime) in [
        (b"%PDF-1.7\n1 0 obj\nendobj\nstartxref\n9\n%%EOF\n".to_vec(), "application/pdf".into()),
        (word, format!("{office}.wordprocessingml.document")),
        (slides, format!("{office}.presentationml.presentation")),
    ] {
        let found = facts(&content).await;
        assert_eq!((found.kind, &found.mime), (MediaKind::Document, &mime));
        assert_eq!((found.width, found.height, found.duration_ms), (0, 0, None));
        let cut = refusal(&content[..content.len() - 12]).await;
        assert!(cut.message.contains("cut short"), "{mime}: {}", cut.message);
    }
    let macros = zip(&["[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"]);
    assert!(refusal(&macros).await.message.contains("macros"));
    let mut lying = zip(&["[Content_Types].xml", "word/document.xml"]);
    let end = lying.len() - 22;
    lying[end + 10] = 200;
    assert_eq!(refusal(&lying).await.rule, Rule::NotSupported);
    lying[end + 11] = 0xFF;
    assert!(refusal(&lying).await.message.contains("more parts"));
}

#[tokio::test]
async fn a_hostile_film_costs_nothing_but_itself() {
    // 4,000 million samples of one byte each are claimed; nothing is made of them.
    let samples = film_with(b"stsz", 8, [0xFF; 4]);
    facts(&samples).await;
    let endless = film_with(b"mvhd", 16, [0xFF; 4]);
    assert!(refusal(&endless).await.message.contains("running time"));
    for at in (0..FILM.len().min(1_200)).step_by(11) {
        let mut broken = FILM.to_vec();
        broken[at] ^= 0xFF;
        // Any answer will do, as long as it is one.
        let _ = put(&broken).await;
    }
}

#[tokio::test]
async fn too_many_bytes_are_refused_before_they_are_all_there() {
    let (library, folder) = library(1_000);
    // It never ends, so an answer proves that the rest was not waited for.
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 100])));
    let outcome = library.put(rng::id(), rng::id(), endless).await.unwrap();
    assert_eq!(outcome.unwrap_err().rule, Rule::TooMuch);
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn a_range_is_read_back_and_what_is_gone_is_a_fault() {
    let (library, folder) = library(10_000_000);
    let (tenant, id) = (rng::id(), rng::id());
    // Larger than one piece, so that the pieces are joined in order.
    let film: Vec<u8> = [FILM.to_vec(), free_box(2_500_000)].concat();
    let chunks = stream::iter(film.chunks(7_777).map(|chunk| Ok(Bytes::copy_from_slice(chunk))));
    library.put(tenant, id, chunks).await.unwrap().unwrap();
    let end = film.len() as u64;
    for range in [0..end, 5..1_048_581, 7..7, end - 1..end] {
        let pieces = library.read(tenant, id, range.clone()).await.unwrap();
        let pieces: Vec<Bytes> = pieces.try_collect().await.unwrap();
        let (start, end) = (usize::try_from(range.start), usize::try_from(range.end));
        assert!(pieces.concat() == film[start.unwrap()..end.unwrap()], "{range:?}");
    }
    assert!(library.read(tenant, id, 0..end + 1).await.is_err());
    assert!(library.read(rng::id(), id, 0..1).await.is_err(), "another tenant's");
    library.delete(tenant, id).await.unwrap();
    library.delete(tenant, id).await.unwrap();
    assert!(library.read(tenant, id, 0..1).await.is_err());
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn a_sender_that_breaks_off_leaves_nothing_that_can_be_read() {
    let (library, _folder) = library(10_000_000);
    let (tenant, id) = (rng::id(), rng::id());
    let chunks = stream::iter([Ok(Bytes::from_static(FILM)), Err(Fault::new("hung up"))]).boxed();
    assert!(library.put(tenant, id, chunks).await.is_err());
    assert!(library.read(tenant, id, 0..1).await.is_err());
}

/// A zip archive of empty parts (APPNOTE 4.3): each part, the list of them, the end.
fn zip(names: &[&str]) -> Vec<u8> {
    let (mut parts, mut list) = (Vec::new(), Vec::new());
    for name in names {
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let at = u32::try_from(parts.len()).unwrap().to_le_bytes();
        parts.extend(
            [b"PK\x03\x04".as_slice(), &[0; 22], &length, &[0; 2], name.as_bytes()].concat(),
        );
        let head = [b"PK\x01\x02".as_slice(), &[0; 24], &length, &[0; 12], &at].concat();
        list.extend([head, name.as_bytes().to_vec()].concat());
    }
    let count = u16::try_from(names.len()).unwrap().to_le_bytes();
    let size = u32::try_from(list.len()).unwrap().to_le_bytes();
    let start = u32::try_from(parts.len()).unwrap().to_le_bytes();
    let end = [b"PK\x05\x06".as_slice(), &[0; 4], &count, &count, &size, &start, &[0; 2]].concat();
    [parts, list, end].concat()
}

fn free_box(size_bytes: u32) -> Vec<u8> {
    let mut bytes = size_bytes.to_be_bytes().to_vec();
    bytes.extend_from_slice(b"free");
    bytes.resize(size_bytes as usize, 7);
    bytes
}
