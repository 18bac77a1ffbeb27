use super::{Nat, Path, Scope, expected};

/// The whole table, in the order of [`Nat::ALL`]: D is direct, r is relayed.
const TABLE: [(&str, &str); 10] = [
    ("none", "DDDDDDDDDr"),
    ("firewall", "DDDDDDDrrr"),
    ("full-cone", "DDDDDDDDDr"),
    ("address-restricted", "DDDDDDDDDr"),
    ("port-restricted", "DDDDDDDrrr"),
    ("port-shift", "DDDDDDDrrr"),
    ("cgnat-cone", "DDDDDDDrrr"),
    ("symmetric", "DrDDrrrrrr"),
    ("cgnat-symmetric", "DrDDrrrrrr"),
    ("udp-blocked", "rrrrrrrrrr"),
];

#[test]
fn the_table_is_that_of_the_design() {
    for ((name, row), a) in TABLE.iter().zip(Nat::ALL) {
        assert_eq!(a.to_string(), *name);
        for (cell, b) in row.chars().zip(Nat::ALL) {
            let path = if cell == 'D' { Path::Direct } else { Path::Relayed };
            assert_eq!(expected(a, b), path, "{a} and {b}");
            assert_eq!(expected(b, a), path, "{b} and {a}: whichever starts");
        }
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    for nat in Nat::ALL {
        assert_eq!(nat.to_string().parse(), Ok(nat));
        assert_eq!(serde_json::to_value(nat).unwrap(), nat.to_string());
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = "fullcone".parse::<Nat>().unwrap_err().to_string();
    assert!(error.contains("\"fullcone\"") && error.contains("full-cone, address-restricted"), "{error}");
}

#[test]
fn each_pair_is_listed_once() {
    let pairs: Vec<_> = Nat::pairs().collect();
    assert_eq!(pairs.len(), 55);
    assert!(pairs.iter().all(|(a, b)| a == b || !pairs.contains(&(*b, *a))));
}

/// Only the order of the two carriers and of the blocked one is the same for a UDP probe: each of the others must be
/// told from all the rest by what it does.
#[test]
fn behaviours_tell_kinds_apart() {
    let alike =
        [(Nat::PortRestricted, Nat::CgnatCone), (Nat::Symmetric, Nat::CgnatSymmetric)].map(|(a, b)| [(a, b), (b, a)]);
    for a in Nat::ALL {
        for b in Nat::ALL {
            let same = a == b || alike.as_flattened().contains(&(a, b));
            assert_eq!(a.behaviour() == b.behaviour(), same, "{a} and {b}");
        }
    }
}

#[test]
fn only_symmetric_kinds_choose_ports_by_destination() {
    for nat in Nat::ALL {
        let by_destination = nat.behaviour().tcp.unwrap().mapping == Scope::AddressAndPortDependent;
        assert_eq!(by_destination, matches!(nat, Nat::Symmetric | Nat::CgnatSymmetric), "{nat}");
    }
}
