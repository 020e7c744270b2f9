//! The second net under the types that cannot be printed: what looks like a secret leaves a log
//! line before anybody reads it.
//!
//! Invariant: works on whatever bytes a line is made of, in one pass over them, and never fails.

/// What stands in the place of a secret.
const REDACTED: &[u8] = b"[redacted]";
/// A line beyond this is cut: a field from outside must not fill a disk.
const LINE_SIZE_BYTES_MAX: usize = 16 * 1024;
/// A run of letters and digits beyond this is no word, no number and no identifier of ours.
const RUN_SIZE_BYTES_MAX: usize = 40;
/// Names behind which a secret stands, whatever it looks like.
const NAMES: [&str; 12] = [
    "access_token",
    "accesstoken",
    "refresh_token",
    "refreshtoken",
    "exchange_token",
    "client_secret",
    "clientsecret",
    "code_verifier",
    "api_key",
    "apikey",
    "x-api-key",
    "password",
];
/// Names behind which one stands when it is as long as a secret is: they are also words.
const WORDS: [&str; 6] = ["code", "state", "ticket", "session", "signed", "secret"];
/// The shortest text behind such a word that is taken for a secret.
const SECRET_SIZE_BYTES_MIN: usize = 16;
/// Schemes of the `Authorization` header.
const SCHEMES: [&str; 3] = ["bearer", "basic", "oauth"];
/// How our own API keys begin.
const KEY_PREFIX: &[u8] = b"pf_";

/// `line` without what looks like a secret, and not longer than a line may be.
pub fn redact(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len().min(LINE_SIZE_BYTES_MAX));
    let mut rest = line;
    let mut before = Before::Anything;
    while let Some(first) = rest.first() {
        if out.len() > LINE_SIZE_BYTES_MAX {
            out.extend_from_slice("…\n".as_bytes());
            break;
        }
        let run = rest.iter().position(|byte| !is_inside(*byte)).unwrap_or(rest.len());
        if run == 0 {
            before = before.after(*first);
            out.push(*first);
            rest = &rest[1..];
            continue;
        }
        let (word, behind) = rest.split_at(run);
        if before.hides(word) || is_opaque(word) {
            out.extend_from_slice(REDACTED);
            before = Before::Anything;
        } else {
            out.extend_from_slice(word);
            before = Before::of(word);
        }
        rest = behind;
    }
    out
}

/// What stands before the next word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Anything,
    /// One of [`NAMES`], and a sign that gives it a value where the flag is set.
    Name(bool),
    /// One of [`WORDS`], likewise.
    Word(bool),
    /// One of [`SCHEMES`].
    Scheme,
}

impl Before {
    fn of(word: &[u8]) -> Self {
        let is =
            |names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
        if is(&NAMES) {
            Self::Name(false)
        } else if is(&WORDS) {
            Self::Word(false)
        } else if is(&SCHEMES) {
            Self::Scheme
        } else {
            Self::Anything
        }
    }

    /// After a byte that belongs to no word: quotes and blanks change nothing, `=` and `:` give a
    /// value, anything else begins something new.
    const fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Name(_), b'=' | b':') => Self::Name(true),
            (Self::Word(_), b'=' | b':') => Self::Word(true),
            (same, b' ' | b'"' | b'\'' | b'\\') => same,
            _ => Self::Anything,
        }
    }

    fn hides(self, word: &[u8]) -> bool {
        match self {
            Self::Name(has_value) => has_value,
            Self::Word(has_value) => has_value && is_drawn(word),
            Self::Scheme => word.len() >= SECRET_SIZE_BYTES_MIN,
            Self::Anything => false,
        }
    }
}

/// The letters that words, numbers, identifiers and tokens are made of.
const fn is_inside(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~' | b'+' | b'%')
}

/// It is long, and no word of a language or of a program: those are in lower case.
fn is_drawn(word: &[u8]) -> bool {
    let is_odd = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    word.len() >= SECRET_SIZE_BYTES_MIN && word.iter().any(is_odd)
}

/// One of our own keys, or a run that only a machine writes.
fn is_opaque(word: &[u8]) -> bool {
    let is_key = word.starts_with(KEY_PREFIX) && word.len() >= SECRET_SIZE_BYTES_MIN;
    let has = |what: fn(&u8) -> bool| word.iter().any(what);
    let is_long =
        word.len() > RUN_SIZE_BYTES_MAX && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    is_key || is_long
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(line: &str) -> String {
        String::from_utf8(redact(line.as_bytes())).unwrap()
    }

    // case: S-redaction
    #[test]
    fn what_looks_like_a_secret_leaves_the_line() {
        for line in [
            "GET /me?fields=id&access_token=canary-1",
            "GET /me?ACCESS_TOKEN=canary-1&fields=id",
            r#"body {"access_token":"canary-1","expires_in":7200}"#,
            r#"body "{\"refresh_token\" : \"canary-1\"}""#,
            "authorization: Bearer canary-1canary-1",
            "authorization=\"Basic canary-1canary-1\"",
            "grant_type=authorization_code&code=canary-1canary-1&state=canary-1canary-1",
            "Grant { access_token: \"canary-1\" }",
            "key pf_canary-1canary-1 is unknown",
            "https://api.example.com/m/canary-1canary-1canary-1canary-1canary-1canary-1/x",
        ] {
            let shown = redacted(line);
            assert!(shown.contains("[redacted]") && !shown.contains("canary"), "{line} -> {shown}");
        }
    }

    #[test]
    fn what_an_operator_reads_stays() {
        for line in [
            "2026-11-26T09:00:00.000Z ERROR app::publish: publishing faulted; tried again \
             fault=Postgres does not answer subject=01939f5e-7c00-7abc-8def-0123456789ab",
            "postfleet: code 190 (error_subcode 463), state=sending, code=platform_not_configured",
            "account=acc_01939f5e7c007abc8def0123456789ab lane=x:default:01939f5e-7c00",
            "a refresh token is missing; Bearer is expected; the secret does not open",
            "src/platforms/instagram/publish/position.rs:120:9 thread 'tokio-runtime-worker'",
            "access_token is missing",
        ] {
            assert_eq!(redacted(line), line);
        }
    }

    #[test]
    fn a_line_has_an_end_whatever_it_is_made_of() {
        let long = redact(&b"x ".repeat(1 << 20));
        assert!(long.len() <= LINE_SIZE_BYTES_MAX + 8 && long.ends_with("…\n".as_bytes()));
        assert!(redact(&b"a1".repeat(1 << 20)) == REDACTED);
        assert_eq!(redact(b"\xff\xfe\x00 code=\xff"), b"\xff\xfe\x00 code=\xff");
        assert_eq!(redact(b""), b"");
    }
}
