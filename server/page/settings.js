// How answers are asked for, kept in the browser. An empty field leaves the choice to the server.
import { key } from "./api.js";
import { byId } from "./element.js";

const names = ["system", "temperature", "top_p", "max_tokens", "seed"];
const dialog = byId("settings");

const read = () => {
  try {
    return JSON.parse(localStorage.getItem("helix.settings")) ?? {};
  } catch {
    return {};
  }
};

// open shows the dialog; onclose is called when it was closed.
export function open(focus, onclose) {
  const values = read();
  for (const name of names) byId(name).value = values[name] ?? "";
  byId("key").value = key.get();
  dialog.showModal();
  if (focus) byId(focus).focus();
  dialog.onclose = () => {
    const kept = {};
    for (const name of names) {
      const field = byId(name);
      if (field.value !== "" && field.validity.valid) kept[name] = name === "system" ? field.value : Number(field.value);
    }
    localStorage.setItem("helix.settings", JSON.stringify(kept));
    key.set(byId("key").value.trim());
    onclose?.();
  };
}

// request splits the settings into the system message and the fields of a request.
export function request() {
  const { system = "", ...fields } = read();
  return { system, fields };
}
