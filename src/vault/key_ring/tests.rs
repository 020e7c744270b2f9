//! Key files and data keys: making, refusing, rotating.

use super::*;
use crate::Associated;
use base::rng;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

fn fault<T>(outcome: Result<T, Fault>) -> String {
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
    let wrapped = ring.new_data_key(tenant);
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
    let wrapped = old_ring.new_data_key(tenant);
    let sealed = old_ring.unwrap(&wrapped, tenant).unwrap().seal(&at, b"token");
    let new_ring = KeyRing::create(&new).unwrap();
    assert!(fault(new_ring.unwrap(&wrapped, tenant)).contains("not in the key file"));

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
