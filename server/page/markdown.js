// Markdown as models write it, made into elements: headings, lists, quotes, code, tables, emphasis, links. HTML in it is text. Pictures are links,
// so that no text makes the browser ask anybody for anything.
import { code, element } from "./element.js";

const fence = /^ {0,3}(```+|~~~+)\s*([\w+#.-]*)/;
const heading = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const rule = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
const item = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const quote = /^ {0,3}>\s?/;
const divider = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const deepest = 12; // of blocks and of emphasis within each other

// render returns a fragment of the text's blocks.
export function render(text) {
  const out = document.createDocumentFragment();
  blocks(text.replace(/\r\n?/g, "\n").split("\n"), out, 0);
  return out;
}

function blocks(lines, out, depth) {
  for (let i = 0; i < lines.length; ) {
    const line = lines[i];
    let found;
    if (!line.trim()) {
      i++;
    } else if ((found = fence.exec(line))) {
      const end = new RegExp(`^ {0,3}${found[1][0]}{${found[1].length},}\\s*$`);
      const inner = [];
      for (i++; i < lines.length && !end.test(lines[i]); i++) inner.push(lines[i]);
      i++;
      out.append(code(inner.join("\n"), found[2]));
    } else if ((found = heading.exec(line))) {
      const h = element("h" + Math.min(4, found[1].length));
      inline(found[2], h, 0);
      out.append(h);
      i++;
    } else if (rule.test(line)) {
      out.append(element("hr"));
      i++;
    } else if (quote.test(line) && depth < deepest) {
      const inner = [];
      for (; i < lines.length && quote.test(lines[i]); i++) inner.push(lines[i].replace(quote, ""));
      const q = element("blockquote");
      blocks(inner, q, depth + 1);
      out.append(q);
    } else if (item.test(line) && depth < deepest) {
      i = list(lines, i, out, depth);
    } else if (line.includes("|") && i + 1 < lines.length && lines[i + 1].includes("-") && divider.test(lines[i + 1])) {
      i = table(lines, i, out);
    } else {
      const text = [];
      do text.push(lines[i++].trim());
      while (i < lines.length && lines[i].trim() && !begins(lines[i]));
      const p = element("p");
      inline(text.join("\n"), p, 0);
      out.append(p);
    }
  }
}

const begins = (line) => fence.test(line) || heading.test(line) || rule.test(line) || quote.test(line) || item.test(line);

// list makes a list of the items from line i on; what is indented below an item belongs to it. It returns the first line after.
function list(lines, i, out, depth) {
  const [, indent, mark] = item.exec(lines[i]);
  const ordered = /\d/.test(mark);
  const made = ordered ? element("ol", { start: parseInt(mark, 10) }) : element("ul");
  while (i < lines.length) {
    const found = item.exec(lines[i]);
    if (!found || found[1].length > indent.length + 1 || found[1].length < indent.length || /\d/.test(found[2]) !== ordered) break;
    const inner = [found[3]];
    for (i++; i < lines.length; i++) {
      const inside = lines[i].search(/\S/) > indent.length;
      if (lines[i].trim() ? !inside && begins(lines[i]) : !(i + 1 < lines.length && lines[i + 1].search(/\S/) > indent.length)) break;
      inner.push(lines[i].slice(Math.min(lines[i].search(/\S|$/), indent.length + found[2].length + 1)));
    }
    const li = element("li");
    if (inner.length === 1) inline(inner[0], li, 0);
    else blocks(inner, li, depth + 1);
    if (li.firstChild?.nodeName === "P" && !inner.some((l) => !l.trim())) li.firstChild.replaceWith(...li.firstChild.childNodes);
    made.append(li);
    while (i + 1 < lines.length && !lines[i].trim() && item.test(lines[i + 1])) i++;
  }
  out.append(made);
  return i;
}

function table(lines, i, out) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((c) => c.trim());
  const row = (line, name) => {
    const tr = element("tr");
    for (const c of cells(line)) {
      const cell = element(name);
      inline(c, cell, 0);
      tr.append(cell);
    }
    return tr;
  };
  const body = element("tbody");
  const made = element("table", {}, element("thead", {}, row(lines[i], "th")), body);
  for (i += 2; i < lines.length && lines[i].includes("|"); i++) body.append(row(lines[i], "td"));
  out.append(element("div", { class: "table" }, made));
  return i;
}

const spans = [
  [/^(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/, (m) => element("code", {}, m[2].replace(/\n/g, " "))],
  [/^\*\*(?=\S)([\s\S]*?\S)\*\*/, (m, depth) => within("strong", m[1], depth)],
  [/^__(?=\S)([\s\S]*?\S)__(?!\w)/, (m, depth) => within("strong", m[1], depth)],
  [/^~~(?=\S)([\s\S]*?\S)~~/, (m, depth) => within("del", m[1], depth)],
  [/^\*(?=[^\s*])([\s\S]*?[^\s*])\*(?!\*)/, (m, depth) => within("em", m[1], depth)],
  [/^_(?=[^\s_])([\s\S]*?[^\s_])_(?!\w)/, (m, depth) => within("em", m[1], depth)],
  [/^!?\[([^\]\n]{0,500})\]\((https?:\/\/[^\s)]{1,2000})(?:\s+"[^"\n]*")?\)/, (m, depth) => link(m[2], m[1], depth)],
  [/^https?:\/\/[^\s<>"')\]]{1,2000}[^\s<>"')\].,;:!?]/, (m) => link(m[0], "", deepest)],
];

// inline makes the elements within a block. What no mark closes is text.
function inline(text, out, depth) {
  let plain = "";
  const flush = () => {
    if (plain) out.append(plain);
    plain = "";
  };
  for (let i = 0; i < text.length; ) {
    const c = text[i];
    if (c === "\\" && /[!-/:-@[-`{-~]/.test(text[i + 1] ?? "")) {
      plain += text[i + 1];
      i += 2;
      continue;
    }
    const word = i > 0 && /\w/.test(text[i - 1]);
    let made = null;
    if ("`*_~![h".includes(c) && depth < deepest && !(word && (c === "_" || c === "h"))) {
      const rest = text.slice(i, i + 4000);
      for (const [pattern, make] of spans) {
        const m = pattern.exec(rest);
        if (m) {
          made = make(m, depth);
          i += m[0].length;
          break;
        }
      }
    }
    if (made) {
      flush();
      out.append(made);
    } else {
      plain += c;
      i++;
    }
  }
  flush();
}

function within(name, text, depth) {
  const e = element(name);
  inline(text, e, depth + 1);
  return e;
}

function link(href, text, depth) {
  const a = element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" });
  if (text) inline(text, a, depth + 1);
  else a.append(href);
  return a;
}
