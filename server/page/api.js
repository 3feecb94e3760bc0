// What the page asks the server for. A key, if there is one, is kept for as long as the tab is open.

export const key = {
  get: () => sessionStorage.getItem("helix.key") ?? "",
  set: (value) => (value ? sessionStorage.setItem("helix.key", value) : sessionStorage.removeItem("helix.key")),
};

// Refused is an answer that is an error; status 401 asks for a key.
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (key.get()) headers.Authorization = "Bearer " + key.get();
  const response = await fetch(path, { ...options, headers });
  if (!response.ok) {
    let message = `the server answered with status ${response.status}`;
    try {
      message = (await response.json()).error.message;
    } catch {} // it was no error in the API's form
    throw new Refused(response.status, message);
  }
  return response;
}

export const models = async () => (await (await ask("v1/models")).json()).data;
export const plan = async (model) => (await ask("plan?model=" + encodeURIComponent(model))).json();
export const replay = async (id) => (await ask(`receipts/${id}/replay`, { method: "POST" })).json();

// receipt returns a receipt's digest and text, by digest or by the id of an answer.
export async function receipt(id) {
  const response = await ask("receipts/" + encodeURIComponent(id));
  return { digest: response.headers.get("X-Helix-Receipt"), text: await response.text() };
}

// stream has an answer made, and calls on(chunk) with its pieces.
export async function stream(path, body, signal, on) {
  const response = await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the connection was lost before the answer ended");
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      if (line === "data: [DONE]") return;
      const chunk = JSON.parse(line.slice(6));
      if (chunk.error) throw new Refused(500, chunk.error.message);
      on(chunk);
    }
  }
}
