"use strict";
// Elements. Every text of the server becomes a text node: it is never read as HTML.

const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\u{e0000}-\u{e007f}]/gu;

// A text as people see it: characters that hide something or turn the direction of writing are spelled out.
function shown(value) {
  return String(value).replace(HIDDEN, (one) => `\u27e8U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`);
}

function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && !name.startsWith("aria-")) made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

// A text of the server, in a direction of its own.
function said(value, properties = {}, tag = "span") {
  return el(tag, { dir: "auto", ...properties }, shown(value));
}

function asJson(value) {
  return el("pre", { tabIndex: 0 }, shown(JSON.stringify(value, null, 2)));
}

function more(title, ...children) {
  return el("details", { className: "more" }, el("summary", {}, title), ...children);
}

function problem(text) {
  return said(text, { className: "problem", role: "alert" }, "div");
}

let ids = 0;
function newId() {
  return `x${++ids}`;
}

function announce(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = "";
  setTimeout(() => { announcer.textContent = text; }, 50);
}

// A text to copy, with a button for it.
function copyable(text, what) {
  const code = el("pre", { tabIndex: 0, dir: "ltr" }, shown(text));
  const button = el("button", { type: "button", "aria-label": `Copy ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      announce(`Copied ${what}`);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      code.focus();
      announce(`${what} is selected: copy it with your keyboard`);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  return el("div", { className: "copyable" }, code, button);
}
