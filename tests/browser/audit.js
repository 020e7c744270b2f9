// Looks over a page as it stands; answers with a sentence for each thing that is wrong.
const found = [];
const isShown = (element) => element.getClientRects().length > 0;
const plain = (text) => (text || "").replace(/\s+/g, " ").trim();
const headings = document.querySelectorAll("h1").length;
if (headings !== 1) found.push(`${headings} headings of the first level, not 1`);
if (!document.documentElement.lang) found.push("no language is named");
if (!plain(document.title)) found.push("there is no title");
if (!document.querySelector("meta[name=viewport]")) found.push("no viewport for telephones");

for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
  const labels = [...(field.labels || [])].map((label) => plain(label.innerText)).join("");
  if (!labels && !plain(field.getAttribute("aria-label"))) {
    found.push(`a field has no name: ${field.outerHTML}`);
  }
}
for (const control of document.querySelectorAll("button, a[href], summary")) {
  const name = plain(control.innerText) || plain(control.getAttribute("aria-label"));
  if (isShown(control) && !name) {
    found.push(`a ${control.localName} has no name: ${control.outerHTML}`);
  }
}
for (const group of document.querySelectorAll("input[type=radio], input[type=checkbox]")) {
  if (!group.closest("fieldset")?.querySelector("legend")) {
    found.push(`a choice has no question: ${group.outerHTML}`);
  }
}

// WCAG 2.2, 2.5.8: 24 by 24 pixels, save for links in a sentence. A label is a part of its choice.
for (const control of document.querySelectorAll("button, a[href], input:not([type=hidden])")) {
  const box = (control.closest("label") || control).getBoundingClientRect();
  const isInSentence = control.localName === "a" && control.closest("p");
  if (isShown(control) && !isInSentence && (box.width < 24 || box.height < 24)) {
    found.push(`a small target, ${box.width} by ${box.height}: ${control.outerHTML}`);
  }
}

// WCAG 2.2, 1.4.3: 4.5 to 1; 3 to 1 for large words.
const parts = (color) => {
  const numbers = color.match(/[\d.]+/g).map(Number);
  return numbers.length < 4 ? [...numbers, 1] : numbers;
};
const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
const light = ([r, g, b]) => {
  const part = (value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};
const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
const ground = (element) => {
  if (!element) return isDark ? [18, 18, 18, 1] : [255, 255, 255, 1];
  const own = parts(getComputedStyle(element).backgroundColor);
  return own[3] === 1 ? own : over(own, ground(element.parentElement));
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const words = plain(walker.currentNode.data);
  if (!words || !isShown(element)) continue;
  const style = getComputedStyle(element);
  const behind = ground(element);
  const [a, b] = [light(over(parts(style.color), behind)), light(behind)];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (contrast < (isLarge ? 3 : 4.5)) {
    found.push(`contrast of ${contrast.toFixed(2)} to 1: ${words}`);
  }
}

// A telephone zooms out of a page that is too wide, so its window is no measure.
const { scrollWidth, clientWidth } = document.documentElement;
const room = Math.min(innerWidth, clientWidth);
if (scrollWidth > room) found.push(`${scrollWidth} pixels, wider than the window of ${room}`);
const elsewhere = "script, iframe, object, embed, link[rel=stylesheet], img[src]";
for (const element of document.querySelectorAll(elsewhere)) {
  const source = element.src || element.href || "";
  if (!source || new URL(source, location).origin !== location.origin) {
    found.push(`something from elsewhere, or a program: ${element.outerHTML}`);
  }
}
return found;
