/** The shipped model, which learns drawings of up to ten classes: for `Learner.load`. */
declare const drawing: Uint8Array;
export default drawing;
