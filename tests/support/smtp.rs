//! A mail server that keeps what it is sent.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A mail as it came.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    /// Who it is for.
    pub to: Vec<String>,
    /// Its head and its body, as they were sent.
    pub text: String,
}

/// The server.
pub struct Smtp {
    /// Where it is.
    pub url: String,
    got: Arc<Mutex<Vec<Mail>>>,
    serving: JoinHandle<()>,
}

impl Smtp {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&kept)));
            }
        });
        Self { url, got, serving }
    }

    /// What came, oldest first.
    pub fn got(&self) -> Vec<Mail> {
        self.got.lock().unwrap().clone()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// One client (RFC 5321), which is taken at its word.
async fn converse(stream: TcpStream, got: Arc<Mutex<Vec<Mail>>>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut mail = Mail::default();
    write.write_all(b"220 kept\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match word.to_ascii_uppercase().as_str() {
            "RCPT" => {
                mail.to.push(rest.trim_start_matches("TO:").trim_matches(['<', '>']).to_owned());
                "250 taken"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    mail.text += &format!("{line}\n");
                }
                got.lock().unwrap().push(std::mem::take(&mut mail));
                "250 kept"
            }
            "QUIT" => "221 gone",
            _ => "250 yes",
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
