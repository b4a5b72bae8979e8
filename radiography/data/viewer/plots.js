// Drawings of the side: the histogram with the window, and the curve of an edge.
"use strict";
(function () {
  const BINS = 256;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Numbers of pixels from `low` to `high`; those beyond are in no bin.
  function counts(values, low, high) {
    const bins = new Uint32Array(BINS);
    const step = Math.max(1, Math.floor(values.length / 2e6));
    const scale = BINS / (high - low || 1);
    for (let k = 0; k < values.length; k += step) {
      const bin = Math.floor((values[k] - low) * scale);
      if (bin >= 0 && bin < BINS) bins[bin]++;
      else if (values[k] === high) bins[BINS - 1]++;
    }
    return bins;
  }

  function short(value) {
    const size = Math.abs(value);
    if (value === 0) return "0";
    if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
    return Number(value.toPrecision(size >= 1000 ? 6 : 4)).toString();
  }

  // Square roots of the numbers of pixels, so that few are seen too; the grey wedge is the window.
  function histogram(canvas, bins, range, window_) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (!width) return;
    Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    const text = 14 * ratio, plot = height - text;
    const x = (value) => ((value - range[0]) / (range[1] - range[0] || 1)) * width;
    const peak = Math.sqrt(Math.max(...bins, 1));
    pen.fillStyle = colour("--quiet");
    for (let k = 0; k < BINS; k++) {
      const tall = (Math.sqrt(bins[k]) / peak) * (plot - 2 * ratio);
      pen.fillRect((k * width) / BINS, plot - tall, Math.ceil(width / BINS), tall);
    }
    const left = x(window_.lower), right = x(window_.upper);
    pen.strokeStyle = colour("--accent");
    pen.lineWidth = 1.5 * ratio;
    pen.beginPath();
    pen.moveTo(left, window_.invert ? 0 : plot);
    pen.lineTo(right, window_.invert ? plot : 0);
    pen.stroke();
    pen.globalAlpha = 0.12;
    pen.fillStyle = colour("--accent");
    pen.fillRect(left, 0, right - left, plot);
    pen.globalAlpha = 1;
    pen.fillStyle = colour("--quiet");
    pen.font = `${11 * ratio}px system-ui, sans-serif`;
    pen.textBaseline = "bottom";
    pen.textAlign = "left";
    pen.fillText(short(range[0]), 0, height);
    pen.textAlign = "right";
    pen.fillText(short(range[1]), width, height);
  }

  const svg = (name, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  function ticks(end) {
    const step = [0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 20, 50].find((each) => end / each <= 6) ?? end / 5;
    return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, k) => k * step);
  }

  // MTF with its band of 1.96 standard errors, Nyquist, and the frequency of one half.
  function mtf(found) {
    const [wide, tall, left, bottom, top, right] = [320, 200, 34, 34, 8, 8];
    const end = Math.min(Math.max(...found.frequency), 2 * found.nyquist);
    const x = (frequency) => left + ((wide - left - right) * frequency) / end;
    const y = (value) => top + (tall - top - bottom) * (1 - Math.min(Math.max(value, -0.05), 1.1) / 1.1);
    const label = found.mtf50 ? `MTF, one half at ${short(found.mtf50[0])} ${found.per}` : "MTF";
    const picture = svg("svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": label });
    const quiet = colour("--quiet"), line = colour("--line"), accent = colour("--accent");
    const words = { fill: quiet, "font-size": 11, "font-family": "system-ui, sans-serif" };
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      picture.append(svg("line", { x1: left, x2: wide - right, y1: y(value), y2: y(value), stroke: line }));
      picture.append(svg("text", { ...words, x: left - 4, y: y(value) + 4, "text-anchor": "end" }, String(value)));
    }
    for (const frequency of ticks(end)) {
      picture.append(svg("text", { ...words, x: x(frequency), y: tall - bottom + 14, "text-anchor": "middle" }, short(frequency)));
    }
    picture.append(svg("text", { ...words, x: (left + wide) / 2, y: tall - 4, "text-anchor": "middle" },
      found.per === "1/mm" ? "frequency at the detector [1/mm]" : `frequency [${found.per}]`));
    const points = found.frequency.map((f, k) => [f, found.value[k], found.error[k]]).filter(([f]) => f <= end);
    const path = (shift) => points.map(([f, v, e]) => `${x(f).toFixed(1)},${y(v + 1.96 * shift * e).toFixed(1)}`);
    picture.append(svg("polygon", { points: [...path(1), ...path(-1).reverse()].join(" "), fill: accent, opacity: 0.2 }));
    picture.append(svg("line", { x1: x(found.nyquist), x2: x(found.nyquist), y1: top, y2: tall - bottom, stroke: quiet, "stroke-dasharray": "4 3" }));
    picture.append(svg("text", { ...words, x: x(found.nyquist) - 4, y: top + 10, "text-anchor": "end" }, "Nyquist"));
    if (found.mtf50 && found.mtf50[0] <= end) {
      picture.append(svg("circle", { cx: x(found.mtf50[0]), cy: y(0.5), r: 3.5, fill: accent }));
    }
    picture.append(svg("polyline", { points: path(0).join(" "), fill: "none", stroke: accent, "stroke-width": 1.8 }));
    return picture;
  }

  window.radiographyPlots = { counts, histogram, mtf, short };
})();
