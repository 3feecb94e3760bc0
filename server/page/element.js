// Elements are made here, and only from text: nothing that a model or a server says is ever read as HTML.

// element returns <name> with properties (class, hidden, onclick, …; what has a dash or is "role" or "for" is an attribute) and children, nodes or texts.
export function element(name, properties = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") e.className = value;
    else if (key.includes("-") || key === "role" || key === "for") e.setAttribute(key, value);
    else e[key] = value;
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

export const byId = (id) => document.getElementById(id);

// bytes writes a size.
export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${i && n < 10 ? n.toFixed(2) : i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

// copy puts a text on the clipboard, also where the page came over plain HTTP from another machine.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element("textarea", { value: text, class: "hidden" });
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

// code shows lines of a language, with what copies them.
export function code(text, language = "") {
  const head = element("div", { class: "head" }, element("span", {}, language), copyButton(() => text));
  return element("div", { class: "code" }, head, element("pre", { tabIndex: 0 }, element("code", {}, text)));
}

// copyButton copies what text() returns.
export function copyButton(text, label = "Copy") {
  const button = element("button", { type: "button", class: "quiet copy" }, label);
  button.onclick = async () => {
    await copy(text());
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1500);
  };
  return button;
}
