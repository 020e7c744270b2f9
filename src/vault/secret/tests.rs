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

// case: S-01
#[test]
fn whatever_is_changed_or_cut_off_a_secret_opens_no_more() {
    let key = DataKey(Key::fresh());
    let grant = br#"{"access_token":"token","refresh_token":"other","expires_at":"2026-12-01"}"#;
    let plains: [(&str, i64, &[u8]); 4] = [
        ("grant", 3, grant),
        ("verifier", 1, b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ("checkpoint", 9, br#"{"v":1,"session":"https://upload.example/?upload_id=abc"}"#),
        ("grant", 1, b""),
    ];
    for (field, version, plain) in plains {
        let at = Associated { field, version, ..associated() };
        let sealed = key.seal(&at, plain);
        assert_eq!(key.open(&at, &sealed).unwrap().bytes(), plain);
        for place in 0..sealed.len() {
            assert!(key.open(&at, &sealed[..place]).is_err(), "{field} cut after {place} bytes");
            assert!(key.open(&at, &sealed[place + 1..]).is_err(), "{field} without its beginning");
            for mask in [0x01, 0x80, 0xff] {
                let mut flipped = sealed.clone();
                flipped[place] ^= mask;
                assert!(key.open(&at, &flipped).is_err(), "{field}, byte {place} ^ {mask:x}");
            }
        }
        assert!(key.open(&at, &[sealed.as_slice(), &[0]].concat()).is_err(), "{field} longer");
    }
}

// case: S-01
#[test]
fn no_secret_opens_in_the_place_of_another() {
    let (key, other) = (DataKey(Key::fresh()), DataKey(Key::fresh()));
    let tenants = [rng::id(), rng::id()];
    let mut places = Vec::new();
    for tenant in tenants {
        for subject in ["acc_1", "acc_2"] {
            for platform in ["x", "threads"] {
                for field in ["grant", "verifier", "checkpoint"] {
                    for version in [1, 2] {
                        places.push(Associated { tenant, subject, platform, field, version });
                    }
                }
            }
        }
    }
    for from in &places {
        let sealed = key.seal(from, b"token");
        for to in &places {
            assert_eq!(key.open(to, &sealed).is_ok(), from == to, "{from:?} in {to:?}");
        }
        assert_eq!(other.open(from, &sealed).err(), Some(Unopened::OtherKey));
    }
}

#[test]
fn the_id_of_a_key_is_read_as_it_is_written() {
    let id = Key::fresh().id();
    assert_eq!(KeyId::parse(&id.to_string()), Some(id));
    assert_eq!(KeyId::read(id.bytes()), Some(id));
    for wrong in ["", "00", "+000000000000001", "000000000000000g", "00000000000000000"] {
        assert_eq!(KeyId::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_tag_is_good_for_its_key_purpose_and_message_alone() {
    let (key, other) = (DataKey(Key::fresh()), DataKey(Key::fresh()));
    let tag = key.tag("link", b"file");
    assert!(key.is_tag("link", b"file", &tag));
    assert!(!key.is_tag("link", b"other", &tag) && !key.is_tag("lin", b"kfile", &tag));
    assert!(!other.is_tag("link", b"file", &tag) && !key.is_tag("link", b"file", &tag[1..]));
}
