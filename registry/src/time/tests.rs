//! Time saturates at both ends.

use super::*;

#[test]
fn sums_and_differences_saturate() {
    assert_eq!(Time(1_500) + Duration::from_micros(2_900), Time(1_502));
    assert_eq!(Time(5) + Duration::MAX, Time::NEVER);
    assert_eq!(Time(5_000).since(Time(2_000)), Duration::from_secs(3));
    assert_eq!(Time(2_000).since(Time(5_000)), Duration::ZERO);
}
