//! Tags with keys that somebody outside holds as well.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA-256 (RFC 2104) over the parts of a message, one behind the other.
pub fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // Any length of key is taken, so this cannot be refused.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else {
        panic!("HMAC takes keys of every length");
    };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::digest::hex;

    #[test]
    fn the_tag_is_the_one_of_the_standard() {
        // RFC 4231, 4.3.
        let tag = mac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&tag), known);
    }
}
