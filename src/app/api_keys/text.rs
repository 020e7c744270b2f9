//! What a key looks like: `pf_live_` or `pf_test_`, thirty characters of chance, six of a checksum.
//!
//! The beginning tells people and scanners of secrets what they found; the checksum tells a
//! mistyped key from one that is unknown, without a look at the database.

use base::digest::sha256;
use base::rng;

/// How the keys begin that are given out: those that reach platforms, and those that never do.
const LIVE: &str = "pf_live_";
const TEST: &str = "pf_test_";
/// How every key begins that was ever given out.
const FAMILY: &str = "pf_";
/// log2(62) · 30 = 178 bits.
const CHANCE_LEN: usize = 30;
const CHECKSUM_LEN: usize = 6;
/// Characters of a key by which a person knows it.
const HINT_LEN: usize = 4;
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How something is written that claims to be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// As a key, whether there is such a one or not.
    Well,
    /// As a key, but its checksum does not fit.
    Mistyped,
    /// Not as a key.
    Otherwise,
}

/// A fresh key.
pub(super) fn fresh(is_test: bool) -> String {
    let prefix = if is_test { TEST } else { LIVE };
    let mut key = prefix.to_owned();
    while key.len() < prefix.len() + CHANCE_LEN {
        let mut bytes = [0; 64];
        rng::fill(&mut bytes);
        // 248 = 4 · 62: what lies beyond would make some letters likelier than others.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        let letters = fair.map(|byte| letter(u32::from(*byte)));
        key.extend(letters.take(prefix.len() + CHANCE_LEN - key.len()));
    }
    let checksum = checksum(&key);
    key + &checksum
}

/// How a text is written that came as a key.
pub(crate) fn read(text: &str) -> Written {
    let rest = [LIVE, TEST].into_iter().find_map(|prefix| text.strip_prefix(prefix));
    let Some(rest) = rest else {
        // Keys of before had no checksum.
        return if text.starts_with(FAMILY) { Written::Well } else { Written::Otherwise };
    };
    let is_whole = rest.len() == CHANCE_LEN + CHECKSUM_LEN && rest.is_ascii();
    let fits = is_whole && {
        let (body, end) = text.split_at(text.len() - CHECKSUM_LEN);
        checksum(body) == end
    };
    if fits { Written::Well } else { Written::Mistyped }
}

/// The last characters of a key.
pub(super) fn hint(key: &str) -> String {
    let skipped = key.chars().count().saturating_sub(HINT_LEN);
    key.chars().skip(skipped).collect()
}

fn checksum(body: &str) -> String {
    let [a, b, c, d, ..] = sha256(body.as_bytes());
    let number = u32::from_be_bytes([a, b, c, d]);
    // Six letters hold 35 bits, more than the 32 of the number.
    let place = |at: usize| letter(number / 62_u32.pow(u32::try_from(at).unwrap_or(0)));
    (0..CHECKSUM_LEN).map(place).collect()
}

fn letter(number: u32) -> char {
    char::from(LETTERS[usize::try_from(number % 62).unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    // case: K-text
    #[test]
    fn a_key_with_a_wrong_or_missing_character_is_known_for_that() {
        let keys: BTreeSet<String> = (0..100).map(|n| fresh(n % 2 == 1)).collect();
        assert_eq!(keys.len(), 100);
        for key in &keys {
            assert_eq!(key.len(), 44, "{key}");
            assert_eq!(read(key), Written::Well);
            for at in LIVE.len()..key.len() {
                let other = if key.as_bytes()[at] == b'x' { "y" } else { "x" };
                let mut wrong = key.clone();
                wrong.replace_range(at..=at, other);
                assert_eq!(read(&wrong), Written::Mistyped, "{key} as {wrong}");
            }
            assert_eq!(read(&key[..key.len() - 1]), Written::Mistyped);
            assert_eq!(read(&format!("{key}x")), Written::Mistyped);
        }
        assert_eq!(read("pf_live_é"), Written::Mistyped);
        assert_eq!(read("pf_0123456789abcdef"), Written::Well, "from before");
        assert_eq!(read("sk_live_1"), Written::Otherwise);
        assert_eq!(hint("pf_live_abcd"), "abcd");
    }
}
