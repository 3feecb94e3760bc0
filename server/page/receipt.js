// The receipt of an answer: what it claims, a replay by the server, and the commands for one elsewhere.
import * as api from "./api.js";
import { byId, code, copyButton, element } from "./element.js";

// open shows the receipt with a digest.
export async function open(digest) {
  const body = byId("receipt-body");
  body.replaceChildren(element("p", { class: "note" }, "One moment…"));
  byId("receipt").showModal();
  try {
    body.replaceChildren(...show(await api.receipt(digest)));
  } catch (problem) {
    body.replaceChildren(element("p", { class: "differs" }, problem.message));
  }
}

function show({ digest, text }) {
  const { claims, measurements } = JSON.parse(text);
  const turn = claims.turns[0];
  const s = claims.sampling;
  const fields = [
    ["Tokens", `${turn.prompt_ids.length} read, ${turn.output_ids.length} written`],
    ["Drawn", s.temperature === 0 ? "the likeliest each time" : `temperature ${s.temperature}, top p ${s.top_p}, seed ${/"seed":(\d+)/.exec(text)[1]}`],
    ["Hashed", `the logits of ${turn.logits_sha256.length} tokens`],
    ["Model", claims.model.root_sha256.slice(0, 16) + "…"],
    ["On", `${measurements.program.os}/${measurements.program.arch}, ${measurements.executor.used}`],
  ];
  const legend = element("div", { class: "legend facts" });
  for (const [name, value] of fields) legend.append(element("span", {}, name), element("span", { class: "value" }, value));

  const outcome = element("p", { role: "status", id: "replayed" });
  const button = element("button", { type: "button", id: "replay" }, "Replay here");
  button.onclick = async () => {
    button.disabled = true;
    outcome.className = "note";
    outcome.textContent = "Making the answer again…";
    try {
      const r = await api.replay(digest);
      outcome.className = r.same ? "same" : "differs";
      outcome.textContent = r.same ? `The same: ids, text, and the logits of ${r.tokens} tokens, in ${r.seconds.toFixed(1)} s.` : `It differs: ${r.differs}`;
    } catch (problem) {
      outcome.className = "differs";
      outcome.textContent = problem.message;
    }
    button.disabled = false;
  };

  const keyed = api.key.get() ? ` -H "x-api-key: $HELIX_API_KEY"` : "";
  const command = `curl -s${keyed} ${new URL("receipts/" + digest, document.baseURI)} > r.json\nhelix-substrate receipt replay r.json --model MODEL`;
  return [
    element("p", { class: "note" }, "What went in, how tokens were drawn, and a hash of what each was drawn from. Whoever has the model can make this answer again and must get the same."),
    element("p", { class: "digest" }, digest),
    legend,
    element("div", { class: "row" }, button, copyButton(() => text, "Copy receipt")),
    outcome,
    element("h3", {}, "On a machine of your own"),
    code(command, "shell"),
  ];
}
