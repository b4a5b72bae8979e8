// Images side by side under one window and one place: level, window, pan and zoom move all of them.
"use strict";
(function () {
  const host = document.getElementById("viewer");
  if (!host) return;

  // A picture is 16-bit numbers in base64, row by row, from `low` to `high` of its quantity.
  function decode(said) {
    const text = atob(said.pixels);
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    return { ...said, values: new Uint16Array(bytes.buffer) };
  }

  class LinkedViewer {
    constructor(canvases, pictures, first) {
      this.panes = canvases.map((canvas, k) => {
        const sheet = document.createElement("canvas");
        sheet.width = pictures[k].cols;
        sheet.height = pictures[k].rows;
        return { canvas, sheet, picture: pictures[k] };
      });
      this.first = first;
      this.listeners = [];
      this.reset();
      this.panes.forEach((pane) => this.listen(pane));
      new ResizeObserver(() => this.paint()).observe(canvases[0]);
    }

    reset() {
      this.level = this.first.level;
      this.width = this.first.width;
      this.inverted = false;
      this.zoom = 1;
      this.row = 0.5; // of the picture, in the middle of the canvas
      this.col = 0.5;
      this.window(this.level, this.width);
    }

    window(level, width) {
      this.level = level;
      this.width = Math.max(width, 1e-6);
      for (const { sheet, picture } of this.panes) {
        const step = (picture.high - picture.low) / 65535;
        const pen = sheet.getContext("2d");
        const image = pen.createImageData(sheet.width, sheet.height);
        const greys = new Uint32Array(image.data.buffer);
        for (let k = 0; k < greys.length; k++) {
          const value = picture.low + step * picture.values[k];
          let grey = 255 * ((value - this.level) / this.width + 0.5);
          grey = grey < 0 ? 0 : grey > 255 ? 255 : Math.round(grey);
          if (this.inverted) grey = 255 - grey;
          greys[k] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
        }
        pen.putImageData(image, 0, 0);
      }
      this.paint();
    }

    paint() {
      for (const { canvas, sheet } of this.panes) {
        const side = Math.max(1, Math.round(canvas.clientWidth * (window.devicePixelRatio || 1)));
        if (canvas.width !== side) canvas.width = canvas.height = side;
        const scale = (this.zoom * side) / Math.max(sheet.width, sheet.height);
        const pen = canvas.getContext("2d");
        pen.imageSmoothingEnabled = scale < 2;
        pen.fillStyle = "#000";
        pen.fillRect(0, 0, side, side);
        pen.drawImage(sheet, side / 2 - this.col * sheet.width * scale, side / 2 - this.row * sheet.height * scale,
          sheet.width * scale, sheet.height * scale);
      }
      this.listeners.forEach((tell) => tell(this));
    }

    move(pane, dx, dy) {
      const side = pane.canvas.clientWidth * this.zoom;
      const inside = (value) => Math.min(1, Math.max(0, value));
      this.col = inside(this.col - dx / side);
      this.row = inside(this.row - dy / side);
      this.paint();
    }

    zoomBy(factor) {
      this.zoom = Math.min(40, Math.max(1, this.zoom * factor));
      if (this.zoom === 1) this.row = this.col = 0.5;
      this.paint();
    }

    // Value under a point of a canvas, in the quantity of the picture.
    valueAt({ canvas, picture }, x, y) {
      const span = canvas.clientWidth, longest = Math.max(picture.rows, picture.cols);
      const col = Math.floor(this.col * picture.cols + ((x - span / 2) * longest) / (span * this.zoom));
      const row = Math.floor(this.row * picture.rows + ((y - span / 2) * longest) / (span * this.zoom));
      if (row < 0 || col < 0 || row >= picture.rows || col >= picture.cols) return null;
      const step = (picture.high - picture.low) / 65535;
      return picture.low + step * picture.values[row * picture.cols + col];
    }

    listen(pane) {
      const fingers = new Map();
      const spread = () => {
        const [a, b] = [...fingers.values()];
        return Math.hypot(a.x - b.x, a.y - b.y);
      };
      pane.canvas.addEventListener("pointerdown", (event) => {
        pane.canvas.setPointerCapture(event.pointerId);
        fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      });
      pane.canvas.addEventListener("pointermove", (event) => {
        this.read(event.offsetX, event.offsetY);
        const before = fingers.get(event.pointerId);
        if (!before) return;
        const wide = fingers.size === 2 ? spread() : 0;
        fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
        if (fingers.size === 2 && wide > 0) this.zoomBy(spread() / wide);
        else if (fingers.size === 1) this.move(pane, event.clientX - before.x, event.clientY - before.y);
      });
      for (const end of ["pointerup", "pointercancel"]) {
        pane.canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
      }
      pane.canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        this.zoomBy(Math.exp(-event.deltaY / 400));
      }, { passive: false });
      pane.canvas.addEventListener("dblclick", () => this.reset());
      pane.canvas.addEventListener("keydown", (event) => {
        const step = pane.canvas.clientWidth / 10;
        const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
        if (moves[event.key]) this.move(pane, ...moves[event.key]);
        else if (event.key === "+" || event.key === "-") this.zoomBy(event.key === "+" ? 1.25 : 0.8);
        else return;
        event.preventDefault();
      });
    }

    read(x, y) {
      for (const pane of this.panes) {
        const value = this.valueAt(pane, x, y);
        const place = pane.canvas.parentElement.querySelector(".reading");
        if (place) place.textContent = value === null ? "" : value.toFixed(3);
      }
    }
  }

  const said = JSON.parse(document.getElementById("picture-data").textContent);
  const canvases = [...host.querySelectorAll("canvas")];
  const viewer = new LinkedViewer(canvases, said.pictures.map(decode), said.window);
  const level = document.getElementById("level"), width = document.getElementById("width");
  const invert = document.getElementById("invert");
  // Sliders go from 0 to 1000 over the range of the pictures.
  const low = said.range[0], span = said.range[1] - said.range[0];
  const follow = () => {
    level.value = Math.round((1000 * (viewer.level - low)) / span);
    width.value = Math.round((1000 * viewer.width) / span);
    document.getElementById("level-says").textContent = viewer.level.toFixed(2);
    document.getElementById("width-says").textContent = viewer.width.toFixed(2);
    invert.setAttribute("aria-pressed", String(viewer.inverted));
  };
  viewer.listeners.push(follow);
  follow();
  level.addEventListener("input", () => viewer.window(low + (span * level.value) / 1000, viewer.width));
  width.addEventListener("input", () => viewer.window(viewer.level, (span * width.value) / 1000));
  invert.addEventListener("click", () => {
    viewer.inverted = !viewer.inverted;
    viewer.window(viewer.level, viewer.width);
  });
  document.getElementById("reset").addEventListener("click", () => viewer.reset());
  window.radiographyViewer = viewer;
})();
