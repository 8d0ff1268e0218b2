// What a program gives a learner, as the numbers that the engine reads.

const SIDE = 28;
/** Pen of strokes without a width, as a share of the drawing's longer side: what learners were trained on. */
const PEN_SHARE = 0.124;
/** Pictures are drawn into a canvas of this many pixels on their longer side at most. */
const LONGEST = 2048;
const SQUARE = Uint32Array.of(SIDE, SIDE, 1);
/** What can be drawn on a canvas. */
const DRAWABLE = new Set([
  "HTMLCanvasElement",
  "OffscreenCanvas",
  "ImageBitmap",
  "HTMLImageElement",
  "SVGImageElement",
  "HTMLVideoElement",
  "VideoFrame",
]);

export const INKS = ["auto", "dark", "light"];
export const LOOKS = ["auto", "drawing", "photo"];

/** What was given, as words for an error. */
export function found(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value !== "object") return `${typeof value} ${String(value)}`;
  return `${value.constructor?.name ?? "object"}${value.length === undefined ? "" : ` of ${value.length}`}`;
}

/** An option, or an error that names it and what it may be. */
export function oneOf(name, value, choices) {
  if (choices.includes(value)) return value;
  const list = choices.map((choice) => JSON.stringify(choice));
  throw new TypeError(`${name}: expected ${list.slice(0, -1).join(", ")} or ${list.at(-1)}, found ${found(value)}`);
}

/**
 * Values and size of an input. What can change is copied before the first wait, so that a canvas may be wiped at once.
 * `call` is the engine's method of pictures and strokes.
 */
export async function read(input, { ink, look, shape }, call) {
  oneOf("ink", ink, INKS);
  oneOf("look", look, LOOKS);
  if (input && typeof input === "object") {
    // the name of its class, also where it comes from another window
    const kind = Object.prototype.toString.call(input).slice(8, -1);
    if (kind === "Blob" || kind === "File") input = await bitmap(input);
    if (kind === "HTMLImageElement" && !input.complete) await decoded(input);
    const pixels = DRAWABLE.has(kind) || kind === "Blob" || kind === "File" ? drawn(input) : plain(input);
    if (pixels) {
      const { rgba, height, width } = pixels;
      return { values: await call("picture", { rgba, height, width, ink, look }, [rgba.buffer]), size: SQUARE };
    }
    if (Array.isArray(input.strokes)) return { values: await call("drawing", strokes(input)), size: SQUARE };
  }
  if (!input || typeof input !== "object" || typeof input.length !== "number") {
    throw new TypeError(
      `input: expected numbers, a picture (ImageData, a canvas, an image, { data, width, height }), or { strokes: [[[x, y], …], …] }, found ${found(input)}`,
    );
  }
  const values = numbers(input, "input");
  if (shape) return { values, size: Uint32Array.from(shape) };
  return { values, size: values.length === SIDE * SIDE ? SQUARE : Uint32Array.of(1, values.length, 1) };
}

function numbers(values, what) {
  const array = values instanceof Float32Array ? values.slice() : Float32Array.from(values, Number);
  const bad = array.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new TypeError(`${what}: value ${bad} is not a finite number (${String(values[bad])})`);
  return array;
}

async function bitmap(blob) {
  try {
    return await createImageBitmap(blob);
  } catch (error) {
    throw new TypeError(`input: this browser cannot read ${blob.name ?? "the Blob"} (${blob.type || "no type"}) as a picture: ${error.message}`);
  }
}

async function decoded(image) {
  try {
    await image.decode();
  } catch (error) {
    throw new Error(`input: the image ${image.currentSrc || image.src} could not be loaded: ${error.message}`);
  }
}

/** Pixels of what can be drawn on a canvas. */
function drawn(source) {
  const width = source.naturalWidth ?? source.videoWidth ?? source.displayWidth ?? source.width?.baseVal?.value ?? source.width;
  const height = source.naturalHeight ?? source.videoHeight ?? source.displayHeight ?? source.height?.baseVal?.value ?? source.height;
  if (!(width > 0 && height > 0)) throw new TypeError(`input: expected a picture of at least one pixel, found ${found(source)} of ${width} × ${height}`);
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const [columns, rows] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = typeof OffscreenCanvas === "undefined" ? document.createElement("canvas") : new OffscreenCanvas(columns, rows);
  [canvas.width, canvas.height] = [columns, rows];
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, 0, 0, columns, rows);
  try {
    return { rgba: new Uint8Array(pen.getImageData(0, 0, columns, rows).data), height: rows, width: columns };
  } catch (error) {
    const hint = 'An image of another site needs crossorigin="anonymous", and that site must allow it';
    throw new Error(`input: the pixels of this picture must not be read (${error.message}). ${hint}`);
  }
}

/** Pixels of { data, width, height } with 1, 3 or 4 values a pixel, as `ImageData` has them; nothing where it is no such. */
function plain({ data, width, height, premultiplied = false }) {
  if (data === undefined || width === undefined || height === undefined || typeof data?.length !== "number") return undefined;
  const channels = data.length / (width * height);
  if (![1, 3, 4].includes(channels)) {
    throw new TypeError(`input: expected 1, 3 or 4 values for each of ${width} × ${height} pixels, found ${data.length} values`);
  }
  // bytes count to 255, other numbers to 1
  const most = data.BYTES_PER_ELEMENT === 1 ? 1 : 255;
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < 4 * width * height; i++) {
    const channel = channels === 1 && i % 4 < 3 ? 0 : i % 4;
    if (channel >= channels) continue;
    const at = channels * (i >> 2) + channel;
    if (!Number.isFinite(data[at])) throw new TypeError(`input: value ${at} is not a finite number (${String(data[at])})`);
    const alpha = premultiplied && channel < 3 && channels === 4 ? (data[at - channel + 3] * most) / 255 : 1;
    rgba[i] = alpha > 0 ? (data[at] * most) / alpha : 0;
  }
  return { rgba: new Uint8Array(rgba.buffer), height, width };
}

/** Points, ends of strokes, and the pen's width, as the engine takes them. */
function strokes(input) {
  const points = input.strokes.flatMap((stroke) => stroke.flatMap((point) => (Array.isArray(point) ? point : [point.x, point.y])));
  const flat = numbers(points, "strokes");
  let end = 0;
  const ends = Uint32Array.from(input.strokes, (stroke) => (end += stroke.length));
  const [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
  flat.forEach((value, i) => {
    low[i % 2] = Math.min(low[i % 2], value);
    high[i % 2] = Math.max(high[i % 2], value);
  });
  const extent = Math.max(high[0] - low[0], high[1] - low[1]);
  return { points: flat, ends, width: input.width ?? PEN_SHARE * Math.max(extent, 1) };
}
