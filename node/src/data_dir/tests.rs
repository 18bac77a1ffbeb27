//! Tests of holding the data directory.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_directory_is_made_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let held = DataDir::hold(&dir.path().join("a/b")).unwrap();
    assert!(held.path().is_absolute());
    assert_eq!(fs::metadata(held.path()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_second_node_is_refused_and_told_who_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let held = DataDir::hold(dir.path()).unwrap();
    let error = DataDir::hold(dir.path()).unwrap_err();
    let SpawnError::InUse { path, holder } = &error else { panic!("{error}") };
    assert_eq!(path, held.path());
    assert!(holder.ends_with(&std::process::id().to_string()), "{holder}");
    assert!(error.to_string().contains("--data-dir"), "{error}");
    drop(held);
    DataDir::hold(dir.path()).unwrap();
}

#[test]
fn what_a_dead_node_left_in_the_lock_file_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("node.lock"), "4194304 and a lot more than a process id").unwrap();
    let _held = DataDir::hold(dir.path()).unwrap();
    let lock = fs::read_to_string(dir.path().join("node.lock")).unwrap();
    assert_eq!(lock.trim(), std::process::id().to_string());
}

#[test]
fn a_holder_without_a_name_is_still_a_holder() {
    let dir = tempfile::tempdir().unwrap();
    let _held = DataDir::hold(dir.path()).unwrap();
    fs::write(dir.path().join("node.lock"), "").unwrap();
    let error = DataDir::hold(dir.path()).unwrap_err();
    assert!(matches!(&error, SpawnError::InUse { holder, .. } if holder == "another node"), "{error}");
}

#[test]
fn a_path_that_cannot_be_a_directory_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = DataDir::hold(&path).unwrap_err();
        assert!(matches!(error, SpawnError::DataDir { .. }), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(error.to_string().contains("--data-dir"), "{error}");
    }
}
