// A message on the page.
import { copyButton, element } from "./element.js";
import { render } from "./markdown.js";

// show returns the element of a message. Of an answer, actions are what its buttons do.
export function show(message, actions) {
  if (message.role === "user") return element("article", { class: "user", "aria-label": "You" }, element("div", { class: "said" }, message.text));
  const article = element("article", { class: "assistant", "aria-label": "Answer" }, element("div", { class: "said" }), element("div", { class: "under" }));
  update(article, message);
  finish(article, message, actions);
  return article;
}

// update shows what there is of an answer.
export function update(article, message) {
  const said = article.querySelector(".said");
  const before = said.querySelector("details");
  const parts = [];
  if (message.reasoning) parts.push(element("details", { class: "reasoning", open: before?.open ?? false }, element("summary", {}, "Reasoning"), render(message.reasoning)));
  said.replaceChildren(...parts, render(message.text));
}

// finish shows what is to be known of an answer that has ended, and what can be done with it.
export function finish(article, message, actions) {
  const figures = [];
  if (message.stopped) figures.push("stopped");
  if (message.finish === "length") figures.push("ended by its length");
  if (message.tokens) figures.push(`${message.tokens} tokens`);
  if (message.rate) figures.push(`${message.rate.toFixed(1)} tokens/s`);
  const under = article.querySelector(".under");
  under.replaceChildren(copyButton(() => message.text));
  if (actions.regenerate) under.append(element("button", { type: "button", class: "quiet regenerate", onclick: actions.regenerate }, "Regenerate"));
  if (message.receipt) under.append(element("button", { type: "button", class: "quiet receipt", onclick: () => actions.receipt(message.receipt) }, "Receipt ", element("span", { "aria-hidden": "true" }, message.receipt.slice(0, 8))));
  if (figures.length) under.append(element("span", { class: "figures" }, figures.join(" · ")));
}
