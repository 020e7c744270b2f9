//! Files from addresses that strangers name, and from strangers themselves: endless, false, packed.

use crate::support::api::{Answer, Api, try_send};
use crate::support::{Fleet, files};
use base::clock;
use bytes::Bytes;
use futures::stream;
use image::{GrayImage, ImageFormat};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use serde_json::json;
use std::fs;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const MIB: u64 = 1024 * 1024;
/// What the fleet takes.
const SIZE_BYTES_MAX: u64 = 32 * MIB;
/// What is under way in the buffers of two sockets, and in a request that is drained.
const SLACK_BYTES: u64 = 40 * MIB;
/// What an attack may cost.
const MEMORY_BYTES_MAX: u64 = 64 * MIB;

/// A server that answers with a head and then with `piece` over and over, and counts what it sent.
async fn sender(head: &str, piece: Vec<u8>, most: u64) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/file.png", listener.local_addr().unwrap());
    let (sent, head) = (Arc::new(AtomicU64::new(0)), head.to_owned());
    let counted = sent.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let mut written = stream.write_all(head.as_bytes()).await;
            let mut left = most;
            while written.is_ok() && left > 0 {
                written = stream.write_all(&piece).await;
                left = left.saturating_sub(piece.len() as u64);
                counted.fetch_add(piece.len() as u64, Ordering::SeqCst);
            }
        }
    });
    (url, sent)
}

async fn import(api: &Api, url: &str) -> Answer {
    api.post("/v1/media/import", &json!({ "url": url })).await
}

/// What the fleet has in memory: now, or at most since `reset`.
fn memory(pid: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kib = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn reset(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

/// A picture of one colour: a few kilobytes for millions of pixels.
fn bomb(side: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    GrayImage::new(side, side).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

// case: M-attacks
// case: O-fetches
#[tokio::test]
async fn hostile_files_are_left_at_the_limit_and_cost_little_memory() {
    let size = ("POSTFLEET__MEDIA__SIZE_BYTES_MAX", &*SIZE_BYTES_MAX.to_string());
    let fleet = Fleet::start(&[], &[size]).await;
    let (api, pid) = (fleet.api(), fleet.pid());
    let (good, _) = sender("HTTP/1.1 200 OK\r\n\r\n", files::picture(), 1).await;
    assert_eq!(import(&api, &good).await.data()["mime"], "image/png");

    let began = clock::stopwatch();
    let resting = memory(pid, "VmRSS:");
    reset(pid);
    let flood = vec![0x55; 64 * 1024];
    // Ten gigabytes, and no word of it; four at once.
    let (endless, sent) = sender("HTTP/1.1 200 OK\r\n\r\n", flood.clone(), 10_000 * MIB).await;
    let four = futures::future::join_all((0..4).map(|_| import(&api, &endless))).await;
    for answer in four {
        assert_eq!(answer.details(422)[0]["rule"], "too_much", "{answer:?}");
    }
    let sent = sent.load(Ordering::SeqCst);
    assert!((SIZE_BYTES_MAX..4 * (SIZE_BYTES_MAX + SLACK_BYTES)).contains(&sent), "{sent}");
    // The same from a caller.
    let counted = Arc::new(AtomicU64::new(0));
    let counting = counted.clone();
    let pieces = stream::repeat_with(move || {
        counting.fetch_add(flood.len() as u64, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from(flood.clone()))
    });
    let part = Part::stream(Body::wrap_stream(pieces)).file_name("a.mp4");
    let request = api.request(Method::POST, "/v1/media").multipart(Form::new().part("file", part));
    // It goes on sending behind the answer, so the line may break before it reads one.
    if let Ok(answer) = try_send(request).await {
        assert_eq!(answer.details(422)[0]["rule"], "too_much");
    }
    assert!(counted.load(Ordering::SeqCst) < SIZE_BYTES_MAX + SLACK_BYTES);

    for (what, head, body) in [
        ("false length", "HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n", files::picture()),
        ("vast length", "HTTP/1.1 200 OK\r\ncontent-length: 10485760000\r\n\r\n", vec![1; 9]),
        ("short", "HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n", files::picture()),
        ("wrong type", "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n", b"<html>".to_vec()),
        ("bomb", "HTTP/1.1 200 OK\r\n\r\n", files::png(100_000, 100_000, 300)),
        ("packed", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", files::picture()),
        ("refused", "HTTP/1.1 403 No\r\n\r\n", files::picture()),
    ] {
        let (url, _) = sender(head, body, 1).await;
        let answer = import(&api, &url).await;
        let [detail] = answer.details(422) else { panic!("{what}: {answer:?}") };
        assert!(!detail["resolution"].as_str().unwrap().is_empty(), "{what}: {detail}");
    }
    let metrics = api.metrics().await;
    for (outcome, count) in [("taken", 1), ("too_large", 1), ("packed", 1), ("status", 1)] {
        let told = format!("postfleet_media_fetches_total{{outcome=\"{outcome}\"}} {count}");
        assert!(metrics.lines().any(|line| line == told), "{told} in {metrics}");
    }
    let came = "postfleet_media_fetched_bytes_total ";
    let came = metrics.lines().find_map(|line| line.strip_prefix(came)).unwrap();
    assert!(came.parse::<u64>().unwrap() > SIZE_BYTES_MAX, "{came}");
    // Pictures that are small as files and large in memory: one too large, one that is not.
    for (side, status) in [(9_000, 404), (3_500, 200)] {
        let bomb = api.upload(bomb(side), "a.png").await;
        let small = api.get(&format!("/v1/media/{bomb}/thumbnail")).await;
        assert_eq!(small.status, status, "{side}");
    }

    let most = memory(pid, "VmHWM:");
    let cost = most.saturating_sub(resting);
    crate::support::say(format!(
        "hostile files: {} MiB above {} MiB, {:?}",
        cost / MIB,
        resting / MIB,
        began.elapsed()
    ));
    assert!(cost <= MEMORY_BYTES_MAX, "{cost} bytes above {resting}");
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM assets")
        .fetch_one(&mut fleet.postgres().await)
        .await
        .unwrap();
    assert_eq!(kept, 3, "the good one, and the pictures");
}
