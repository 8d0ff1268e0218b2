/** A label: whatever your program calls a class. */
export type Label = string | number;

/** A point of a stroke, in any unit. */
export type Point = readonly [x: number, y: number] | { readonly x: number; readonly y: number };

/**
 * What is learned from and asked about. All inputs of one learner have the same size.
 *
 * - numbers: 784 of them are a picture of 28 × 28 pixels, bright ink on black in [0, 1], row by row; any other number is a
 *   row of a table;
 * - `ImageData` of any size, dark ink on a light or transparent ground: cut out, scaled and centred as the learner was
 *   trained on;
 * - strokes of a pen: the same.
 */
export type Input =
  | Float32Array
  | ArrayLike<number>
  | ImageData
  | { readonly strokes: readonly (readonly Point[])[]; readonly width?: number };

export interface LoadOptions {
  /** `auto` (the default) times both and takes the faster one. */
  engine?: "auto" | "cpu" | "webgpu";
  /** `false` computes in the page's own thread; the default is a worker where there are module workers. */
  worker?: boolean;
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
  /** Of every label shown. */
  probabilities: Probability[];
}

/** A model with what it was shown. Calls are carried out in the order in which they were made. */
export declare class Learner {
  private constructor();

  /** Loads a model file: an address, a Request, a Blob, or bytes. */
  static load(source: string | URL | Request | Blob | ArrayBuffer | Uint8Array, options?: LoadOptions): Promise<Learner>;

  readonly card: Card;
  readonly engine: Engine;
  /** Labels of the examples shown, in order. */
  readonly labels: Label[];
  /** Number of examples shown. */
  readonly length: number;
  /** Most examples it takes. */
  readonly capacity: number;
  /** Is told when the engine changes; `notice` is empty unless something happened, such as a lost device. */
  onengine: (change: Engine & { notice: string }) => void;

  /** Shows an example. */
  observe(input: Input, label: Label): Promise<void>;
  /** What it is: the most probable label. */
  predict(input: Input): Promise<Prediction>;
  /** How much each example shown matters for the answer, in order; they sum to 1. */
  attention(input: Input): Promise<Float32Array>;
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
