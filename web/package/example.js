import { Learner } from "./learner.js";

const learner = await Learner.load("drawing.safetensors");
const [canvas, output] = [document.querySelector("canvas"), document.querySelector("output")];
const pen = canvas.getContext("2d", { willReadFrequently: true });
Object.assign(canvas.style, { border: "1px solid", touchAction: "none" });
pen.lineWidth = 24;
pen.lineCap = "round";

canvas.onpointerdown = ({ offsetX, offsetY }) => (pen.beginPath(), pen.moveTo(offsetX, offsetY));
canvas.onpointermove = ({ buttons, offsetX, offsetY }) => buttons && (pen.lineTo(offsetX, offsetY), pen.stroke());
canvas.onpointerup = async () => {
  if (new Set(learner.labels).size < 2) return;
  const { label, probability } = await learner.predict(pen.getImageData(0, 0, 280, 280));
  output.value = `${label}, ${(100 * probability).toFixed(0)} %`;
};
for (const button of document.querySelectorAll("button")) {
  button.onclick = async () => {
    await learner.observe(pen.getImageData(0, 0, 280, 280), button.textContent);
    pen.clearRect(0, 0, 280, 280);
    output.value = `${learner.length} shown`;
  };
}
