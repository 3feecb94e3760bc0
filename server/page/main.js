// The page: one conversation at a time, of those that the browser keeps.
import * as answer from "./answer.js";
import * as api from "./api.js";
import { byId, element } from "./element.js";
import * as history from "./history.js";
import * as message from "./message.js";
import * as plan from "./plan.js";
import * as receipt from "./receipt.js";
import * as settings from "./settings.js";

const log = byId("log");
const prompt = byId("prompt");
const select = byId("model");
const chats = new Map(); // whether a model has a chat template, by its name

let conversation = history.begin();
let stopping = null; // of the answer under way

// The list of conversations.

async function list() {
  const items = (await history.all()).map((c) => {
    const open = element("button", { type: "button", class: "conversation", title: c.title, onclick: () => show(c) }, c.title);
    if (c.id === conversation.id) open.setAttribute("aria-current", "true");
    const remove = element("button", { type: "button", class: "delete", "aria-label": `Delete ${c.title}`, onclick: () => forget(c) }, "✕");
    return element("li", { class: c.id === conversation.id ? "open" : "" }, open, remove);
  });
  byId("conversations").replaceChildren(...items);
}

async function forget(c) {
  await history.remove(c.id);
  if (c.id === conversation.id) show(history.begin());
  else list();
}

function show(c) {
  stopping?.abort();
  conversation = c;
  sidebar(false);
  problem("");
  paint();
  list();
  prompt.focus();
}

function paint() {
  if (conversation.messages.length === 0) {
    log.replaceChildren(element("div", { class: "greeting" }, element("h1", {}, "What shall we talk about?"), element("p", {}, "Every answer has a receipt, and can be made again, bit for bit.")));
    return;
  }
  const last = conversation.messages.length - 1;
  log.replaceChildren(...conversation.messages.map((m, i) => message.show(m, actions(i === last))));
  log.scrollTop = log.scrollHeight;
}

const actions = (last) => ({ regenerate: last ? regenerate : null, receipt: receipt.open });

// Answers.

async function send() {
  const text = prompt.value;
  if (!text.trim() || stopping) return;
  prompt.value = "";
  conversation.messages.push({ role: "user", text });
  if (conversation.messages.length === 1) conversation.title = text.trim().replace(/\s+/g, " ").slice(0, 60);
  await ask();
}

async function regenerate() {
  if (stopping || conversation.messages.at(-1)?.role !== "assistant") return;
  conversation.messages.pop();
  await ask();
}

// ask has the conversation's next message made.
async function ask() {
  const asked = conversation;
  const made = { role: "assistant", text: "" };
  problem("");
  paint();
  const article = message.show(made, actions(false));
  article.querySelector(".under").replaceChildren();
  article.setAttribute("aria-busy", "true");
  log.append(article);
  log.scrollTop = log.scrollHeight;
  stopping = new AbortController();
  busy(true);
  await history.put(asked); // should the page be left before there is an answer
  let drawn = 0;
  const draw = () => {
    drawn = 0;
    const below = log.scrollHeight - log.scrollTop - log.clientHeight < 80; // the reader has not gone up
    message.update(article, made);
    if (below) log.scrollTop = log.scrollHeight;
  };
  let failed = null;
  try {
    const request = { model: select.value, chat: chats.get(select.value) ?? true, messages: asked.messages, settings: settings.request(), signal: stopping.signal };
    await answer.make(request, made, () => (drawn ||= requestAnimationFrame(draw)));
  } catch (problem) {
    failed = problem;
  }
  cancelAnimationFrame(drawn);
  stopping = null;
  busy(false);
  if (made.text || made.reasoning || !failed) asked.messages.push(made);
  asked.changed = Date.now();
  await history.put(asked);
  if (asked === conversation) {
    if (asked.messages.at(-1) === made) {
      draw();
      article.setAttribute("aria-busy", "false");
      message.finish(article, made, actions(true));
    } else {
      article.remove();
    }
  }
  list();
  if (failed) refused(failed);
  else byId("status").textContent = made.stopped ? "Stopped." : "The answer is complete.";
}

function busy(is) {
  byId("send").hidden = is;
  byId("stop").hidden = !is;
  if (is) byId("status").textContent = "Answering…";
}

function problem(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
}

// refused tells what is wrong; where a key is missing, it is asked for.
function refused(error) {
  if (error.status === 401) {
    problem("This server asks for a key.");
    settings.open("key", begin);
  } else {
    problem(error.message);
  }
}

// The models.

async function begin() {
  try {
    const models = await api.models();
    const before = select.value || localStorage.getItem("helix.model");
    select.replaceChildren(...models.map((m) => element("option", { value: m.id, selected: m.id === before }, m.id)));
    for (const m of models) chats.set(m.id, m.chat ?? true);
    problem("");
    prompt.focus();
  } catch (error) {
    refused(error);
  }
}

function sidebar(open) {
  byId("side").classList.toggle("open", open);
  byId("side-open").setAttribute("aria-expanded", open);
}

select.onchange = () => localStorage.setItem("helix.model", select.value);
byId("composer").onsubmit = (event) => {
  event.preventDefault();
  send();
};
prompt.onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
};
document.onkeydown = (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    stopping?.abort();
    sidebar(false);
  }
};
byId("stop").onclick = () => {
  stopping?.abort();
  prompt.focus();
};
byId("new").onclick = () => show(history.begin());
byId("side-open").onclick = () => {
  sidebar(true);
  byId("new").focus();
};
byId("side-close").onclick = () => {
  sidebar(false);
  byId("side-open").focus();
};
byId("settings-open").onclick = () => settings.open("", begin);
byId("plan-open").onclick = () => plan.open(select.value);
byId("clear").onclick = async () => {
  if (!confirm("Delete all conversations of this browser?")) return;
  await history.clear();
  byId("settings").close();
  show(history.begin());
};

paint();
const latest = (await history.all())[0];
if (latest) show(latest);
await begin();
