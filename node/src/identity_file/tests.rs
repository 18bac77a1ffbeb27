//! Tests of the identity file.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// What a node does that starts here.
fn load_or_create(dir: &Path) -> Result<SecretKey, IdentityError> {
    if let Some(key) = load(dir)? {
        return Ok(key);
    }
    let key = SecretKey::from_seed(&rand::random());
    keep(dir, &key).map(|()| key)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn put(dir: &Path, bytes: impl AsRef<[u8]>) {
    fs::write(path(dir), bytes).unwrap();
    fs::set_permissions(path(dir), fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn the_first_start_makes_an_identity_and_later_ones_keep_it() {
    let dir = tempfile::tempdir().unwrap();
    assert!(load(dir.path()).unwrap().is_none());
    let made = load_or_create(dir.path()).unwrap();
    assert_eq!(mode(&path(dir.path())), 0o600);
    assert_eq!(load_or_create(dir.path()).unwrap().seed(), made.seed());
    assert_eq!(load(dir.path()).unwrap().unwrap().node_id(), made.node_id());
    let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(files, [NAME], "no partial file stays");
}

#[test]
fn a_partial_file_of_an_interrupted_start_is_no_identity_and_no_hindrance() {
    let dir = tempfile::tempdir().unwrap();
    let partial = path(dir.path()).with_extension("new");
    fs::write(&partial, "0123").unwrap();
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(load(dir.path()).unwrap().is_none());
    let made = load_or_create(dir.path()).unwrap();
    assert_eq!(mode(&path(dir.path())), 0o600, "its rights are not taken over");
    assert_eq!(load(dir.path()).unwrap().unwrap().seed(), made.seed());
}

#[test]
fn white_space_around_the_key_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    let seed = [0xab; 32];
    put(dir.path(), format!("  {}\r\n\n", to_hex(&seed).to_uppercase()));
    assert_eq!(load(dir.path()).unwrap().unwrap().seed(), &seed);
}

#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    let good = to_hex(&[7; 32]);
    let good = good.trim();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "0 bytes"),
        (good.as_bytes()[..63].to_vec(), "63 bytes"),
        (format!("{good}0").into_bytes(), "65 bytes"),
        (format!("{}zz", &good[..62]).into_bytes(), "other characters"),
        (format!("{}+1", &good[..62]).into_bytes(), "other characters"),
        (vec![0xff; 64], "other characters"),
        (vec![0; 1_000_000], "1000000 bytes"),
    ];
    for (bytes, found) in cases {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), &bytes);
        let error = load_or_create(dir.path()).unwrap_err();
        assert!(matches!(&error, IdentityError::Damaged { found: f, .. } if f == found), "{error}");
        let message = error.to_string();
        assert!(message.contains(NAME) && message.contains("backup"), "{message}");
        assert_eq!(fs::read(path(dir.path())).unwrap(), bytes, "it may be all that is left of the identity");
    }
}

#[test]
fn a_file_that_others_can_read_is_refused_with_the_way_out() {
    for exposed in [0o644, 0o640, 0o602] {
        let dir = tempfile::tempdir().unwrap();
        load_or_create(dir.path()).unwrap();
        fs::set_permissions(path(dir.path()), fs::Permissions::from_mode(exposed)).unwrap();
        let error = load(dir.path()).unwrap_err();
        assert!(matches!(error, IdentityError::Exposed { mode, .. } if mode == exposed), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_or_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(path(dir.path())).unwrap();
    let error = load(dir.path()).unwrap_err();
    assert!(matches!(error, IdentityError::Io { action: "read", .. }), "{error}");
    let error = load_or_create(&dir.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, IdentityError::Io { action: "write", .. }), "{error}");
}
