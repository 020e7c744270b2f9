//! Links as twitter-text finds them: with a scheme, or a bare domain that ends in a real TLD.
//!
//! One pass from left to right. A stretch without a valid TLD is given up as a whole, never tried
//! again from its next character, which is what keeps the time linear.

use super::tlds;

/// Longer links and host labels are plain text.
const LINK_CHARS_MAX: usize = 4096;
const LABEL_CHARS_MAX: usize = 63;
/// Longer codes behind `t.co/` are plain text.
const SHORT_CODE_MAX: usize = 40;

/// A link: the positions of its first character and of the one behind its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub start: usize,
    pub end: usize,
    pub has_scheme: bool,
}

/// Every link, in order, without overlaps.
pub(super) fn find(chars: &[char]) -> Vec<Link> {
    let mut links = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let before = at.checked_sub(1).map(|i| chars[i]);
        if let Some(length) = scheme(&chars[at..]).filter(|_| may_precede(before)) {
            let link = with_scheme(chars, at, at + length);
            at = link.map_or(at + length, |link| link.end);
            links.extend(link);
        } else if is_bare(chars[at]) {
            let end = at + chars[at..].iter().take_while(|c| is_bare(**c)).count();
            // `https` in front of `://` belongs to the scheme that the next round reads.
            let word_end = scheme_start(chars, at, end).unwrap_or(end);
            let link = bare(chars, at, word_end, before);
            at = link.map_or(word_end.max(at + 1), |link| link.end.max(word_end));
            links.extend(link);
        } else {
            at += 1;
        }
    }
    links
}

/// The length of `http://` or `https://` at the beginning.
fn scheme(chars: &[char]) -> Option<usize> {
    ["https://", "http://"].into_iter().map(str::chars).find_map(|mut scheme| {
        let length = scheme.clone().count();
        let matches = chars
            .iter()
            .take(length)
            .all(|c| scheme.next().is_some_and(|wanted| wanted == c.to_ascii_lowercase()));
        (matches && chars.len() >= length).then_some(length)
    })
}

/// Where a scheme begins inside a bare stretch: its word stands at the end, as in `é-https://`.
fn scheme_start(chars: &[char], at: usize, end: usize) -> Option<usize> {
    [5, 4].into_iter().find_map(|word| {
        let start = end.checked_sub(word).filter(|start| *start > at)?;
        let fits = scheme(&chars[start..]).is_some() && may_precede(Some(chars[start - 1]));
        fits.then_some(start)
    })
}

fn may_precede(before: Option<char>) -> bool {
    before.is_none_or(|c| {
        !c.is_ascii_alphanumeric()
            && !matches!(c, '@' | '＠' | '$' | '#' | '＃' | '\u{fffe}' | '\u{feff}' | '\u{ffff}')
    })
}

/// A link whose host begins at `host`, behind the scheme.
fn with_scheme(chars: &[char], start: usize, host: usize) -> Option<Link> {
    let length = chars[host..].iter().take_while(|c| is_host(**c)).count();
    let host_end = host_end(chars, host, host + length)?;
    let port_end = port_end(chars, host_end);
    let name: String = chars[host..host_end].iter().collect();
    let end = if name.eq_ignore_ascii_case("t.co") && chars.get(port_end) == Some(&'/') {
        short_link_end(chars, port_end)?
    } else {
        query_end(chars, path_end(chars, port_end))
    };
    (end - start <= LINK_CHARS_MAX).then_some(Link { start, end, has_scheme: true })
}

/// X's own short links end with their code, whatever follows.
fn short_link_end(chars: &[char], slash: usize) -> Option<usize> {
    let code = &chars[slash + 1..];
    let length = code.iter().take_while(|c| c.is_ascii_alphanumeric()).count();
    (length <= SHORT_CODE_MAX).then_some(slash + 1 + length)
}

/// A link without a scheme in the stretch of domain characters from `start` to `end`.
fn bare(chars: &[char], start: usize, end: usize, before: Option<char>) -> Option<Link> {
    let lead = chars[start..end].iter().take_while(|c| is_joint(**c)).count();
    // Behind a letter of another script, as in `日本.example.com`, the dot is the host's own.
    let follows_host = before.is_some_and(|c| !c.is_ascii() && is_host(c));
    if lead > 0 && !follows_host || !may_precede(before) || before == Some('/') {
        return None;
    }
    let host_end = host_end(chars, start + lead, end)?;
    let port_end = port_end(chars, host_end);
    // A port or a query alone does not count as part of a link without a scheme.
    let end = if chars.get(port_end) == Some(&'/') {
        query_end(chars, path_end(chars, port_end))
    } else {
        host_end
    };
    let link = Link { start: start + lead, end, has_scheme: false };
    (end - link.start <= LINK_CHARS_MAX).then_some(link)
}

/// Where the host in `start..end` ends: behind the last label that begins with a TLD.
fn host_end(chars: &[char], start: usize, end: usize) -> Option<usize> {
    let mut found = None;
    let mut label_start = start;
    while let Some(length) = chars[label_start..end].iter().position(|c| *c == '.') {
        let label = &chars[label_start..label_start + length];
        let is_joined_well = |c: Option<&char>| c.is_some_and(|c| !is_joint(*c));
        if !is_joined_well(label.first()) || !is_joined_well(label.last()) {
            break;
        }
        if length > LABEL_CHARS_MAX {
            return None;
        }
        let dot = label_start + length;
        if !label.contains(&'_') {
            found = tld_end(chars, dot + 1).or(found);
        }
        label_start = dot + 1;
    }
    found
}

/// Where the TLD that begins at `start` ends, when there is one.
fn tld_end(chars: &[char], start: usize) -> Option<usize> {
    let rest = &chars[start..];
    let length = rest.iter().take_while(|c| c.is_ascii_alphanumeric()).count();
    let follows = |end: usize| rest.get(end).copied();
    if length == 0 {
        return tlds::foreign(rest).map(|length| start + length);
    }
    if length == 2 && follows(2) == Some('-') && follows(3) == Some('-') {
        return punycode_end(rest).map(|length| start + length);
    }
    let is_cut_off = !matches!(follows(length), Some('@' | '+' | '-'));
    let is_tld = length <= tlds::LENGTH_MAX && {
        let word: String = rest[..length].iter().map(char::to_ascii_lowercase).collect();
        tlds::is_tld(&word)
    };
    // A short word in front of a letter of the same script, as in `a.comé`, still ends a host.
    (is_cut_off && is_tld).then_some(start + length)
}

fn punycode_end(rest: &[char]) -> Option<usize> {
    let is_marked = matches!(rest, ['x' | 'X', 'n' | 'N', '-', '-', ..]);
    let letters = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '-').count();
    (is_marked && letters > 4).then_some(letters)
}

fn port_end(chars: &[char], at: usize) -> usize {
    if chars.get(at) != Some(&':') {
        return at;
    }
    let digits = chars[at + 1..].iter().take_while(|c| c.is_ascii_digit()).count();
    if digits == 0 { at } else { at + 1 + digits }
}

/// Where the path that begins at `at` ends; `at` itself when there is none.
fn path_end(chars: &[char], at: usize) -> usize {
    if chars.get(at) != Some(&'/') {
        return at;
    }
    let mut end = at + 1;
    let mut next = at + 1;
    while let Some(c) = chars.get(next) {
        if *c == '(' {
            let Some(closed) = parens_end(chars, next) else { break };
            (next, end) = (closed, closed);
        } else if is_path(*c) {
            next += 1;
            if is_path_end(*c) {
                end = next;
            }
        } else {
            break;
        }
    }
    end
}

/// Where the parentheses that open at `open` are closed, with at most one pair inside.
fn parens_end(chars: &[char], open: usize) -> Option<usize> {
    let mut depth = 0;
    for (index, c) in chars.iter().enumerate().skip(open) {
        match c {
            '(' if depth == 2 => return None,
            '(' => depth += 1,
            ')' if depth == 1 => return (index > open + 1).then_some(index + 1),
            ')' => depth -= 1,
            c if is_path(*c) => {}
            _ => return None,
        }
    }
    None
}

fn query_end(chars: &[char], at: usize) -> usize {
    if chars.get(at) != Some(&'?') {
        return at;
    }
    let is_query = |c: &char| c.is_ascii_alphanumeric() || "!?*'@();:&=+$/%#[]-_.,~|".contains(*c);
    let query = chars[at + 1..].iter().take_while(|c| is_query(c)).count();
    let ends = |c: &char| c.is_ascii_alphanumeric() || "-_&=#/".contains(*c);
    let last = chars[at + 1..at + 1 + query].iter().rposition(ends);
    last.map_or(at, |last| at + 1 + last + 1)
}

/// The characters of hosts without a scheme.
fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_joint(c) || is_latin_accent(c)
}

/// The characters of hosts behind a scheme: anything but blanks, marks and ASCII punctuation.
fn is_host(c: char) -> bool {
    let is_mark = matches!(c,
        '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{61c}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    is_bare(c) || !(c.is_ascii() || c.is_whitespace() || c.is_control() || is_mark)
}

fn is_joint(c: char) -> bool {
    matches!(c, '.' | '-' | '_')
}

fn is_path(c: char) -> bool {
    is_path_end(c) || "!*';:,.$%[]–~@|&".contains(c)
}

fn is_path_end(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "=_#/+-".contains(c)
        || ('\u{400}'..='\u{4ff}').contains(&c)
        || is_latin_accent(c)
}

fn is_latin_accent(c: char) -> bool {
    matches!(c,
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{24f}' | '\u{253}' | '\u{254}'
        | '\u{256}' | '\u{257}' | '\u{259}' | '\u{25b}' | '\u{263}' | '\u{268}' | '\u{26f}'
        | '\u{272}' | '\u{289}' | '\u{28b}' | '\u{2bb}' | '\u{300}'..='\u{36f}'
        | '\u{1e00}'..='\u{1eff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        find(&chars).into_iter().map(|l| chars[l.start..l.end].iter().collect()).collect()
    }

    #[test]
    fn links_end_where_the_reference_ends_them() {
        let table: [(&str, &[&str]); 26] = [
            ("see https://example.com/a?b=c.", &["https://example.com/a?b=c"]),
            ("(http://example.com/a_(b)_c)", &["http://example.com/a_(b)_c"]),
            ("http://example.com/(((a", &["http://example.com/"]),
            ("HTTPS://EXAMPLE.COM", &["HTTPS://EXAMPLE.COM"]),
            ("http://localhost/a", &[]),
            ("ftp://example.com", &[]),
            ("xhttp://example.com", &[]),
            ("example.com:80 example.com:80/a", &["example.com", "example.com:80/a"]),
            ("example.com?a=b", &["example.com"]),
            ("a@example.com first.name@example.com", &[]),
            ("@example.com #example.com $example.com", &[]),
            ("..example.com -example.com", &[]),
            ("example.com.notatld", &["example.com"]),
            ("example.com-a example.com_a", &["example.com"]),
            ("sub_domain.example.com a_b.com", &["sub_domain.example.com"]),
            ("日本example.com日本", &["example.com"]),
            ("日本.example.com", &["example.com"]),
            ("http://пример.рф/путь", &["http://пример.рф/путь"]),
            ("http://日本.com", &["http://日本.com"]),
            ("example.xn--p1ai", &["example.xn--p1ai"]),
            ("https://t.co/abc/def", &["https://t.co/abc"]),
            ("main.rs lib.py 1.5 e.g. U.S.", &["main.rs", "lib.py"]),
            ("node.js example.comé", &["example.com"]),
            ("example.com,example.org", &["example.com", "example.org"]),
            ("http://http://example.com", &["http://example.com"]),
            ("é-https://example.com", &["https://example.com"]),
        ];
        for (text, expected) in table {
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
