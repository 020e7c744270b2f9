//! A wire between a worker and the simulated platforms that can be cut behind any byte.
//!
//! Invariant: it changes no byte, and what is behind a cut does not arrive.

use std::sync::Arc;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What a connection reads at a time.
const READ_BYTES: usize = 64 * 1024;

/// The wire; it is there until the test ends.
pub(super) struct Wire {
    /// Its own end, for the configuration of a worker.
    pub address: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    now: Mutex<Now>,
    is_cut: Notify,
    is_buried: Notify,
}

/// What one worker sends.
#[derive(Default)]
struct Now {
    pid: u32,
    /// Bytes that still pass; all of them without a number.
    left: Option<u64>,
    passed: u64,
    /// The most memory the worker ever had when its first byte came.
    peak_before: Option<u64>,
}

impl Wire {
    /// A wire to an address.
    pub async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State::default());
        let (target, shared) = (target.to_owned(), Arc::clone(&state));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target.clone(), Arc::clone(&shared)));
            }
        });
        Self { address, state }
    }

    /// From now on it belongs to another worker, and is cut behind so many of its bytes.
    pub fn arm(&self, left: Option<u64>) {
        *self.state.now.lock().unwrap() = Now { left, ..Now::default() };
    }

    /// The worker's process.
    pub fn belongs_to(&self, pid: u32) {
        self.state.now.lock().unwrap().pid = pid;
    }

    /// Waits for the cut. The worker goes on, but nothing that it sends arrives.
    pub async fn cut(&self) {
        self.state.is_cut.notified().await;
    }

    /// The worker is dead: what it held open is closed.
    pub fn bury(&self) {
        self.state.is_buried.notify_waiters();
    }

    /// How many bytes passed, and how much the worker's peak of memory grew meanwhile.
    pub fn told(&self) -> (u64, u64) {
        let now = self.state.now.lock().unwrap();
        let before = now.peak_before.expect("something was sent");
        (now.passed, peak_bytes(now.pid).saturating_sub(before))
    }
}

/// One connection, both ways.
async fn carry(client: TcpStream, target: String, state: Arc<State>) {
    let server = TcpStream::connect(target).await.unwrap();
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    // Either end may break off at any time; then both are closed.
    let _ = forth(from_client, to_server, &state).await;
    back.abort();
}

async fn forth(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
) -> std::io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let buried = state.is_buried.notified();
        let allowed = state.take(read);
        to.write_all(&buffer[..allowed]).await?;
        if allowed < read {
            state.is_cut.notify_one();
            buried.await;
            return Ok(());
        }
    }
}

impl State {
    /// How many of so many bytes pass.
    fn take(&self, read: usize) -> usize {
        let mut now = self.now.lock().unwrap();
        let pid = now.pid;
        now.peak_before.get_or_insert_with(|| peak_bytes(pid));
        let left = now.left.map_or(read, |left| usize::try_from(left).unwrap_or(read));
        let allowed = read.min(left);
        now.left = now.left.map(|left| left - allowed as u64);
        now.passed += allowed as u64;
        allowed
    }
}

/// The most memory that a process ever had (proc_pid_status(5), `VmHWM`).
fn peak_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}
