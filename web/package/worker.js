// Learners off the main thread, so that drawing never stutters.
import { handle } from "./host.js";

self.onmessage = ({ data }) => handle(data, (message, transfer = []) => self.postMessage(message, transfer));
self.postMessage({ event: "ready" });
