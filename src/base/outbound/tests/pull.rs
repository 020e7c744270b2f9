//! Files that strangers name: by every address that leads inside, and from hostile senders.

use super::{URLS, URLS_MIN, answers, outbound, server};
use crate::clock;
use crate::outbound::Outbound;
use crate::outbound::pull::{Pace, Spoilt};
use bytes::Bytes;
use futures::TryStreamExt;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SIZE_BYTES_MAX: u64 = 1_000_000;
const PACE: Pace = Pace {
    head_within: Duration::from_secs(5),
    piece_within: Duration::from_secs(5),
    grace: Duration::from_millis(100),
    bytes_per_second_min: 1_000,
    whole_within: Duration::from_secs(5),
    redirects_max: 3,
};

async fn pull(outbound: &Outbound, url: &str, pace: Pace) -> Result<Vec<u8>, Spoilt> {
    let pieces: Vec<Bytes> = outbound.pull(url, SIZE_BYTES_MAX, pace).await?.try_collect().await?;
    Ok(pieces.concat())
}

fn moved(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

fn file() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfile".to_vec()
}

// case: M-ssrf
#[tokio::test]
async fn no_file_is_fetched_from_inside_however_the_address_is_written_or_reached() {
    let (four, seen_four) = server("127.0.0.1", file()).await;
    let (_, seen_six) = server("::1", file()).await;
    let inside: [&[&str]; 4] =
        [&["127.0.0.1"], &["::ffff:127.0.0.1"], &["93.184.216.34", "::1"], &["64:ff9b::7f00:1"]];
    let urls = URLS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let urls: Vec<String> = urls.map(|url| url.replace("PORT", &four.to_string())).collect();
    assert!(urls.len() >= URLS_MIN, "{}", urls.len());
    for answer in inside {
        for allow in [&[][..], &["10.254.0.0/16"]] {
            let outbound = outbound(allow, answers(&[answer]));
            for url in &urls {
                let ended = pull(&outbound, url, PACE).await;
                assert!(matches!(ended, Err(Spoilt::Closed(_))), "{url} {answer:?}: {ended:?}");
            }
        }
    }
    // The same addresses behind one that may be asked.
    let outbound = outbound(&["127.0.0.2"], answers(&[&["127.0.0.1"]]));
    let mut led = 0;
    for url in urls.iter().filter(|url| url.is_ascii() && !url.contains(char::is_control)) {
        let (port, came) = server("127.0.0.2", moved(url)).await;
        let ended = pull(&outbound, &format!("http://127.0.0.2:{port}/"), PACE).await;
        assert_eq!(came.load(Ordering::SeqCst), 1);
        // What is no whole URL is a place on the same server, which leads there again.
        let is_refused = matches!(ended, Err(Spoilt::Closed(_) | Spoilt::Redirects(_)));
        assert!(is_refused || matches!(ended, Err(Spoilt::Broken(_))), "{url}: {ended:?}");
        led += 1;
    }
    assert!(led >= URLS_MIN, "{led}");
    assert_eq!(seen_four.load(Ordering::SeqCst), 0);
    assert_eq!(seen_six.load(Ordering::SeqCst), 0);
}

// case: M-ssrf
#[tokio::test]
async fn a_redirect_whose_name_leads_elsewhere_the_second_time_is_not_followed_inside() {
    let (port, open) = server("127.0.0.2", moved("/again")).await;
    let closed = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let outbound = outbound(&["127.0.0.2"], answers(&[&["127.0.0.2"], &["127.0.0.1"]]));
    let ended = pull(&outbound, &format!("http://rebinds.example:{port}/"), PACE).await;
    assert!(matches!(ended, Err(Spoilt::Closed(_))), "{ended:?}");
    assert_eq!(open.load(Ordering::SeqCst), 1);
    let came = tokio::time::timeout(Duration::from_millis(50), closed.accept()).await;
    assert!(came.is_err(), "somebody came");
}

// case: M-redirects
#[tokio::test]
async fn redirects_to_open_addresses_are_followed_a_few_times() {
    let outbound = outbound(&["127.0.0.0/8"], answers(&[&["127.0.0.1"]]));
    let (port, _) = server("127.0.0.1", file()).await;
    let mut url = format!("http://127.0.0.1:{port}/a");
    for number in 0..=PACE.redirects_max {
        let ended = pull(&outbound, &url, PACE).await;
        assert_eq!(ended.as_deref(), Ok(&b"file"[..]), "{number}");
        let (port, _) = server("127.0.0.1", moved(&url)).await;
        url = format!("http://127.0.0.1:{port}/a");
    }
    assert_eq!(pull(&outbound, &url, PACE).await, Err(Spoilt::Redirects(3)));
}

/// A sender that sends `head` and then `piece` again and again, `pause` apart, until it is left.
async fn sender(head: &'static str, piece: &'static [u8], pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let mut sent = stream.write_all(head.as_bytes()).await;
        while sent.is_ok() && !piece.is_empty() {
            clock::pause(pause).await;
            sent = stream.write_all(piece).await;
        }
    });
    url
}

// case: M-slow
#[tokio::test]
async fn whoever_sends_too_slowly_or_not_what_he_says_is_left() {
    let outbound = outbound(&["127.0.0.0/8"], answers(&[&["127.0.0.1"]]));
    let endless = "HTTP/1.1 200 OK\r\n\r\n";
    let tick = Duration::from_millis(20);
    let trickle = sender(endless, b"x", tick).await;
    let ended = pull(&outbound, &trickle, PACE).await;
    assert_eq!(ended, Err(Spoilt::Slow("the file comes too slowly")));

    let silent = sender(endless, b"", tick).await;
    let silent_head = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hurried = Pace { piece_within: tick, head_within: tick * 5, ..PACE };
    let held = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stalls = format!("http://{}/", held.local_addr().unwrap());
    let stalling = tokio::spawn(async move {
        let (mut stream, _) = held.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(endless.as_bytes()).await;
        stream
    });
    let ended = pull(&outbound, &stalls, hurried).await;
    assert_eq!(ended, Err(Spoilt::Slow("the next piece of the file did not come in time")));
    drop(stalling);
    let url = format!("http://{}/", silent_head.local_addr().unwrap());
    let ended = pull(&outbound, &url, hurried).await;
    assert_eq!(ended, Err(Spoilt::Slow("no answer came in time")));
    assert_eq!(pull(&outbound, &silent, PACE).await, Ok(Vec::new()), "an empty file ends");

    let short = sender("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfile", b"", tick).await;
    assert!(matches!(pull(&outbound, &short, PACE).await, Err(Spoilt::Broken(_))));
    let vast = sender("HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n", b"", tick).await;
    assert_eq!(pull(&outbound, &vast, PACE).await, Err(Spoilt::Announced(10_000_000_000)));
    let packed = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx";
    assert_eq!(pull(&outbound, &sender(packed, b"", tick).await, PACE).await, Err(Spoilt::Packed));
    let gone = sender("HTTP/1.1 404 Gone\r\ncontent-length: 0\r\n\r\n", b"", tick).await;
    assert!(matches!(pull(&outbound, &gone, PACE).await, Err(Spoilt::Status(_))));
    // A long file in haste is taken whole, and its length is nobody's business here.
    let whole = Pace { whole_within: Duration::from_millis(300), ..PACE };
    let flood = sender(endless, &[b'x'; 1_000], Duration::from_millis(1)).await;
    assert!(matches!(pull(&outbound, &flood, whole).await, Err(Spoilt::Slow(_))));
}
