use super::response;

#[test]
fn a_binding_request_is_answered_with_where_it_came_from() {
    let transaction: Vec<u8> = (1..=16).collect();
    let request = [&[0, 1, 0, 0][..], &transaction].concat();
    let from = "203.0.113.7:258".parse().unwrap();
    let expected = [&[1, 1, 0, 12][..], &transaction, &[0, 1, 0, 8, 0, 1, 1, 2, 203, 0, 113, 7]].concat();
    assert_eq!(response(&request, from), Some(expected));
}

#[test]
fn nothing_else_is_answered() {
    let from = "203.0.113.7:258".parse().unwrap();
    assert_eq!(response(&[], from), None);
    assert_eq!(response(&[0, 1, 0, 0, 1, 2, 3], from), None, "cut short");
    assert_eq!(response(&[0xff; 20], from), None, "another kind");
    assert_eq!(
        response(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "[2001:db8::1]:1".parse().unwrap()),
        None
    );
}
