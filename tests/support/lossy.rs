//! A way to a server on which one reply is lost, with its connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A port of this machine that leads to another; the first reply to what is asked with a word is
/// lost.
pub struct Lossy {
    /// Where to ask.
    pub port: u16,
    has_lost: Arc<AtomicBool>,
}

impl Lossy {
    /// The way to a port. Whatever holds the word, in capitals or not, gets no reply the first time.
    pub async fn to(server: u16, word: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let has_lost = Arc::new(AtomicBool::new(false));
        let lost = has_lost.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(carry(client, server, word, lost.clone()));
            }
        });
        Self { port, has_lost }
    }

    /// A reply was lost.
    pub fn has_lost(&self) -> bool {
        self.has_lost.load(Ordering::SeqCst)
    }
}

async fn carry(
    client: TcpStream,
    server: TcpStream,
    word: &'static str,
    has_lost: Arc<AtomicBool>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut asked, mut replied) = (vec![0; 16_384], vec![0; 16_384]);
    let mut is_asked = false;
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => match read {
                Ok(size @ 1..) => {
                    let is_word = |part: &[u8]| part.eq_ignore_ascii_case(word.as_bytes());
                    is_asked |= asked[..size].windows(word.len()).any(is_word);
                    to_server.write_all(&asked[..size]).await.unwrap();
                }
                _ => return,
            },
            read = from_server.read(&mut replied) => match read {
                // It is done, and whoever asked for it does not hear so.
                Ok(1..) if is_asked && !has_lost.swap(true, Ordering::SeqCst) => return,
                Ok(size @ 1..) => {
                    if to_client.write_all(&replied[..size]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}
