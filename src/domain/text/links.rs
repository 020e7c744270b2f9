//! Links as twitter-text finds them: with a scheme, or a bare domain that ends in a real TLD.
//!
//! The reference is a regular expression that starts again at every character. Here each stretch
//! of host characters is read once: its first possible start decides for the whole stretch, which
//! is what keeps the time linear.

use super::{punycode, tlds, work};

/// A longer link is plain text.
const LINK_CHARS_MAX: usize = 4096;
/// A longer code behind `t.co/` is plain text.
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
    let mut finder = Finder { chars, floor: 0, links: Vec::new() };
    let mut at = 0;
    while at < chars.len() {
        if let Some(length) = scheme(&chars[at..]).filter(|_| finder.may_start(at)) {
            at = finder.with_scheme(at, at + length);
        } else if is_host(chars[at]) || is_joint(chars[at]) {
            let end = stretch_end(chars, at);
            // The word in front of `://` may belong to a scheme, which the next round reads.
            let word_end = finder.scheme_start(at, end).unwrap_or(end);
            at = finder.bare(at, word_end);
        } else {
            at += 1;
        }
    }
    finder.links
}

struct Finder<'a> {
    chars: &'a [char],
    /// The end of the last match: the character before a link is sought behind it.
    floor: usize,
    links: Vec<Link>,
}

impl Finder<'_> {
    /// A link may start here, as far as the character before tells.
    fn may_start(&self, at: usize) -> bool {
        if at == 0 {
            return true;
        }
        // The reference sees UTF-16: the first half of an astral character precedes the second.
        let is_behind = at > self.floor || u32::from(self.chars[at]) > 0xffff;
        is_behind && may_precede(self.chars[at - 1])
    }

    /// Where a scheme begins inside a stretch: its word stands at the end, as in `é-https://`.
    fn scheme_start(&self, at: usize, end: usize) -> Option<usize> {
        [5, 4].into_iter().find_map(|word| {
            let start = end.checked_sub(word).filter(|start| *start > at)?;
            (scheme(&self.chars[start..]).is_some() && self.may_start(start)).then_some(start)
        })
    }

    /// Reads the link whose scheme begins at `start` and its host at `host`. Returns where to go
    /// on.
    fn with_scheme(&mut self, start: usize, host: usize) -> usize {
        let chars = self.chars;
        let Some(host_end) = host_end(chars, host, stretch_end(chars, host)) else { return host };
        let tail = Tail::read(chars, host_end);
        self.floor = tail.end;
        let mut link = Link { start, end: tail.end, has_scheme: true };
        let name = &chars[host..host_end];
        let is_short = name.iter().map(char::to_ascii_lowercase).eq("t.co".chars());
        if is_short && chars.get(host_end) == Some(&'/') {
            // X's own short links end with their code, whatever else the path holds.
            let code = &chars[host_end + 1..];
            let length = code.iter().take_while(|c| c.is_ascii_alphanumeric()).count();
            work::looked_at(length);
            if length > SHORT_CODE_MAX {
                return tail.end;
            }
            if length > 0 {
                link.end = query_end(chars, host_end + 1 + length);
            }
        }
        if is_host_name(name) && tail.end - start <= LINK_CHARS_MAX {
            self.links.push(link);
        }
        tail.end
    }

    /// Reads the links without a scheme in the stretch from `start` to `end`. Returns where to go
    /// on.
    fn bare(&mut self, start: usize, end: usize) -> usize {
        let chars = self.chars;
        let Some((first, host_end)) = self.first_host(start, end) else { return end };
        let tail = Tail::read(chars, host_end);
        let next = tail.end.max(end);
        let follows_joint = first > self.floor && matches!(chars[first - 1], '.' | '-' | '_' | '/');
        self.floor = tail.end;
        let is_long = tail.end - first > LINK_CHARS_MAX;
        if follows_joint || is_long || !is_host_name(&chars[first..host_end]) {
            return next;
        }
        // Of a host in several scripts the Latin parts are links, one by one; what follows the
        // host belongs to the last of them, but a port or a query alone does not.
        let known = self.links.len();
        latin_hosts(chars, first, host_end, &mut self.links);
        if let Some(last) = self.links.get_mut(known..).and_then(<[Link]>::last_mut)
            && tail.has_path
        {
            last.end = tail.end;
        }
        next
    }

    /// The first host without a scheme in `start..end`: its beginning and its end.
    fn first_host(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let chars = self.chars;
        let is_start = |at: &usize| !is_joint(chars[*at]) && self.may_start(*at);
        let first = (start..end).find(is_start)?;
        // At the beginning of the text, a letter that may precede a host is taken to do so.
        if first == 0 && end > 1 && may_precede(chars[0]) && !is_joint(chars[1]) {
            let shorter = host_end(chars, 1, end).map(|host_end| (1, host_end));
            if shorter.is_some() {
                return shorter;
            }
        }
        host_end(chars, first, end).map(|host_end| (first, host_end))
    }
}

/// The character before a link is none of these.
fn may_precede(c: char) -> bool {
    work::step();
    !c.is_ascii_alphanumeric()
        && !matches!(c, '@' | '＠' | '$' | '#' | '＃' | '\u{fffe}' | '\u{feff}' | '\u{ffff}')
}

/// The length of `http://` or `https://` at the beginning.
fn scheme(chars: &[char]) -> Option<usize> {
    work::step();
    ["https://", "http://"].into_iter().map(str::chars).find_map(|mut scheme| {
        let length = scheme.clone().count();
        let matches = chars
            .iter()
            .take(length)
            .all(|c| scheme.next().is_some_and(|wanted| wanted == c.to_ascii_lowercase()));
        (matches && chars.len() >= length).then_some(length)
    })
}

/// Where the stretch of host characters that begins at `at` ends.
fn stretch_end(chars: &[char], at: usize) -> usize {
    at + chars[at..].iter().take_while(|c| is_host(**c) || is_joint(**c)).count()
}

/// The parts of the host in `start..end` that are domains in Latin letters.
fn latin_hosts(chars: &[char], start: usize, end: usize, links: &mut Vec<Link>) {
    let is_latin = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || is_latin_accent(*c);
    let mut part_start = start;
    let mut found = None;
    let mut label_start = start;
    for at in start..=end {
        let c = chars.get(at).filter(|_| at < end);
        if c.is_some_and(is_latin) {
            continue;
        }
        let is_dot = c == Some(&'.') && at > label_start;
        if is_dot {
            found = tld_end(&chars[..end], at + 1).or(found);
        } else {
            let link = found.map(|end| Link { start: part_start, end, has_scheme: false });
            links.extend(link);
            (part_start, found) = (at + 1, None);
        }
        label_start = at + 1;
    }
}

/// What follows a host: port, path, query.
struct Tail {
    end: usize,
    has_path: bool,
}

impl Tail {
    fn read(chars: &[char], host_end: usize) -> Self {
        let port_end = port_end(chars, host_end);
        let path_end = path_end(chars, port_end);
        Self { end: query_end(chars, path_end), has_path: path_end > port_end }
    }
}

/// Every label fits into the DNS.
fn is_host_name(host: &[char]) -> bool {
    work::looked_at(host.len());
    // What is encoded already cannot hold letters that would have to be.
    if host.starts_with(&['x', 'n', '-', '-']) {
        let mut latin = Vec::new();
        latin_hosts(host, 0, host.len(), &mut latin);
        if latin.is_empty() {
            return false;
        }
    }
    host.split(|c| *c == '.').all(punycode::fits)
}

/// Where the host in `start..end` ends: behind the last label that begins with a TLD.
fn host_end(chars: &[char], start: usize, end: usize) -> Option<usize> {
    let mut found = None;
    let mut label_start = start;
    // Every label is read once, and so is what follows the last dot.
    work::looked_at(end - start);
    while let Some(length) = chars[label_start..end].iter().position(|c| *c == '.') {
        let label = &chars[label_start..label_start + length];
        let is_joined_well = |c: Option<&char>| c.is_some_and(|c| !is_joint(*c));
        if !is_joined_well(label.first()) || !is_joined_well(label.last()) {
            break;
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
    work::looked_at(length);
    let follows = |end: usize| rest.get(end).copied();
    let is_cut_off = |end: usize| {
        let next = rest.get(end);
        !next.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '@' | '+' | '-'))
    };
    if length == 0 {
        let length = tlds::foreign(rest).filter(|length| is_cut_off(*length))?;
        return Some(start + length);
    }
    if length == 2 && follows(2) == Some('-') && follows(3) == Some('-') {
        return punycode_end(rest).map(|length| start + length);
    }
    let is_tld = length <= tlds::LENGTH_MAX && {
        let word: String = rest[..length].iter().map(char::to_ascii_lowercase).collect();
        tlds::is_tld(&word)
    };
    // A short word in front of a letter of the same script, as in `a.comé`, still ends a host.
    (is_cut_off(length) && is_tld).then_some(start + length)
}

fn punycode_end(rest: &[char]) -> Option<usize> {
    let is_marked = matches!(rest, ['x' | 'X', 'n' | 'N', '-', '-', ..]);
    let letters = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '-').count();
    work::looked_at(letters);
    (is_marked && letters > 4).then_some(letters)
}

fn port_end(chars: &[char], at: usize) -> usize {
    if chars.get(at) != Some(&':') {
        return at;
    }
    let digits = chars[at + 1..].iter().take_while(|c| c.is_ascii_digit()).count();
    work::looked_at(digits);
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
    work::looked_at(query);
    let ends = |c: &char| c.is_ascii_alphanumeric() || "-_&=#/".contains(*c);
    let last = chars[at + 1..at + 1 + query].iter().rposition(ends);
    last.map_or(at, |last| at + 1 + last + 1)
}

/// The characters of hosts: anything but blanks, marks of direction and the reference's list of
/// punctuation, which lacks the quotation mark and the backquote.
fn is_host(c: char) -> bool {
    work::step();
    let is_mark = matches!(c,
        '\u{180e}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    let is_punctuation = c.is_ascii_punctuation() && !matches!(c, '"' | '`');
    !(is_mark || is_punctuation || c.is_whitespace())
}

fn is_joint(c: char) -> bool {
    work::step();
    matches!(c, '.' | '-' | '_')
}

fn is_path(c: char) -> bool {
    work::step();
    is_path_end(c) || "!*';:,.$%[]–~@|&".contains(c)
}

fn is_path_end(c: char) -> bool {
    work::step();
    c.is_ascii_alphanumeric()
        || "=_#/+-".contains(c)
        || ('\u{400}'..='\u{4ff}').contains(&c)
        || is_latin_accent(c)
}

fn is_latin_accent(c: char) -> bool {
    work::step();
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
        let table: [(&str, &[&str]); 32] = [
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
            ("sub_domain.example.com a_b.com", &["domain.example.com"]),
            ("日本example.com日本", &["example.com"]),
            ("日本.example.com", &["example.com"]),
            ("http://пример.рф/путь", &["http://пример.рф/путь"]),
            ("http://日本.com .\"example.com", &["http://日本.com"]),
            ("example.xn--p1ai", &["example.xn--p1ai"]),
            ("https://t.co/abc/def", &["https://t.co/abc"]),
            ("main.rs lib.py 1.5 e.g. U.S.", &["main.rs", "lib.py"]),
            ("node.js example.comé", &["example.com"]),
            ("example.com,example.org", &["example.com", "example.org"]),
            ("http://http://example.com", &["http://example.com"]),
            ("é-https://example.com", &["https://example.com"]),
            ("example.com€example.org/a", &["example.com", "example.org/a"]),
            ("ftp://example.com/a,foo.com", &[]),
            ("@example.com/a,foo.com", &["foo.com"]),
            ("http://xn--日本.com http://xn--a.com", &["http://xn--a.com"]),
            ("http://foobar.پاکستان/", &["http://foobar.پاکستان/"]),
            ("example.bananarepublic", &["example.bananarepublic"]),
        ];
        for (text, expected) in table {
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
