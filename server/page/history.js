// Conversations, kept in the browser's own database: {id, title, changed, messages}, of messages {role, text, …}. A browser that
// keeps nothing, as in some private windows, is no reason not to talk.

let opened;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("helix-substrate", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("conversations", { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function use(mode, what) {
  const db = await open();
  return new Promise((resolve, reject) => {
    const transaction = db.transaction("conversations", mode);
    const request = what(transaction.objectStore("conversations"));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

const change = (what) => use("readwrite", what).catch(() => {});

export const all = async () => (await use("readonly", (s) => s.getAll()).catch(() => [])).sort((a, b) => b.changed - a.changed);
export const put = (conversation) => change((s) => s.put(conversation));
export const remove = (id) => change((s) => s.delete(id));
export const clear = () => change((s) => s.clear());

export const begin = () => ({ id: crypto.getRandomValues(new Uint32Array(4)).join("-"), title: "New conversation", changed: Date.now(), messages: [] });
