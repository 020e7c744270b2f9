//! How long a host label becomes in ASCII (RFC 3492). Only the length matters: twitter-text takes
//! no link whose label is longer than the DNS allows.

/// The longest label of the DNS.
const LABEL_MAX: usize = 63;
/// In front of every encoded label.
const PREFIX_LENGTH: usize = 4;

/// The parameters of RFC 3492, section 5.
const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const BIAS_FIRST: u32 = 72;
const POINT_FIRST: u32 = 128;

/// The label fits into the DNS. A label longer than that in characters is not encoded at all, so
/// the time is bounded.
pub(super) fn fits(label: &[char]) -> bool {
    if label.len() > LABEL_MAX {
        return false;
    }
    // The ideographic full stops part labels as the ASCII one does.
    let parts = label.split(|c| matches!(c, '。' | '．' | '｡'));
    let length: usize = parts.map(|part| encoded_length(part) + 1).sum();
    length - 1 <= LABEL_MAX
}

fn encoded_length(part: &[char]) -> usize {
    let basic = part.iter().filter(|c| c.is_ascii()).count();
    if basic == part.len() {
        return basic;
    }
    // A hyphen stands between the ASCII characters and the digits of the others.
    let mut length = PREFIX_LENGTH + basic + usize::from(basic > 0);
    let mut points: Vec<u32> = part.iter().filter(|c| !c.is_ascii()).map(|c| *c as u32).collect();
    points.sort_unstable();
    points.dedup();
    let (mut delta, mut handled, mut bias, mut from) = (0_u32, basic, BIAS_FIRST, POINT_FIRST);
    for point in points {
        // At most 63 characters below 0x110000 each: no overflow.
        delta += (point - from) * (handled as u32 + 1);
        let mut seen = handled;
        for c in part.iter().map(|c| *c as u32) {
            if c < point {
                delta += 1;
            } else if c == point {
                length += digits(delta, bias);
                bias = adapt(delta, seen as u32 + 1, seen == basic);
                delta = 0;
                seen += 1;
            }
        }
        handled = seen;
        delta += 1;
        from = point + 1;
    }
    length
}

/// How many digits a number has with this bias.
fn digits(mut number: u32, bias: u32) -> usize {
    let mut count = 1;
    for k in (BASE..).step_by(BASE as usize) {
        let t = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if number < t {
            break;
        }
        number = (number - t) / (BASE - t);
        count += 1;
    }
    count
}

fn adapt(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_known_labels() {
        let table = [
            ("example", "example"),
            ("bücher", "xn--bcher-kva"),
            ("рф", "xn--p1ai"),
            ("한국", "xn--3e0b707e"),
            ("中国", "xn--fiqs8s"),
            ("パフィーdeルンバ", "xn--de-jg4avhby1noc0d"),
        ];
        for (label, encoded) in table {
            let chars: Vec<char> = label.chars().collect();
            assert_eq!(encoded_length(&chars), encoded.len(), "{label}");
        }
        assert!(fits(&['a'; 63]) && !fits(&['a'; 64]) && !fits(&['日'; 63]));
    }
}
