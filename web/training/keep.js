// One run is kept for the next visit, in IndexedDB. Of several tabs the first one keeps its own.
const NAME = "gpicl training";
const STORE = "run";

function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another tab holds an older version of the storage"));
  });
}

async function transact(mode, work) {
  const open = await database();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = open.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      // what a transaction wrote is there when it is complete, all of it or nothing
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? new Error("the storage is full"));
    });
  } finally {
    open.close();
  }
}

let own;

/** Whether this tab is the one that keeps its run; asked once. */
export function holds() {
  own ??= new Promise((resolve) => {
    if (!navigator.locks) return resolve(true);
    const hold = (lock) => {
      resolve(lock !== null);
      // until the tab is closed
      return lock && new Promise(() => {});
    };
    navigator.locks.request(NAME, { ifAvailable: true }, hold).catch(() => resolve(true));
  });
  return own;
}

/** { bytes: Uint8Array, line: JSON }, or nothing. */
export const kept = () => transact("readonly", (store) => store.get(STORE));
export const keep = (bytes, line) => transact("readwrite", (store) => store.put({ bytes, line }, STORE));
export const forget = () => transact("readwrite", (store) => store.delete(STORE));
