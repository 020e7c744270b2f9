//! The load: connections that are kept open, each sending one post after the other.
//!
//! As little as HTTP allows is done here, for this process shares the processors with the server
//! that it measures.

use super::body;
use base::{Context, Fault, clock};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// No answer to a post is longer.
const ANSWER_SIZE_BYTES_MAX: usize = 64 * 1024;

/// What is sent, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// The server.
    pub to: SocketAddr,
    /// The key of the caller.
    pub key: &'a str,
    /// Connections.
    pub connections: u64,
    /// Posts of all of them together.
    pub posts: u64,
    /// The number of the first post.
    pub first: u64,
}

/// How it went.
pub struct Report {
    /// From the first request to the last answer.
    pub took: Duration,
    /// How long each post took, shortest first.
    latencies: Vec<Duration>,
}

impl Report {
    /// The latency at a share of all posts, in milliseconds.
    pub fn at_ms(&self, share: f64) -> f64 {
        let at = ((self.latencies.len() as f64 * share) as usize).min(self.latencies.len() - 1);
        (self.latencies[at].as_secs_f64() * 100_000.0).round() / 100.0
    }
}

impl Load<'_> {
    /// Sends all of it.
    ///
    /// # Errors
    /// The server refuses a post, or ends the connection.
    pub async fn run(self) -> Result<Report, Fault> {
        let mut sockets = Vec::new();
        for _ in 0..self.connections {
            let socket = TcpStream::connect(self.to).await?;
            socket.set_nodelay(true)?;
            sockets.push(socket);
        }
        let since = clock::stopwatch();
        let mut sending = JoinSet::new();
        for (number, socket) in (0u64..).zip(sockets) {
            let key = self.key.to_owned();
            let own = (number..self.posts).step_by(self.connections as usize);
            let posts: Vec<u64> = own.map(|post| self.first + post).collect();
            sending.spawn(send_all(socket, key, posts));
        }
        let mut latencies = Vec::new();
        while let Some(sent) = sending.join_next().await {
            latencies.extend(sent.context("a sender panicked")??);
        }
        let took = since.elapsed();
        latencies.sort_unstable();
        Ok(Report { took, latencies })
    }
}

async fn send_all(
    mut socket: TcpStream,
    key: String,
    posts: Vec<u64>,
) -> Result<Vec<Duration>, Fault> {
    let mut latencies = Vec::with_capacity(posts.len());
    let mut answer = Vec::with_capacity(ANSWER_SIZE_BYTES_MAX);
    for number in posts {
        let body = body(number);
        let request = format!(
            "POST /v1/posts HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\
             idempotency-key: bench-{number}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len(),
        );
        let since = clock::stopwatch();
        socket.write_all(request.as_bytes()).await?;
        receive(&mut socket, &mut answer).await?;
        latencies.push(since.elapsed());
    }
    Ok(latencies)
}

/// Reads one answer, which says that something was created.
async fn receive(socket: &mut TcpStream, answer: &mut Vec<u8>) -> Result<(), Fault> {
    answer.clear();
    loop {
        if socket.read_buf(answer).await? == 0 || answer.len() > ANSWER_SIZE_BYTES_MAX {
            return Err(Fault::new("the server ended a connection"));
        }
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.context("an answer without a length")?.trim().parse()?;
        if answer.len() < end + 4 + length {
            continue;
        }
        if !head.starts_with("http/1.1 201") {
            return Err(Fault::new(String::from_utf8_lossy(answer).into_owned()));
        }
        return Ok(());
    }
}
