//! Key files and data keys: making, refusing, rotating.

use super::*;
use crate::Associated;
use base::rng;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

fn fault<T, E: std::fmt::Display>(outcome: Result<T, E>) -> String {
    outcome.err().unwrap().to_string()
}

#[test]
fn a_key_file_is_made_for_its_owner_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let ring = KeyRing::create(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(KeyRing::create(&path).is_err());
    let tenant = rng::id();
    let wrapped = ring.new_data_key(tenant).unwrap();
    assert!(KeyRing::open(&path).unwrap().unwrap(&wrapped, tenant).is_ok());
    assert!(ring.unwrap(&wrapped, rng::id()).is_err(), "another tenant's");
}

#[test]
fn a_key_file_that_others_can_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    KeyRing::create(&path).unwrap();
    for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert!(fault(KeyRing::open(&path)).contains(&format!("{mode:o}")), "{mode:o}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert!(KeyRing::open(&path).is_ok());
}

#[test]
fn a_file_without_keys_is_refused_without_being_repeated() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(fault(KeyRing::open(file.path())).contains("no key"));
    fs::write(file.path(), "# comment\n\ncanary\n").unwrap();
    let refusal = fault(KeyRing::open(file.path()));
    assert!(refusal.contains("line 3") && !refusal.contains("canary"), "{refusal}");
}

#[test]
fn after_a_rotation_old_keys_open_and_the_first_seals() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new, both) =
        (folder.path().join("old"), folder.path().join("new"), folder.path().join("both"));
    let tenant = rng::id();
    let at = Associated { tenant, subject: "acc_1", platform: "x", field: "sealed", version: 1 };
    let old_ring = KeyRing::create(&old).unwrap();
    let wrapped = old_ring.new_data_key(tenant).unwrap();
    let sealed = old_ring.unwrap(&wrapped, tenant).unwrap().seal(&at, b"token");
    let new_ring = KeyRing::create(&new).unwrap();
    assert!(fault(new_ring.unwrap(&wrapped, tenant)).contains("not in the key ring"));

    fs::copy(&new, &both).unwrap();
    fs::write(&both, [fs::read(&new).unwrap(), fs::read(&old).unwrap()].concat()).unwrap();
    let ring = KeyRing::open(&both).unwrap();
    let opened = ring.unwrap(&wrapped, tenant).unwrap();
    assert_eq!(opened.open(&at, &sealed).unwrap().bytes(), b"token");
    let rewrapped = ring.rewrap(&wrapped, tenant).unwrap().unwrap();
    assert_eq!(ring.rewrap(&rewrapped, tenant).unwrap(), None);
    let opened = new_ring.unwrap(&rewrapped, tenant).unwrap();
    assert_eq!(opened.open(&at, &sealed).unwrap().bytes(), b"token");
}

// case: S-01
#[test]
fn whatever_is_changed_or_cut_off_a_data_key_opens_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let ring = KeyRing::create(&folder.path().join("keys")).unwrap();
    let tenant = rng::id();
    let wrapped = ring.new_data_key(tenant).unwrap();
    assert!(ring.unwrap(&wrapped, tenant).is_ok());
    for place in 0..wrapped.0.len() {
        let cut = Wrapped(wrapped.0[..place].to_vec());
        assert!(ring.unwrap(&cut, tenant).is_err(), "cut after {place} bytes");
        for mask in [0x01, 0x80, 0xff] {
            let mut flipped = wrapped.clone();
            flipped.0[place] ^= mask;
            let refused = ring.unwrap(&flipped, tenant).err().unwrap();
            // A changed name of a key cannot be told from a key that the ring lacks.
            let is_lacking = matches!(refused, NotUnwrapped::NoKey(_));
            assert_eq!(is_lacking, (1..9).contains(&place), "byte {place} ^ {mask:x}: {refused}");
        }
    }
    let foreign = Wrapped(DataKey(Key::fresh()).0.seal(&associated(tenant), &[0; 32]));
    assert!(matches!(ring.unwrap(&foreign, tenant), Err(NotUnwrapped::NoKey(_))));
}

#[test]
fn a_key_that_came_into_the_file_is_found_by_a_ring_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let running = KeyRing::create(&path).unwrap();
    let old = running.first().unwrap();
    let tenant = rng::id();
    let operator = KeyRing::open(&path).unwrap();
    let new = KeyRing::add_to(&path).unwrap();
    operator.read_again().unwrap();
    assert_eq!(operator.held().iter().map(|held| held.id).collect::<Vec<_>>(), [new, old]);
    assert!(operator.held().iter().all(|held| held.made_at.is_some()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&path).unwrap().starts_with("# Key-encryption keys"));

    // Its first look is too soon after it read the file; the next one finds the key.
    let wrapped = operator.new_data_key(tenant).unwrap();
    assert!(matches!(running.unwrap(&wrapped, tenant), Err(NotUnwrapped::NoKey(id)) if id == new));
    running.keys.write().unwrap().read_at -= READ_AGAIN_AFTER;
    assert!(running.unwrap(&wrapped, tenant).is_ok());
    assert_eq!(running.first().unwrap(), new);

    assert!(fault(operator.remove(new)).contains("the key that seals"));
    operator.remove(old).unwrap();
    assert!(fault(operator.remove(old)).contains("there is no key"));
    assert_eq!(operator.held().len(), 1);
    assert!(KeyRing::open(&path).unwrap().unwrap(&wrapped, tenant).is_ok());
}

#[test]
fn what_wraps_a_new_data_key_is_what_the_file_has_first_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let running = KeyRing::create(&path).unwrap();
    let new = KeyRing::add_to(&path).unwrap();
    let wrapped = running.new_data_key(rng::id()).unwrap();
    assert_eq!(key_id(&wrapped.0), Ok(new));
}

#[test]
fn operators_who_change_a_file_at_the_same_time_lose_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    KeyRing::add_to(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| KeyRing::add_to(&path).unwrap());
        }
    });
    assert_eq!(KeyRing::open(&path).unwrap().held().len(), 9);
}
