//! Files in parts, files put past us, pictures made small, and all of it in a bucket.

use super::{FILM, files, free_box, library, png};
use crate::{Config, Library};
use base::{digest, rng};
use bytes::Bytes;
use domain::rejection::Rule;
use futures::{TryStreamExt, stream};
use image::{ImageFormat, Rgb, RgbImage};
use std::io::Cursor;
use std::time::Duration;

// case: M-parts
#[tokio::test]
async fn parts_are_made_whole_in_order_and_looked_at_as_a_whole() {
    let (library, folder) = library(10_000_000);
    let of = (rng::id(), rng::id());
    let (first, rest) = FILM.split_at(1_000);
    let (second, last) = rest.split_at(700);
    let (first, second) = (Bytes::from_static(first), Bytes::from_static(second));
    library.put_part(of, "b", second.clone()).await.unwrap();
    library.put_part(of, "a", first).await.unwrap();
    let parts = vec![("a".to_owned(), 1_000), ("b".to_owned(), 700)];
    let found = library.assemble(of, parts.clone(), Bytes::from_static(last)).await.unwrap();
    let found = found.unwrap();
    assert_eq!((found.id, found.sha256), (of.1, digest::sha256_hex(FILM)));
    // The other way round they are no film; and a part that is not there is our fault.
    let other = (of.0, rng::id());
    library.put_part(other, "b", second).await.unwrap();
    let turned = library.assemble(other, vec![("b".to_owned(), 700)], Bytes::new()).await;
    assert!(turned.unwrap().is_err());
    assert!(library.assemble(other, parts, Bytes::new()).await.is_err());
    library.delete_parts(of).await.unwrap();
    library.delete_parts(other).await.unwrap();
    library.delete_parts(other).await.unwrap();
    assert_eq!(files(&folder), 1);
}

// case: M-parts
#[tokio::test]
async fn what_was_laid_down_is_taken_in_as_it_was_then() {
    let (library, folder) = library(1_000_000);
    let of = (rng::id(), rng::id());
    let lay = async |bytes: &'static [u8]| {
        library.lay(of, stream::iter([Ok(Bytes::from_static(bytes))])).await.unwrap()
    };
    assert_eq!(library.adopt(of).await.unwrap(), None);
    lay(b"no film").await.unwrap();
    assert!(library.adopt(of).await.unwrap().unwrap().is_err());
    lay(FILM).await.unwrap();
    let found = library.adopt(of).await.unwrap().unwrap().unwrap();
    // Whoever still has the address changes nothing of what was found.
    lay(b"something else").await.unwrap();
    let kept: Vec<Bytes> =
        library.read(of.0, of.1, 0..found.size_bytes).await.unwrap().try_collect().await.unwrap();
    assert!(kept.concat() == FILM);
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 10_000])));
    assert_eq!(library.lay(of, endless).await.unwrap().unwrap_err().rule, Rule::TooMuch);
    library.delete_parts(of).await.unwrap();
    assert_eq!(files(&folder), 1);
}

fn drawn(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, _| {
        Rgb(if x < width / 2 { [200, 0, 0] } else { [0, 0, 200] })
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

// case: M-thumbnail
#[tokio::test]
async fn a_thumbnail_is_the_picture_made_small_and_a_bomb_has_none() {
    let (library, folder) = library(10_000_000);
    let small = async |content: &[u8]| {
        let (tenant, id) = (rng::id(), rng::id());
        let chunks = stream::iter([Ok(Bytes::copy_from_slice(content))]);
        let facts = library.put(tenant, id, chunks).await.unwrap().unwrap();
        let made = library.thumbnail(tenant, &facts).await.unwrap();
        // It is kept: the second answer is the same, and goes with the file.
        assert_eq!(library.thumbnail(tenant, &facts).await.unwrap(), made);
        library.delete(tenant, id).await.unwrap();
        made
    };
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        let made = small(&drawn(format, 1_000, 500)).await.expect("a picture has one");
        let made = image::load_from_memory_with_format(&made, ImageFormat::Jpeg).unwrap();
        let made = made.to_rgb8();
        assert_eq!(made.dimensions(), (320, 160), "{format:?}");
        let (left, right) = (made.get_pixel(40, 80).0, made.get_pixel(280, 80).0);
        assert!(left[0] > 150 && left[2] < 60 && right[2] > 150 && right[0] < 60, "{format:?}");
    }
    assert_eq!(small(FILM).await, None);
    assert_eq!(small(&png(9_000, 9_000)).await, None, "it is not decoded at all");
    assert_eq!(small(&png(640, 480)).await, None, "its pixels are none");
    assert_eq!(files(&folder), 0);
}

/// Everything that the library does, in a bucket: with `POSTFLEET_S3_URL` naming a server that
/// speaks S3 and has a bucket `postfleet`, and `AWS_ACCESS_KEY_ID` and its secret beside it.
// case: M-bucket
#[tokio::test]
#[ignore = "M-bucket: it needs a server that speaks S3"]
async fn a_bucket_keeps_files_as_a_folder_does() {
    let config = Config {
        bucket: Some("postfleet".to_owned()),
        bucket_endpoint: Some(std::env::var("POSTFLEET_S3_URL").unwrap()),
        size_bytes_max: 20_000_000,
        ..Config::default()
    };
    let library = Library::open(&config).unwrap();
    let (tenant, id) = (rng::id(), rng::id());
    // Longer than two parts of S3.
    let film: Vec<u8> = [FILM.to_vec(), free_box(11_000_000)].concat();
    let chunks = stream::iter(film.chunks(70_777).map(|chunk| Ok(Bytes::copy_from_slice(chunk))));
    let found = library.put(tenant, id, chunks).await.unwrap().unwrap();
    assert_eq!((found.width, found.codec.as_deref()), (64, Some("avc1")));
    assert_eq!(found.sha256, digest::sha256_hex(&film));
    let end = film.len() as u64;
    let read = library.read(tenant, id, 5..end).await.unwrap();
    let read: Vec<Bytes> = read.try_collect().await.unwrap();
    assert!(read.concat() == film[5..]);

    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 1_000_000])));
    assert_eq!(
        library.put(tenant, rng::id(), endless).await.unwrap().unwrap_err().rule,
        Rule::TooMuch
    );

    let of = (tenant, rng::id());
    library.put_part(of, "a", Bytes::copy_from_slice(&FILM[..999])).await.unwrap();
    let parts = vec![("a".to_owned(), 999)];
    let made = library.assemble(of, parts, Bytes::copy_from_slice(&FILM[999..])).await.unwrap();
    assert_eq!(made.unwrap().sha256, digest::sha256_hex(FILM));
    library.delete_parts(of).await.unwrap();

    let of = (tenant, rng::id());
    let url = library.put_url(of, Duration::from_secs(60)).await.unwrap().expect("a bucket signs");
    let picture = drawn(ImageFormat::Png, 640, 480);
    let sent = base::http::Http::new().unwrap();
    let request = http::Request::put(&url).body(base::http::Body::Bytes(picture.into())).unwrap();
    let bounds = base::http::Bounds {
        deadline: Duration::from_secs(10),
        reply_size_bytes_max: 10_000,
        fence: None,
    };
    assert_eq!(sent.send(request, bounds).await.unwrap().status, 200);
    let facts = library.adopt(of).await.unwrap().unwrap().unwrap();
    assert_eq!((facts.width, facts.height), (640, 480));
    assert!(library.thumbnail(tenant, &facts).await.unwrap().is_some());
    library.delete_parts(of).await.unwrap();
    assert_eq!(library.adopt(of).await.unwrap(), None);
    for id in [id, of.1] {
        library.delete(tenant, id).await.unwrap();
        assert!(!library.has(tenant, id).await.unwrap());
    }
}
