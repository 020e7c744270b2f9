//! A way to a server that can be cut, as a server that is down cuts it: every connection breaks,
//! and nobody listens until it is mended.

use std::sync::Mutex;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// A port of this machine that leads to another while the way is whole.
pub struct Switch {
    /// Where to ask.
    pub port: u16,
    server: u16,
    listening: Mutex<Option<AbortHandle>>,
}

impl Switch {
    /// A whole way to a port.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let switch = Self { port, server, listening: Mutex::default() };
        switch.listen(listener);
        switch
    }

    /// Cuts it: the connections break at once, and new ones are refused.
    pub fn cut(&self) {
        if let Some(listening) = self.listening.lock().unwrap().take() {
            listening.abort();
        }
    }

    /// Makes it whole again, at the same port.
    pub async fn mend(&self) {
        let listener = super::eventually("the port is free", super::wait::SOON, async || {
            let bound = TcpListener::bind(("127.0.0.1", self.port)).await;
            bound.map_err(|error| error.to_string())
        });
        self.listen(listener.await);
    }

    fn listen(&self, listener: TcpListener) {
        let server = self.server;
        let listening = tokio::spawn(async move {
            // The connections end with whoever accepts them.
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                connections.spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        *self.listening.lock().unwrap() = Some(listening.abort_handle());
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.cut();
    }
}
