//! Replies that are too long, too slow, endless or garbled: each call ends, once, and is classified
//! by what it would have done.

use super::*;
use domain::failure::{Effect, Failure, no_reply};
use proptest::prelude::*;

/// What the server writes after each request that it has read.
#[derive(Clone)]
enum Says {
    /// These bytes; then the connection is held, closed or reset.
    Once(Vec<u8>, Then),
    /// A head, and after it a byte at a time for as long as anybody reads.
    ForEver(&'static str),
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Hold,
    Close,
    Reset,
}

/// A server that says the same to every request.
async fn saying(says: Says) -> (String, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/2/tweets?token=canary", listener.local_addr().unwrap());
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            shared.connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(say(stream, says.clone(), Arc::clone(&shared)));
        }
    });
    (url, seen)
}

async fn say(mut stream: TcpStream, says: Says, seen: Arc<Seen>) {
    while read_request(&mut stream, &seen).await {
        seen.requests.fetch_add(1, Ordering::SeqCst);
        let (bytes, then) = match &says {
            Says::Once(bytes, then) => (bytes.as_slice(), *then),
            Says::ForEver(head) => (head.as_bytes(), Then::Hold),
        };
        if stream.write_all(bytes).await.is_err() {
            return;
        }
        if matches!(says, Says::ForEver(_)) {
            // The other side ends it by going away.
            while stream.write_all(b"1\r\nx\r\n").await.is_ok() {
                tokio::task::yield_now().await;
            }
            return;
        }
        match then {
            Then::Hold => {}
            Then::Close => return,
            Then::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
        }
    }
}

fn once(text: &str, then: Then) -> Says {
    Says::Once(text.as_bytes().to_vec(), then)
}

/// A call that brings no readable reply: what was seen. It was sent once and is not made again.
async fn fails(says: Says, bounds: Bounds) -> NoReply {
    let (url, seen) = saying(says).await;
    let http = Http::new().unwrap();
    let no_reply = http.send(post(&url), bounds).await.unwrap_err();
    assert_eq!(count(&seen), (1, 1), "{no_reply:?}");
    assert!(!no_reply.detail().contains("canary"), "{no_reply:?}");
    let class = |effect| no_reply_of(effect, &no_reply);
    assert!(matches!(class(Effect::Repeatable), Failure::Transient { .. }), "{no_reply:?}");
    assert!(matches!(class(Effect::Irreversible), Failure::Unknown { .. }), "{no_reply:?}");
    no_reply
}

fn no_reply_of(effect: Effect, silence: &NoReply) -> Failure {
    no_reply(effect, silence.sent(), silence.detail().to_owned())
}

fn short() -> Bounds {
    Bounds { deadline: Duration::from_millis(300), ..bounds() }
}

// case: F-body
#[tokio::test]
async fn a_reply_that_is_too_long_is_left_before_it_ends() {
    let long = "x".repeat(2_000);
    let told = format!("HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n{long}");
    let chunked = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n{long}\r\n");
    let unbounded = format!("HTTP/1.1 200 OK\r\n\r\n{long}");
    for text in [&told, &chunked, &unbounded] {
        // The rest never comes, and is not waited for.
        let found = fails(once(text, Then::Hold), bounds()).await;
        assert!(found.detail().contains("over 1000 bytes"), "{found:?}");
    }
    // What is announced is not believed: memory follows the bytes that come.
    let boast = "HTTP/1.1 200 OK\r\ncontent-length: 9000000000000\r\n\r\nhello";
    let found = fails(once(boast, Then::Close), bounds()).await;
    assert_eq!(found.sent(), Sent::Maybe);
}

// case: F-body
#[tokio::test]
async fn a_reply_without_end_is_left_at_its_bound() {
    let endless = Says::ForEver("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let found = fails(endless, bounds()).await;
    assert!(found.detail().contains("over 1000 bytes"), "{found:?}");
}

// case: F-deadline
#[tokio::test]
async fn a_reply_that_stops_anywhere_is_left_at_the_deadline() {
    let whole = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    for kept in [0, 1, 9, 20, 37, 39, 42] {
        let found = fails(once(&whole[..kept], Then::Hold), short()).await;
        assert!(found.detail().contains("300 ms"), "{kept}: {found:?}");
    }
}

// case: F-deadline
#[tokio::test]
async fn a_reply_of_a_byte_at_a_time_does_not_put_the_deadline_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let seen = Arc::new(Seen::default());
    let drip = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(read_request(&mut stream, &seen).await);
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let mut dripped = 0;
        let mut every = tokio::time::interval(Duration::from_millis(20));
        // Until the client goes away, which a write notices.
        while stream.write_all(b"x").await.is_ok() {
            dripped += 1;
            every.tick().await;
        }
        dripped
    };
    let client = async {
        let http = Http::new().unwrap();
        let no_reply = http.send(post(&url), short()).await.unwrap_err();
        assert_eq!(no_reply.sent(), Sent::Maybe);
        assert!(no_reply.detail().contains("300 ms"), "{no_reply:?}");
    };
    let (dripped, ()) = futures::join!(drip, client);
    assert!((2..1_000).contains(&dripped), "{dripped} bytes came in time");
}

// case: F-body
#[tokio::test]
async fn a_garbled_reply_is_no_reply() {
    let garbled = [
        "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\n\r\nhello",
        "HTTP/1.1 9x9 OK\r\n\r\nhello",
        "HTTP/7.3 200 OK\r\n\r\nhello",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n",
    ];
    for text in garbled {
        for then in [Then::Hold, Then::Close, Then::Reset] {
            fails(once(text, then), short()).await;
        }
    }
    let many: String = (0..500).map(|n| format!("x-{n}: y\r\n")).collect();
    let heads = format!("HTTP/1.1 200 OK\r\n{many}content-length: 0\r\n\r\n");
    fails(once(&heads, Then::Close), short()).await;
}

// case: F-resend
#[tokio::test]
async fn a_connection_that_ends_at_any_byte_of_a_reply_ends_the_call() {
    let whole = "HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\nhello";
    for kept in [0, 1, 9, 20, 40, 42, 46] {
        for then in [Then::Close, Then::Reset] {
            fails(once(&whole[..kept], then), bounds()).await;
        }
    }
}

// case: F-resend
#[tokio::test]
async fn no_status_makes_the_client_send_again() {
    let statuses = [
        (301, "location: /other\r\n"),
        (307, "location: /other\r\n"),
        (308, "location: /other\r\n"),
        (401, "www-authenticate: Basic\r\n"),
        (407, "proxy-authenticate: Basic\r\n"),
        (408, "connection: close\r\n"),
        (421, ""),
        (425, "retry-after: 0\r\n"),
        (429, "retry-after: 0\r\n"),
        (500, ""),
        (502, ""),
        (503, "retry-after: 0\r\nconnection: close\r\n"),
        (504, ""),
    ];
    for (status, header) in statuses {
        let text = format!("HTTP/1.1 {status} Odd\r\n{header}content-length: 2\r\n\r\nno");
        for method in [Method::GET, Method::POST, Method::PUT] {
            let (url, seen) = saying(once(&text, Then::Hold)).await;
            let body = match method {
                Method::GET => Body::empty(),
                _ => Body::Bytes(Bytes::from_static(b"the post")),
            };
            let request = Request::builder().method(&method).uri(&url).body(body).unwrap();
            let response = Http::new().unwrap().send(request, bounds()).await.unwrap();
            assert_eq!((response.status.as_u16(), response.body.as_ref()), (status, &b"no"[..]));
            assert_eq!(count(&seen), (1, 1), "{method} {status}");
        }
    }
}

// case: F-resend
#[tokio::test]
async fn interim_answers_are_passed_over_and_nothing_is_sent_again() {
    let text =
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok";
    let (url, seen) = saying(once(text, Then::Hold)).await;
    let response = Http::new().unwrap().send(post(&url), bounds()).await.unwrap();
    assert_eq!((response.status.as_u16(), response.body.as_ref()), (201, &b"ok"[..]));
    assert_eq!(count(&seen), (1, 1));
}

// case: F-body
#[test]
fn no_bytes_of_a_server_make_the_client_panic_or_send_again() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "HTTP/1\\.[01] [0-9]{3} [a-z]{0,8}\r\n(content-length: [0-9]{1,3}\r\n)?\r\n.{0,40}"
            .prop_map(String::into_bytes),
    ];
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() };
    proptest!(config, |(bytes in reply)| {
        runtime.block_on(async {
            let (url, seen) = saying(Says::Once(bytes, Then::Close)).await;
            let _ = Http::new().unwrap().send(post(&url), bounds()).await;
            assert_eq!(count(&seen), (1, 1));
        });
    });
}
