//! The client against a small server that counts what it reads.

mod odd;

use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request that it has read.
#[derive(Clone, Copy, PartialEq)]
enum Deed {
    Answer,
    Close,
    Reset,
    Truncate,
}

/// What the server saw.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
    bytes: Mutex<Vec<u8>>,
}

/// A server that does one deed per request, in order, then answers.
async fn server(deeds: &'static [Deed]) -> (String, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/2/tweets?token=canary", listener.local_addr().unwrap());
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            shared.connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, deeds, Arc::clone(&shared)));
        }
    });
    (url, seen)
}

async fn serve(mut stream: TcpStream, deeds: &'static [Deed], seen: Arc<Seen>) {
    while read_request(&mut stream, &seen).await {
        let nth = seen.requests.fetch_add(1, Ordering::SeqCst);
        let answer: &[u8] = match deeds.get(nth).copied().unwrap_or(Deed::Answer) {
            Deed::Answer => b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            Deed::Truncate => b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello",
            Deed::Close => return,
            Deed::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
        };
        stream.write_all(answer).await.unwrap();
        if answer.ends_with(b"500\r\n\r\nhello") {
            return;
        }
    }
}

/// Reads a head and as many bytes as it announces.
async fn read_request(stream: &mut TcpStream, seen: &Seen) -> bool {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return false,
            Ok(n) => read.extend_from_slice(&chunk[..n]),
        }
        seen.bytes.lock().unwrap().clone_from(&read);
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return true;
            }
        }
    }
}

fn post(url: &str) -> Request<Body> {
    Request::post(url).body(Body::Bytes(Bytes::from_static(b"the post"))).unwrap()
}

fn bounds() -> Bounds {
    Bounds { deadline: Duration::from_secs(5), reply_size_bytes_max: 1_000, fence: None }
}

fn count(seen: &Seen) -> (usize, usize) {
    (seen.connections.load(Ordering::SeqCst), seen.requests.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_reply_comes_back_whole_and_a_stream_goes_out_with_its_length() {
    let (url, seen) = server(&[]).await;
    let chunks =
        Box::pin(stream::iter(["the ", "post"].map(|s| Ok(Bytes::from_static(s.as_bytes())))));
    let request = Request::post(&url).body(Body::Stream { size_bytes: 8, chunks }).unwrap();
    let response = Http::new().unwrap().send(request, bounds()).await.unwrap();
    assert_eq!((response.status, response.body.as_ref()), (StatusCode::OK, b"hello".as_ref()));
    let sent = String::from_utf8(seen.bytes.lock().unwrap().clone()).unwrap();
    assert!(sent.contains("content-length: 8\r\n") && !sent.contains("chunked"), "{sent}");
    assert!(sent.ends_with("the post"), "{sent}");
}

#[tokio::test]
async fn a_refused_connection_has_sent_nothing_and_shows_no_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/?token=canary", listener.local_addr().unwrap());
    drop(listener);
    let http = Http::new().unwrap();
    for request in [post(&url), Request::get(&url).body(Body::empty()).unwrap()] {
        let no_reply = http.send(request, bounds()).await.unwrap_err();
        assert_eq!(no_reply.sent(), Sent::No);
        assert!(!no_reply.detail().contains("canary"), "{}", no_reply.detail());
        assert!(no_reply.detail().contains("refused"), "{}", no_reply.detail());
    }
}

#[tokio::test]
async fn an_unreadable_reply_may_have_been_sent() {
    for deed in [&[Deed::Close], &[Deed::Reset], &[Deed::Truncate]] {
        let (url, seen) = server(deed).await;
        let no_reply = Http::new().unwrap().send(post(&url), bounds()).await.unwrap_err();
        assert_eq!(no_reply.sent(), Sent::Maybe);
        assert!(!no_reply.detail().contains("canary"), "{}", no_reply.detail());
        assert_eq!(count(&seen), (1, 1), "nothing is sent again");
    }
}

#[tokio::test]
async fn nothing_is_sent_again_when_a_reused_connection_breaks() {
    for deeds in [&[Deed::Answer, Deed::Close], &[Deed::Answer, Deed::Reset]] {
        for method in [Method::GET, Method::POST] {
            let (url, seen) = server(deeds).await;
            let http = Http::new().unwrap();
            let request = || {
                let body = match method {
                    Method::GET => Body::empty(),
                    _ => Body::Bytes(Bytes::from_static(b"the post")),
                };
                Request::builder().method(&method).uri(&url).body(body).unwrap()
            };
            http.send(request(), bounds()).await.unwrap();
            let no_reply = http.send(request(), bounds()).await.unwrap_err();
            assert_eq!(no_reply.sent(), Sent::Maybe);
            assert_eq!(count(&seen), (1, 2), "both on one connection, neither sent again");
        }
    }
}

#[tokio::test]
async fn a_closed_fence_lets_no_byte_out_on_a_fresh_or_reused_connection() {
    let (url, seen) = server(&[]).await;
    let http = Http::new().unwrap();
    for reused in [false, true] {
        if reused {
            http.send(post(&url), bounds()).await.unwrap();
            seen.bytes.lock().unwrap().clear();
        }
        let asked = Arc::new(AtomicBool::new(false));
        let fence_asked = Arc::clone(&asked);
        let fence: Fence = Box::new(move || {
            fence_asked.store(true, Ordering::SeqCst);
            false
        });
        let fenced = Bounds { fence: Some(fence), ..bounds() };
        let no_reply = http.send(post(&url), fenced).await.unwrap_err();
        assert_eq!(no_reply, NoReply::Fenced);
        assert!(asked.load(Ordering::SeqCst));
        assert!(seen.bytes.lock().unwrap().is_empty(), "the server read something");
    }
    let fenced = Bounds { fence: Some(Box::new(|| false)), ..bounds() };
    let get = Request::get(&url).body(Body::empty()).unwrap();
    assert_eq!(http.send(get, fenced).await.unwrap_err(), NoReply::Fenced);
    let open = Bounds { fence: Some(Box::new(|| true)), ..bounds() };
    assert!(http.send(post(&url), open).await.is_ok());
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_deadline_with_an_unknown_outcome() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let short = Bounds { deadline: Duration::from_millis(100), ..bounds() };
    let no_reply = Http::new().unwrap().send(post(&url), short).await.unwrap_err();
    assert_eq!(no_reply.sent(), Sent::Maybe);
    assert!(no_reply.detail().contains("100 ms"), "{}", no_reply.detail());
}

#[tokio::test]
async fn a_deadline_that_passes_before_the_connection_stands_has_sent_nothing() {
    // Nobody answers the TLS greeting, so the request is never written.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let short = Bounds { deadline: Duration::from_millis(100), ..bounds() };
    let no_reply = Http::new().unwrap().send(post(&url), short).await.unwrap_err();
    assert_eq!(no_reply.sent(), Sent::No);
}

#[tokio::test]
async fn a_redirect_is_a_reply_and_not_a_second_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let seen = Arc::new(Seen::default());
    let server = {
        let seen = Arc::clone(&seen);
        async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream, &seen).await;
            let moved = b"HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(moved).await.unwrap();
            assert!(!read_request(&mut stream, &seen).await, "a second request came");
        }
    };
    let client = async {
        let response = Http::new().unwrap().send(post(&url), bounds()).await.unwrap();
        assert_eq!(response.status, StatusCode::FOUND);
    };
    futures::join!(server, client);
}

#[tokio::test]
async fn a_reply_over_its_bound_is_unreadable() {
    let (url, _) = server(&[]).await;
    let small = Bounds { reply_size_bytes_max: 4, ..bounds() };
    let no_reply = Http::new().unwrap().send(post(&url), small).await.unwrap_err();
    assert_eq!(no_reply.sent(), Sent::Maybe);
}

#[tokio::test]
async fn a_file_that_breaks_off_breaks_the_request_off() {
    let (url, seen) = server(&[]).await;
    let chunks: BoxStream<'static, _> =
        Box::pin(stream::iter([Ok(Bytes::from_static(b"the")), Err(Fault::new("disk gone"))]));
    let request = Request::post(&url).body(Body::Stream { size_bytes: 8, chunks }).unwrap();
    let no_reply = Http::new().unwrap().send(request, bounds()).await.unwrap_err();
    assert_eq!(no_reply.sent(), Sent::Maybe);
    assert!(no_reply.detail().contains("disk gone"), "{}", no_reply.detail());
    assert_eq!(count(&seen).1, 0, "the server got no whole request");
}
