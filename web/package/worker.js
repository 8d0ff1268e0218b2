// Learners off the main thread, so that drawing never stutters.
import { handle, start } from "./host.js";

self.onmessage = ({ data }) => {
  if (data.start) return start(data.start);
  handle(data, (message, transfer = []) => self.postMessage(message, transfer));
};
self.postMessage({ event: "ready" });
