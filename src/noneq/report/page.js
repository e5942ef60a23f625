"use strict";
// Sliders of sample clouds. The address may end in "#t=3.7" to open at that time.
for (const figure of document.querySelectorAll("figure.clouds")) {
  const scale = JSON.parse(figure.querySelector(".panels").dataset.scale);
  const slider = figure.querySelector("input");
  const output = figure.querySelector("output");
  const button = figure.querySelector("button");
  const panels = [...figure.querySelectorAll("canvas")].map((canvas) => {
    const bytes = Uint8Array.from(atob(canvas.dataset.points), (c) => c.charCodeAt(0));
    const codes = new Uint16Array(bytes.buffer);
    return { canvas, codes, length: codes.length / scale.times.length };
  });
  let timer = null;

  function paint(panel, frame) {
    const { canvas, codes, length } = panel;
    const pen = canvas.getContext("2d");
    const [left, bottom, size] = [76, canvas.height - 46, canvas.width - 88];
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.lineWidth = 1.5;
    pen.strokeStyle = "#8c959f";
    pen.strokeRect(left, bottom - size, size, size);
    pen.fillStyle = "#57606a";
    pen.font = "21px sans-serif";
    const text = (number) => String(Number(number.toPrecision(2))).replace("-", "\u2212");
    pen.textAlign = "center";
    pen.fillText(text(scale.low[0]), left + 8, bottom + 24);
    pen.fillText(text(scale.high[0]), left + size - 8, bottom + 24);
    pen.fillText(scale.axes[0], left + size / 2, bottom + 28);
    pen.textAlign = "right";
    pen.fillText(text(scale.low[1]), left - 8, bottom - 2);
    pen.fillText(text(scale.high[1]), left - 8, bottom - size + 18);
    pen.save();
    pen.translate(left - 30, bottom - size / 2);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillText(scale.axes[1], 0, 0);
    pen.restore();
    pen.fillStyle = canvas.dataset.colour;
    pen.globalAlpha = 0.45;
    let drawn = 0;
    for (let i = frame * length; i < (frame + 1) * length; i += 2) {
      if (codes[i] === 65535) continue;
      pen.beginPath();
      pen.arc(left + (codes[i] / 65534) * size, bottom - (codes[i + 1] / 65534) * size, 3.2, 0, 7);
      pen.fill();
      drawn += 1;
    }
    pen.globalAlpha = 1;
    canvas.dataset.drawn = drawn;
  }

  function show(frame) {
    slider.value = frame;
    const time = scale.times[frame];
    const hidden = scale.heldOut.includes(time) ? ", held out" : "";
    const text = "t = " + time + (scale.unit ? " " + scale.unit : "") + hidden;
    output.textContent = text;
    slider.setAttribute("aria-valuetext", text);
    figure.dataset.time = time;
    for (const panel of panels) paint(panel, frame);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = "\u25b6";
  }

  function play() {
    button.textContent = "\u275a\u275a";
    timer = setInterval(() => show((Number(slider.value) + 1) % scale.times.length), 160);
  }

  function follow() {
    const wanted = /[#&]t=([-+.\deE]+)/.exec(location.hash);
    if (!wanted) return false;
    const miss = scale.times.map((time) => Math.abs(time - Number(wanted[1])));
    show(miss.indexOf(Math.min(...miss)));
    return true;
  }

  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  button.addEventListener("click", () => (timer === null ? play() : stop()));
  window.addEventListener("hashchange", () => { stop(); follow(); });
  if (!follow()) show(Math.floor(scale.times.length / 2));
}
