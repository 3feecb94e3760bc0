// Where the model's memory goes: the plan, and each matrix, held in memory or read from the file for every token.
import * as api from "./api.js";
import { byId, bytes, element } from "./element.js";

const parts = [
  ["resident", "Weights held"],
  ["experts", "Experts held"],
  ["cache", "Keys and values"],
  ["scratch", "Activations"],
  ["buffers", "Blocks being read"],
  ["draft", "Draft model"],
  ["program", "Program and tokenizer"],
];

// open shows the dialog for a model.
export async function open(model) {
  const body = byId("plan-body");
  body.replaceChildren(element("p", { class: "note" }, "One moment…"));
  byId("plan").showModal();
  try {
    body.replaceChildren(...show(await api.plan(model)));
  } catch (problem) {
    body.replaceChildren(element("p", { class: "differs" }, problem.message));
  }
}

function show({ totals, limit, total, context, texts, memory, matrices }) {
  const there = parts.filter(([name]) => totals[name] > 0);
  const bar = element("div", { class: "bar", "aria-hidden": "true" });
  const legend = element("div", { class: "legend" });
  const line = (shade, name, value) => {
    const swatch = element("span", { class: shade ? "swatch" : "swatch none" });
    if (shade) swatch.style.setProperty("--shade", shade);
    legend.append(swatch, element("span", {}, name), element("span", { class: "value" }, value));
  };
  there.forEach(([name, label], i) => {
    const shade = 1 - (0.85 * i) / there.length;
    const piece = element("i");
    piece.style.setProperty("--shade", shade);
    piece.style.flexGrow = totals[name];
    bar.append(piece);
    line(shade, label, bytes(totals[name]));
  });
  line(0, "Planned in all", bytes(total));
  line(0, "Limit", limit > 0 ? bytes(limit) : "none");
  if (memory.peak) line(0, "Held at most so far", bytes(memory.peak));
  line(0, "Context", `${context} tokens`);
  line(0, "Texts under way, waiting, places", `${texts.active}, ${texts.waiting}, ${texts.places}`);

  const held = matrices.filter((m) => m.resident);
  const streamed = matrices.length - held.length;
  const layers = element("div", { class: "layers", role: "img", "aria-label": `${held.length} matrices held, ${streamed} streamed` });
  for (const m of matrices) layers.append(element("span", { class: m.resident ? "held" : "", title: `${m.name}: ${bytes(m.bytes)}, ${m.resident ? "held" : "streamed"}` }));
  const rows = matrices.map((m) => element("tr", {}, element("td", {}, m.name), element("td", {}, m.resident ? "held" : "streamed"), element("td", {}, bytes(m.bytes))));
  const head = element("tr", {}, element("th", { scope: "col" }, "Matrix"), element("th", { scope: "col" }, "Where"), element("th", { scope: "col" }, "Size"));
  return [
    bar,
    legend,
    element("h3", {}, streamed ? `${held.length} of ${matrices.length} matrices are held; ${bytes(totals.streamed)} are read for every token` : `All ${held.length} matrices are held`),
    layers,
    element("details", {}, element("summary", { class: "note" }, "Every matrix"), element("div", { class: "scroll", tabIndex: 0 }, element("table", { class: "matrices" }, element("thead", {}, head), element("tbody", {}, ...rows)))),
  ];
}
