//! What the bytes of one request are to come to, as its sender says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The algorithms, by the names that senders call them.
pub const ALGORITHMS: [&str; 2] = ["sha1", "sha256"];

/// A checksum that is being made.
#[derive(Debug, Clone)]
pub struct Checksum {
    made: Made,
    meant: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Made {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    /// Reads an algorithm and a digest in base64, with a blank between them; `None` when the
    /// algorithm is none of ours or the digest is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (algorithm, meant) = text.trim().split_once(' ')?;
        let made = match algorithm {
            "sha1" => Made::Sha1(Sha1::new()),
            "sha256" => Made::Sha256(Sha256::new()),
            _ => return None,
        };
        Some(Self { made, meant: STANDARD.decode(meant.trim()).ok()? })
    }

    /// Looks at some more bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.made {
            Made::Sha1(sha1) => sha1.update(bytes),
            Made::Sha256(sha256) => sha256.update(bytes),
        }
    }

    /// The bytes were those that were meant.
    pub(crate) fn holds(self) -> bool {
        match self.made {
            Made::Sha1(sha1) => sha1.finalize().as_slice() == self.meant,
            Made::Sha256(sha256) => sha256.finalize().as_slice() == self.meant,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_met_by_its_bytes_alone() {
        // FIPS 180-2, appendix A.1 and B.1: "abc".
        for text in [
            "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
            "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        ] {
            let checksum = Checksum::parse(text).unwrap();
            let met = |parts: &[&[u8]]| {
                let mut checksum = checksum.clone();
                parts.iter().for_each(|part| checksum.update(part));
                checksum.holds()
            };
            assert!(met(&[b"a", b"bc"]) && !met(&[b"abd"]) && !met(&[]), "{text}");
        }
        for text in ["", "sha1", "md5 qZk+", "sha1 not-base64!", "SHA1 qZk+"] {
            assert!(Checksum::parse(text).is_none(), "{text}");
        }
    }
}
