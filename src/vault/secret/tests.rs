//! Where a sealed secret opens, and where it must not.

use super::*;
use base::rng;

fn associated() -> Associated<'static> {
    Associated {
        tenant: rng::id(),
        subject: "acc_1",
        platform: "x",
        field: "credentials.sealed",
        version: 3,
    }
}

#[test]
fn a_secret_opens_where_it_belongs_and_looks_different_each_time() {
    let key = DataKey(Key::fresh());
    let at = associated();
    let (one, other) = (key.seal(&at, b"token"), key.seal(&at, b"token"));
    assert_ne!(one, other);
    for sealed in [one, other] {
        assert_eq!(key.open(&at, &sealed).unwrap().bytes(), b"token");
        assert!(!sealed.windows(5).any(|window| window == b"token"));
    }
    assert!(key.open(&at, &key.seal(&at, b"")).unwrap().bytes().is_empty());
}

// A sealed value that was moved to another row, column or version does not open.
#[test]
fn a_secret_opens_nowhere_else() {
    let key = DataKey(Key::fresh());
    let at = associated();
    let sealed = key.seal(&at, b"token");
    for elsewhere in [
        Associated { tenant: rng::id(), ..at },
        Associated { subject: "acc_2", ..at },
        Associated { platform: "threads", ..at },
        Associated { field: "oauth_states.verifier", ..at },
        Associated { version: 4, ..at },
        Associated { subject: "acc_1x", platform: "", ..at },
    ] {
        assert!(key.open(&elsewhere, &sealed).is_err(), "{elsewhere:?}");
    }
    assert!(DataKey(Key::fresh()).open(&at, &sealed).is_err());
}

#[test]
fn broken_input_is_a_fault() {
    let key = DataKey(Key::fresh());
    let at = associated();
    let sealed = key.seal(&at, b"token");
    for cut in 0..sealed.len() {
        assert!(key.open(&at, &sealed[..cut]).is_err(), "cut after {cut} bytes");
        let mut flipped = sealed.clone();
        flipped[cut] ^= 1;
        assert!(key.open(&at, &flipped).is_err(), "byte {cut} changed");
    }
}
