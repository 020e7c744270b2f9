//! What a stranger may name, against listeners that count who comes.

mod pull;

use super::*;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Addresses that lead inside, by whatever writing; `PORT` is that of a listener on the loopback.
const URLS: &str = include_str!("closed.txt");
const URLS_MIN: usize = 120;

const BOUNDS: Bounds = Bounds { deadline: Duration::from_secs(5), reply_size_bytes_max: 64 };

/// A server on an address, and how many connections it has seen.
async fn server(address: &str, answer: Vec<u8>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    (port, seen)
}

fn ok() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()
}

fn outbound(allow: &[&str], lookup: Lookup) -> Outbound {
    let allow = allow.iter().map(|network| (*network).to_owned()).collect();
    Outbound::with(&Config { allow }, lookup).unwrap()
}

/// Every name leads to these, one list a look-up, the last one for ever.
fn answers(lists: &[&[&str]]) -> Lookup {
    let read = |list: &&[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
    let lists: Mutex<Vec<Vec<IpAddr>>> = Mutex::new(lists.iter().rev().map(read).collect());
    Arc::new(move |_| {
        let mut lists = lists.lock().unwrap();
        let answer = if lists.len() > 1 { lists.pop() } else { lists.last().cloned() };
        Box::pin(async move { Ok(answer.unwrap_or_default()) })
    })
}

async fn post(outbound: &Outbound, url: &str) -> Result<Seen, Unseen> {
    outbound.post(url, HeaderMap::new(), Bytes::from_static(b"{}"), BOUNDS).await
}

// case: S-04
#[tokio::test]
async fn no_address_that_leads_inside_is_connected_to_however_it_is_written() {
    let (four, seen_four) = server("127.0.0.1", ok()).await;
    let (_, seen_six) = server("::1", ok()).await;
    // The names of the list lead inside; what is not refused by its form is refused by that.
    let inside: [&[&str]; 6] = [
        &["127.0.0.1"],
        &["::1"],
        &["93.184.216.34", "127.0.0.1"],
        &["::ffff:127.0.0.1", "2606:2800:220:1::1"],
        &["64:ff9b::7f00:1"],
        &["169.254.169.254"],
    ];
    let urls = URLS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let urls: Vec<String> = urls.map(|url| url.replace("PORT", &four.to_string())).collect();
    assert!(urls.len() >= URLS_MIN, "{}", urls.len());
    for answer in inside {
        // With a network opened that none of them lies in, http and every port pass the form.
        for allow in [&[][..], &["10.254.0.0/16"]] {
            let outbound = outbound(allow, answers(&[answer]));
            for url in &urls {
                let ended = post(&outbound, url).await;
                assert!(matches!(ended, Err(Unseen::Closed(_))), "{url} {answer:?}: {ended:?}");
            }
        }
    }
    assert_eq!(seen_four.load(Ordering::SeqCst), 0);
    assert_eq!(seen_six.load(Ordering::SeqCst), 0);
}

// case: O-refused
#[tokio::test]
async fn what_is_not_called_is_counted_once_by_its_reason() {
    let recorder = PrometheusBuilder::new().build_recorder();
    // Of this thread, which the runtime of a test does not leave.
    let _counting = metrics::set_default_local_recorder(&recorder);
    let outbound = outbound(&[], answers(&[&["169.254.169.254"]]));
    for (url, reason) in [
        ("https://", "form"),
        ("https://user:word@example.com/", "form"),
        ("ftp://example.com/", "scheme"),
        ("https://example.com:22/", "port"),
        ("https://[::1]/", "address"),
        ("https://example.com/", "name"),
    ] {
        let ended = post(&outbound, url).await;
        assert!(matches!(ended, Err(Unseen::Closed(_))), "{url}: {ended:?}");
        let shown = recorder.handle().render();
        let told = format!("postfleet_outbound_refused_total{{reason=\"{reason}\"}}");
        assert!(shown.contains(&told), "{url}: {shown}");
    }
    let shown = recorder.handle().render();
    let counts = shown.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let counts = counts.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap());
    assert_eq!(counts.sum::<u64>(), 6, "{shown}");
}

// case: S-04
#[tokio::test]
async fn a_name_that_leads_elsewhere_the_second_time_is_not_followed_inside() {
    let (port, open) = server("127.0.0.2", ok()).await;
    let closed = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let ways: [&[&str]; 3] = [&["127.0.0.2"], &["127.0.0.1"], &["127.0.0.2", "127.0.0.1"]];
    let outbound = outbound(&["127.0.0.2"], answers(&ways));
    let url = format!("http://rebinds.example:{port}/");
    assert_eq!(post(&outbound, &url).await.unwrap().status, StatusCode::OK);
    assert_eq!(open.load(Ordering::SeqCst), 1);
    // The connection before was closed by the server, so each of these looks the name up again.
    for _ in 0..3 {
        let ended = post(&outbound, &url).await;
        assert!(matches!(ended, Err(Unseen::Closed(_))), "{ended:?}");
    }
    let came = tokio::time::timeout(Duration::from_millis(50), closed.accept()).await;
    assert!(came.is_err(), "somebody came");
}

// case: S-04
#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (inside, seen) = server("127.0.0.1", ok()).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Again", "308 For ever"] {
        let answer = format!(
            "HTTP/1.1 {status}\r\nlocation: http://127.0.0.1:{inside}/\r\ncontent-length: 0\r\n\r\n"
        );
        let (port, came) = server("127.0.0.2", answer.into_bytes()).await;
        let outbound = outbound(&["127.0.0.2"], answers(&[&["127.0.0.2"]]));
        let ended = post(&outbound, &format!("http://moved.example:{port}/")).await.unwrap();
        assert!(ended.status.is_redirection(), "{ended:?}");
        assert_eq!(came.load(Ordering::SeqCst), 1);
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn of_an_answer_no_more_is_read_than_is_asked_for_and_none_is_waited_for_for_ever() {
    let mut long = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_vec();
    long.resize(long.len() + 1_000, b'x');
    let (port, _) = server("127.0.0.1", long).await;
    let outbound = outbound(&["127.0.0.0/8"], answers(&[&["127.0.0.1"]]));
    let seen = post(&outbound, &format!("http://127.0.0.1:{port}/")).await.unwrap();
    assert_eq!((seen.status, seen.body.len()), (StatusCode::OK, 64));

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/?token=canary", silent.local_addr().unwrap().port());
    let bounds = Bounds { deadline: Duration::from_millis(50), reply_size_bytes_max: 64 };
    let ended = outbound.post(&url, HeaderMap::new(), Bytes::new(), bounds).await;
    assert_eq!(ended.unwrap_err(), Unseen::Broken("no answer within 50 ms".to_owned()));
    drop(silent);
    let Err(Unseen::Broken(detail)) = post(&outbound, &url).await else { panic!("it answered") };
    assert!(!detail.contains("canary"), "{detail}");
}

#[test]
fn public_addresses_pass_and_what_is_refused_says_why() {
    let strict = outbound(&[], answers(&[]));
    for url in ["https://hooks.example.com/x?y=z", "https://8.8.8.8/", "https://a.example:8443/"] {
        assert!(strict.check(url).is_ok(), "{url}");
    }
    for (url, why) in [
        ("http://a.example/", "only https"),
        ("https://a.example:9000/", "only the ports 443 and 8443"),
        ("https://user:secret@a.example/", "no user name"),
        ("https://10.0.0.1/", "no address of the open internet"),
        ("ftp://a.example/", "only https"),
        ("nothing", "no URL"),
        ("data:text/plain,x", "no host"),
    ] {
        let told = strict.check(url).unwrap_err().to_string();
        assert!(told.contains(why) && !told.contains("secret"), "{url}: {told}");
    }
    assert!(strict.check(&format!("https://a.example/{}", "x".repeat(2_000))).is_err());
    // What an operator opened is called by http and on any port, and nothing else is.
    let opened = outbound(&["10.1.0.0/16"], answers(&[]));
    assert!(opened.check("http://10.1.2.3:9000/").is_ok());
    assert!(opened.check("http://10.2.2.3:9000/").is_err());
    assert!(opened.check("http://8.8.8.8/").is_err());
    assert!(Outbound::new(&Config { allow: vec!["10.1.0.0/99".to_owned()] }).is_err());
}

#[test]
fn an_address_in_the_clothes_of_another_is_known() {
    let inner = Ipv4Addr::LOCALHOST.to_bits();
    let [high, low] = [u16::try_from(inner >> 16).unwrap(), u16::try_from(inner & 0xffff).unwrap()];
    for address in [
        Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
        Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x2001, 0, 0x4136, 0xe378, 0x8000, 0x63bf, !high, !low),
        Ipv6Addr::new(0x2606, 0x2800, 0, 0, 0, 0x5efe, high, low),
        Ipv6Addr::new(0x2606, 0x2800, 0, 0, 0x0200, 0x5efe, high, low),
    ] {
        assert!(!is_public(IpAddr::V6(address)), "{address}");
    }
}
