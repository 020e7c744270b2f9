// Writes `reference.json`, the lengths that X's own library gives to texts of all kinds:
//   npm install twitter-text@3.1.0 && node reference.js > reference.json
// The texts are drawn by a fixed seed, so that a run tells what has changed.
'use strict';
const { parseTweet } = require('twitter-text');

const TEXTS = 2500;
const words = [
  'hello', 'Grüße', 'naïve', 'señor', 'Łódź', 'İstanbul', 'привет', 'Київ', 'γειά', 'שלום', 'مرحبا',
  'سلام', 'हिन्दी', 'क्\u200dष', 'বাংলা', 'தமிழ்', 'ไทย', 'ລາວ', 'မြန်မာ', 'ខ្មែរ', 'ქართული', 'հայերեն',
  '日本語', 'カタカナ', '中文', '한국어', '한글', 'አማርኛ', '𠮷野家', '𝒳', 'e\u0301', 'a\u0301\u0323\u0302', 'ﬁ',
  '…', '—', '“quoted”', '€5', '½', '™', '№', '1,000.50', '#tag', '#日本', '$AAPL', '@user', '@user/list',
  'user@example.com', 'first.last@mail.co.uk', '\u200e', '\u200f', '\u202a', '\u2066', '\u2069', '\u200b',
  '\u200d', '\u00ad', '\ufffd', '\ue000', '\u{10ffff}', '\u{1f1e6}', '\ufe0f', '\u20e3',
];
const links = [
  'http://example.com', 'https://example.com/', 'https://example.com/a/b?c=d&e=f#g', 'example.com',
  'example.com/path', 'www.example.co.uk', 'sub.domain.example.org:8080/x', 'README.md', 'lib.rs', 'foo.notatld',
  'https://t.co/abcDEF123', 't.co/abc', 'http://日本.com/', 'http://пример.рф/путь', 'example.みんな',
  'example.xn--p1ai', 'https://en.wikipedia.org/wiki/A_(b)', 'http://a.b', '1.2.3.4', 'http://1.2.3.4/',
  'ftp://example.com', 'http://localhost/x', 'https://x.com/user/status/1', 'a.b.c.d.com', 'example.com.',
  'HTTP://EXAMPLE.COM', 'https://example.com/%20/ü', 'https://', 'http:/example.com', '.com', 'com',
  'a_b.example.com', '-example.com', 'example-.com', 'exa--mple.com',
];
// Emoji that the library of 2020 knows; a newer one it counts by its parts.
const emoji = [
  '😀', '👍🏽', '❤️', '❤', '☺️', '1️⃣', '#️⃣', '*️⃣', '👨‍👩‍👧‍👦', '👩🏽‍💻', '🏳️‍🌈', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '🇯🇵', '🤷‍♀️', '✌🏿', '⌚', '▶️',
];
const joints = ['', ' ', '  ', '\n', ',', '.', '!', '?', ':', ';', '/', '-', '_', '(', ')', '[', '"', "'", '…', '@', '#', '、', '。', '　'];

let state = 20261125;
const draw = (list) => {
  // The generator of Park and Miller: enough to be varied, and the same everywhere.
  state = (state * 48271) % 2147483647;
  return list[state % list.length];
};
const seen = new Set(['', ' ', ...words, ...links, ...emoji]);
while (seen.size < TEXTS) {
  let text = '';
  for (let parts = draw([1, 2, 2, 3, 3, 4, 5, 6]); parts > 0; parts -= 1) {
    text += draw(joints) + draw(draw([words, words, links, links, emoji])) + draw(joints);
  }
  seen.add(text);
}
const lines = [...seen].map((text) => JSON.stringify([text, parseTweet(text).weightedLength]));
process.stdout.write(`[\n${lines.join(',\n')}\n]\n`);
