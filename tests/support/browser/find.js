// Finds what a person would mean by some words: a control that can be clicked, or a field.
const [kind, words] = arguments;
const plain = (text) => (text || "").replace(/\s+/g, " ").trim();
const isShown = (element) => element.getClientRects().length > 0;
const named = (element) =>
  [...(element.labels || [])].map((label) => plain(label.innerText)).join(" ") ||
  plain(element.getAttribute("aria-label"));
const controls = "button, a[href], label, summary";
const fields = "input:not([type=hidden]), textarea, select";
const [where, says] =
  kind === "field" ? [fields, named] : [controls, (element) => plain(element.innerText)];
const all = [...document.querySelectorAll(where)].filter(isShown);
return (
  all.find((element) => says(element) === words) ||
  all.find((element) => says(element).startsWith(words)) ||
  all.find((element) => says(element).includes(words)) ||
  null
);
