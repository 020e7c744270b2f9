//! A Redis behind TLS, with certificates of an authority of its own.

use crate::servers::{Server, free_port};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A server that speaks TLS alone and looks at certificates, and the files for it.
pub struct Encrypted {
    /// The server; its port in the clear is for the test.
    pub server: Server,
    port: u16,
    files: TempDir,
}

impl Encrypted {
    /// Starts it behind certificates of an authority of its own.
    pub async fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        certify(files.path());
        let (port, at) = (free_port(), files.path().display());
        let lines = format!(
            "save \"\"\nappendonly no\ntls-port {port}\ntls-auth-clients yes\n\
             tls-ca-cert-file {at}/ca.pem\ntls-cert-file {at}/server.pem\n\
             tls-key-file {at}/server.key\n"
        );
        Self { server: Server::start(&lines, &[]).await, port, files }
    }

    /// Its encrypted address, for a user.
    pub fn url(&self, user: &str, password: &str) -> String {
        format!("rediss://{user}:{password}@127.0.0.1:{}", self.port)
    }

    /// One of its files: `ca.pem`, `client.pem`, `client.key`.
    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.files.path().join(name)
    }
}

/// An authority, and what it signed for a server on the loopback and for a client.
fn certify(folder: &Path) {
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = Command::new("openssl");
        command.args(words).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().expect("openssl must be installed");
        assert!(status.success(), "openssl {line}");
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    run(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    for name in ["server", "client"] {
        run(&format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        run(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem \
             -days 2 -extfile names"
        ));
    }
}
