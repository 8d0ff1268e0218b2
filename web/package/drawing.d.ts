/** The shipped model, which learns drawings of up to 200 classes: for `Learner.load`. */
declare const drawing: Uint8Array;
export default drawing;
