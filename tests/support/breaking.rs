//! A proxy that carries every request whole and loses some of the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

/// The proxy; it is there until the test ends.
pub struct Breaking {
    /// Its own URL.
    pub url: String,
    lost: Arc<AtomicUsize>,
}

impl Breaking {
    /// A proxy to an HTTP address that resets every `nth` connection when its answer comes.
    pub async fn to(target: &str, nth: usize) -> Self {
        let target = target.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lost = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&lost);
        tokio::spawn(async move {
            let mut count = 0;
            while let Ok((client, _)) = listener.accept().await {
                count += 1;
                let counted = (count % nth == 0).then(|| Arc::clone(&counted));
                tokio::spawn(carry(client, target.clone(), counted));
            }
        });
        Self { url, lost }
    }

    /// Answers that were lost so far.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

/// One connection; where it is counted, its first answer is lost.
async fn carry(client: TcpStream, target: String, counted: Option<Arc<AtomicUsize>>) {
    let server = TcpStream::connect(target).await.unwrap();
    if counted.is_some() {
        client.set_zero_linger().unwrap();
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let forth = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let mut first = vec![0; 64 * 1024];
    let read = from_server.read(&mut first).await.unwrap_or(0);
    if let (Some(counted), true) = (&counted, read > 0) {
        // Both halves have to go for the reset to leave.
        counted.fetch_add(1, Ordering::SeqCst);
        forth.abort();
        let _ = forth.await;
        return;
    }
    // Either end may break off at any time; then both are closed.
    if to_client.write_all(&first[..read]).await.is_ok() {
        let _ = copy(&mut from_server, &mut to_client).await;
    }
    forth.abort();
}
