/** A label: whatever your program calls a class. */
export type Label = string | number;

/** A point of a stroke, in any unit. */
export type Point = readonly [x: number, y: number] | { readonly x: number; readonly y: number };

/** A class of the platform, where the program's `lib` knows it: the package is for pages and for Node alike. */
type Platform<Name extends string> = typeof globalThis extends Record<Name, { prototype: infer T }> ? T : never;

/** Pixels, row by row: `ImageData` has this shape. */
export interface Pixels {
  /** 1 (grey), 3 (RGB) or 4 (RGBA) values a pixel: bytes up to 255, or other numbers up to 1. */
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
  /** Whether colours are multiplied by alpha, as WebGL's are; those of `ImageData` are not. */
  readonly premultiplied?: boolean;
}

/**
 * A picture of a drawing, of any size: dark ink on a light ground, light ink on a dark one, or either on a transparent
 * canvas. A learner sees the same drawing in all of them: it is cut out, scaled and centred as the learner was trained on.
 */
export type Picture =
  | Pixels
  | Platform<"HTMLCanvasElement">
  | Platform<"OffscreenCanvas">
  | Platform<"ImageBitmap">
  | Platform<"HTMLImageElement">
  | Platform<"SVGImageElement">
  | Platform<"HTMLVideoElement">
  | Platform<"VideoFrame">
  | Platform<"Blob">;

/**
 * What is learned from and asked about. All inputs of one learner have the same size.
 *
 * - a picture of a drawing;
 * - strokes of a pen, with its `width` in the same unit: the same drawing;
 * - numbers: 784 of them are a picture of 28 × 28 pixels, bright ink on black in [0, 1], row by row, read as it is; any
 *   other number of values is a row of a table, unless `shape` says otherwise.
 *
 * An input is copied when the call is made: a canvas may be wiped before its promise resolves.
 */
export type Input =
  | Picture
  | { readonly strokes: readonly (readonly Point[])[]; readonly width?: number }
  | ArrayLike<number>;

/** How pictures are read. */
export interface ReadOptions {
  /**
   * Which side of its ground the ink lies on. `auto` (the default) takes what most of the picture's edge shows for the
   * ground; say `dark` or `light` where ink also covers the edge.
   */
  ink?: "auto" | "dark" | "light";
  /**
   * How the picture was made. `auto` (the default) takes a picture with a ground of one tone for a `drawing`, on which
   * every mark counts, and any other for a `photo`, from which uneven light, grain and specks are removed.
   */
  look?: "auto" | "drawing" | "photo";
}

/** Where the package's files are. */
export interface Places {
  /**
   * `true` (the default) is the package's worker.js; a string or URL is the address of a copy, a function starts the worker
   * itself, and `false` computes in the thread of the page.
   */
  worker?: boolean | string | Platform<"URL"> | (() => Platform<"Worker">);
  /** The package's engine_bg.wasm elsewhere: an address, a response, bytes, a compiled module, or a function that returns one. */
  wasm?: WasmSource | (() => WasmSource | Promise<WasmSource>);
}

export type WasmSource =
  | string
  | Platform<"URL">
  | Platform<"Response">
  | ArrayBuffer
  | Uint8Array
  | (typeof globalThis extends { WebAssembly: { Module: { prototype: infer T } } } ? T : never);

export interface LoadOptions extends ReadOptions, Places {
  /** `auto` (the default) times both and takes the faster one. */
  engine?: "auto" | "cpu" | "webgpu";
  /**
   * Whether predictions have a `none`: the probability that an input belongs to none of the labels shown. Only learners of variant
   * `equivariant` can say that.
   */
  none?: boolean;
  /** Height, width and channels of inputs that are numbers, where they are pictures of another size than 28 × 28. */
  shape?: readonly [height: number, width: number, channels: number];
}

/** What the model's file says. */
export interface Card {
  /** SHA-256 of the weights. */
  hash: string;
  parameters: number;
  variant: "paper" | "shifted" | "equivariant";
  /** Whether it looks at drawings through convolutions. */
  stem: boolean;
  layers: number;
  /** Most classes. */
  classes: number;
  /** Most examples. */
  capacity: number;
  inputs: number;
  metadata: Record<string, string>;
}

export interface Engine {
  name: "WebGPU" | "CPU";
  /** The adapter and how long it takes, or why it is the CPU. */
  detail: string;
}

export interface Probability {
  label: Label;
  /** In [0, 1]; those of all labels shown sum to 1. */
  probability: number;
}

export interface Prediction extends Probability {
  /** Of every label shown, as if it were one of them. */
  probabilities: Probability[];
  /** Probability, in [0, 1], that it is none of them; only of a learner that was loaded with `none: true`. */
  none?: number;
}

/** A model with what it was shown. Calls are carried out in the order in which they were made. */
export declare class Learner {
  private constructor();

  /**
   * Loads a model: bytes, a Blob, an address or a Request; in Node the path of a file as well. The shipped model is the
   * default export of `learner-in-a-file/drawing`.
   */
  static load(
    source: string | Platform<"URL"> | Platform<"Request"> | Platform<"Blob"> | ArrayBuffer | Uint8Array,
    options?: LoadOptions,
  ): Promise<Learner>;
  /** Says where the package's files are, for learners that are loaded from now on. */
  static configure(places: Places): void;

  readonly card: Card;
  readonly engine: Engine;
  /** Labels of the examples shown, in order. */
  readonly labels: Label[];
  /** Number of examples shown. */
  readonly length: number;
  /** Most examples it takes. */
  readonly capacity: number;
  /** Whether it computes in a worker or in the thread that loaded it. */
  readonly thread: "worker" | "main";
  /** Called when the engine changes; `notice` is empty unless something happened, such as a lost device. */
  onengine: (change: Engine & { notice: string }) => void;

  /** Shows an example. */
  observe(input: Input, label: Label, options?: ReadOptions): Promise<void>;
  /**
   * What it is: the most probable label, of equal ones the first in `probabilities`. Rejects before anything was shown, and
   * where a probability is not a finite number.
   */
  predict(input: Input, options?: ReadOptions): Promise<Prediction>;
  /** How much each example shown matters for the answer, in order; they sum to 1. */
  attention(input: Input, options?: ReadOptions): Promise<Float32Array>;
  /** Forgets an example, as if it had never been shown. */
  forget(index: number): Promise<void>;
  /** Gives an example another label. */
  relabel(index: number, label: Label): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
  /** What was shown, as bytes for `restore` of the same model on any machine. */
  save(): Promise<Uint8Array>;
  /** Takes back what `save` gave; after an error everything is as it was. */
  restore(bytes: Uint8Array | ArrayBuffer): Promise<void>;
  /** Frees what it holds. */
  close(): Promise<void>;
}
