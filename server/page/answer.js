// An answer that is being made: asked for, told as it comes, stopped.
import * as api from "./api.js";

// make has an answer made of the messages, fills in message, and calls changed() as it comes. The end of signal stops it.
export async function make({ model, chat, messages, settings, signal }, message, changed) {
  const body = { model, ...settings.fields, stream: true, stream_options: { include_usage: true } };
  let path = "v1/chat/completions";
  if (chat) {
    body.messages = messages.map((m) => ({ role: m.role, content: m.text }));
    if (settings.system) body.messages.unshift({ role: "system", content: settings.system });
  } else {
    path = "v1/completions"; // the model only continues texts
    body.max_tokens ??= 256; // of which the API's default is 16
    body.prompt = settings.system + messages.map((m) => m.text).join("");
  }
  let id = "";
  let first = 0;
  let last = 0;
  let pieces = 0;
  try {
    await api.stream(path, body, signal, (chunk) => {
      id = chunk.id;
      const choice = chunk.choices[0];
      if (chunk.usage) message.tokens = chunk.usage.completion_tokens;
      if (chunk.helix_receipt) message.receipt = chunk.helix_receipt;
      if (!choice) return;
      const text = (chat ? choice.delta.content : choice.text) ?? "";
      const reasoning = choice.delta?.reasoning_content ?? "";
      if (text || reasoning) {
        last = performance.now();
        first ||= last;
        pieces++;
        message.text += text;
        if (reasoning) message.reasoning = (message.reasoning ?? "") + reasoning;
        changed();
      }
      if (choice.finish_reason) message.finish = choice.finish_reason;
    });
  } catch (problem) {
    if (!signal.aborted) throw problem;
    message.stopped = true;
    message.receipt = await stopped(id);
  }
  const tokens = message.tokens ?? pieces;
  if (tokens > 1 && last > first) message.rate = ((tokens - 1) * 1000) / (last - first);
}

// stopped returns the digest of the receipt of an answer that was stopped, which the server has with its next pass; "" if there is none.
async function stopped(id) {
  for (let i = 0; id && i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    try {
      return (await api.receipt(id)).digest;
    } catch (problem) {
      if (problem.status !== 404) break;
    }
  }
  return "";
}
