"use strict";
// Sends an image that was dropped or chosen, and shows what the model makes of it. The heat map comes after the
// classes: it takes many predictions.

const one = (id) => document.getElementById(id);
let turn = 0; // of the image that is shown; answers to those before are dropped

const percent = (share) => `${(100 * share).toFixed(share > 0.0995 ? 0 : 1)}\u00a0%`;

async function ask(address, file) {
  const answer = await fetch(address, { method: "POST", body: file });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error);
  return value;
}

// Draws the picture, and over it how much each part matters: rows of numbers from 0 to 1.
function draw(image, heat) {
  const canvas = one("picture"), context = canvas.getContext("2d");
  const scale = Math.min(1, 1024 / Math.max(image.width, image.height));
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  if (!heat) return;
  const small = new OffscreenCanvas(heat[0].length, heat.length), pixels = new ImageData(small.width, small.height);
  heat.flat().forEach((value, place) => {
    // dark where nothing matters, clear where all does
    pixels.data.set([10, 15, 40, Math.round(205 * (1 - value))], 4 * place);
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

function row(cells) {
  const line = document.createElement("tr");
  for (const cell of cells) line.append(cell);
  return line;
}

function cell(content, name = "") {
  const made = document.createElement("td");
  made.className = name;
  made.append(content);
  return made;
}

function showClasses(answer, choose) {
  one("answer").textContent = answer.label;
  one("top").replaceChildren(...answer.top.map((each) => {
    const button = document.createElement("button"), bar = document.createElement("div");
    button.type = "button";
    button.title = "Where it looked for this class";
    button.append(each.label, bar);
    bar.className = "bar";
    bar.style.width = `${100 * each.probability}%`;
    const line = row([cell(button), cell(percent(each.probability), "number")]);
    button.onclick = () => choose(each, line);
    return line;
  }));
}

function showValues(values) {
  one("answer").textContent = "";
  one("top").replaceChildren(...values.map((each) => row([cell(each.label), cell(each.value.toPrecision(5), "number")])));
}

async function showHeat(file, image, chosen, line, mine) {
  for (const other of one("top").children) other.classList.toggle("chosen", other === line);
  draw(image, null);
  one("looked").textContent = `Covering part after part, to see where it looked for ${chosen.label} …`;
  try {
    const answer = await ask(`where?class=${chosen.class}`, file);
    if (mine !== turn || !line.classList.contains("chosen")) return;
    const from = percent(answer.probability), to = percent(Math.max(0, answer.lowest));
    const matters = answer.probability - answer.lowest >= 0.01;
    draw(image, matters ? answer.heat : null);
    one("looked").textContent = matters
      ? `Bright is where it looked: covering the brightest part takes ${chosen.label} from ${from} to ${to}.`
      : `No part matters by itself: covering any takes ${chosen.label} from ${from} to ${to} at least.`;
  } catch (error) {
    if (mine === turn) one("looked").textContent = `No heat map: ${error.message}`;
  }
  document.body.dataset.done = mine;
}

async function show(file) {
  const mine = ++turn;
  one("trouble").hidden = true;
  try {
    const answer = await ask("look", file);
    const image = await createImageBitmap(file, { imageOrientation: "from-image" });
    if (mine !== turn) return;
    one("result").hidden = false;
    one("sight").hidden = !answer.seen;
    if (answer.seen) {
      one("seen").onload = () => { one("size").textContent = `${one("seen").naturalWidth}×${one("seen").naturalHeight}`; };
      one("seen").src = answer.seen;
    }
    if (answer.values) {
      showValues(answer.values);
      draw(image, null);
      one("looked").textContent = file.name;
      document.body.dataset.done = mine;
      return;
    }
    showClasses(answer, (chosen, line) => showHeat(file, image, chosen, line, mine));
    await showHeat(file, image, answer.top[0], one("top").firstElementChild, mine);
  } catch (error) {
    if (mine !== turn) return;
    one("result").hidden = true;
    one("trouble").hidden = false;
    one("trouble").textContent = error.message;
    document.body.dataset.done = mine;
  }
}

const drop = one("drop");
for (const name of ["dragover", "drop", "dragleave"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
  });
}
document.addEventListener("drop", (event) => {
  if (event.dataTransfer.files.length) show(event.dataTransfer.files[0]);
});
one("file").addEventListener("change", () => {
  if (one("file").files.length) show(one("file").files[0]);
});
