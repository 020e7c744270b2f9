//! What a poller that wakes at each full minute would have made of the same due times.

/// A minute, in milliseconds.
const MINUTE: i64 = 60_000;

/// How late each of these jobs would start, in milliseconds: at each full minute the poller takes
/// all that is due and starts so many of them a second, or all at once. It passes over a minute
/// in which it is still busy. Instants are milliseconds since 1970, in order.
pub fn late_ms(due_ms: &[i64], per_s: Option<f64>) -> Vec<f64> {
    let each = per_s.map_or(0.0, |per_s| 1_000.0 / per_s.max(f64::MIN_POSITIVE));
    let mut late = Vec::with_capacity(due_ms.len());
    let mut free_at = i64::MIN;
    let mut rest = due_ms;
    while let Some(first) = rest.first() {
        let wakes_at = next_minute(free_at.max(*first));
        let taken = rest.partition_point(|due| *due <= wakes_at);
        let (now, later) = rest.split_at(taken);
        let start = |place: usize| wakes_at as f64 + place as f64 * each;
        late.extend(now.iter().enumerate().map(|(place, due)| start(place) - *due as f64));
        free_at = start(taken).ceil() as i64;
        rest = later;
    }
    late
}

/// The first full minute that is not before this instant.
fn next_minute(at: i64) -> i64 {
    at.div_euclid(MINUTE) * MINUTE + if at.rem_euclid(MINUTE) == 0 { 0 } else { MINUTE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_waits_for_the_minute_to_be_full() {
        assert_eq!(
            late_ms(&[0, 1, 30_000, 59_999, 60_000], None),
            [0.0, 59_999.0, 30_000.0, 1.0, 0.0]
        );
        assert!(late_ms(&[], None).is_empty());
    }

    #[test]
    fn a_backlog_is_started_one_after_the_other_and_a_busy_minute_is_passed_over() {
        // Two a second: the second one starts half a second after the first.
        assert_eq!(late_ms(&[59_000, 59_000], Some(2.0)), [1_000.0, 1_500.0]);
        // Of a hundred and twenty-two it is busy until 61 s after the minute.
        let mut due = vec![60_000; 122];
        due.push(120_000);
        assert_eq!(late_ms(&due, Some(2.0)).last(), Some(&60_000.0));
    }
}
