use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_time_is_one_that_a_certificate_can_be_valid_for() {
    assert_eq!(validity("7d"), Ok(Duration::from_secs(7 * 24 * 3600)));
    assert!(validity("91d").unwrap_err().contains("90 days"));
    assert!(validity("0s").unwrap_err().contains("from 1s"));
    assert!(validity("soon").unwrap_err().contains("24h"));
}

#[test]
fn a_key_is_written_for_its_owner_alone_whatever_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.key");
    fs::write(&path, "left over").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    write(&path, "secret", 0o600).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
    let nowhere = write(&dir.path().join("no/such/x.key"), "secret", 0o600).unwrap_err().to_string();
    assert!(nowhere.contains("no/such/x.key") && nowhere.contains("--dir"), "{nowhere}");
}
