// Flags in colour over a pane. Farther out than one pixel on the screen, a cell shows the first flag of its pixels, so
// that a single pixel is never lost.
"use strict";
(function () {
  class FlagOverlay {
    // flags: [{name, bit, colour}], the first wins where a pixel has several.
    constructor(pane, flags) {
      this.pane = pane;
      this.flags = flags;
      this.canvas = document.createElement("canvas");
      this.canvas.className = "overlay";
      pane.element.parentElement.append(this.canvas);
      this.hidden = new Set();
      this.plane = null;
      this.visible = true;
    }

    set(values, rows, cols) {
      if (this.values === values) return;
      Object.assign(this, { values, rows, cols, levels: [] });
      this.counts = new Map();
      if (values) {
        const counts = new Uint32Array(16);
        for (let k = 0; k < values.length; k++) {
          let bits = values[k];
          while (bits) {
            counts[31 - Math.clz32(bits & -bits)]++;
            bits &= bits - 1;
          }
        }
        for (const { name, bit } of this.flags) {
          const count = counts[31 - Math.clz32(bit)];
          if (count) this.counts.set(name, count);
        }
      }
    }

    hide(name, hidden) {
      if (hidden) this.hidden.add(name);
      else this.hidden.delete(name);
      this.levels = [];
    }

    // Level 0 has a cell for each pixel, each next one a cell for 2 x 2; a cell holds 1 + the place of its first flag.
    level(k) {
      if (this.levels[k]) return this.levels[k];
      let cells, rows, cols;
      if (k === 0) {
        ({ rows, cols } = this);
        cells = new Uint8Array(rows * cols);
        const shown = this.flags.map(({ name, bit }) => (this.hidden.has(name) ? 0 : bit));
        const all = shown.reduce((sum, bit) => sum | bit, 0);
        for (let p = 0; p < cells.length; p++) {
          const bits = this.values[p] & all;
          if (bits) cells[p] = 1 + shown.findIndex((bit) => bits & bit);
        }
      } else {
        const below = this.level(k - 1);
        rows = Math.ceil(below.rows / 2);
        cols = Math.ceil(below.cols / 2);
        cells = new Uint8Array(rows * cols);
        for (let r = 0; r < below.rows; r++) {
          for (let c = 0; c < below.cols; c++) {
            const value = below.cells[r * below.cols + c];
            const place = (r >> 1) * cols + (c >> 1);
            if (value && (!cells[place] || value < cells[place])) cells[place] = value;
          }
        }
      }
      return (this.levels[k] = { cells, rows, cols, sheet: null });
    }

    sheet(level) {
      if (level.sheet) return level.sheet;
      const colours = [0, ...this.flags.map(({ colour }) => {
        const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
        return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
      })];
      const sheet = document.createElement("canvas");
      sheet.width = level.cols;
      sheet.height = level.rows;
      const pen = sheet.getContext("2d");
      const image = pen.createImageData(level.cols, level.rows);
      const dots = new Uint32Array(image.data.buffer);
      for (let p = 0; p < dots.length; p++) dots[p] = colours[level.cells[p]];
      pen.putImageData(image, 0, 0);
      return (level.sheet = sheet);
    }

    draw() {
      const { canvas, pane } = this;
      const ratio = window.devicePixelRatio || 1;
      const width = Math.round(pane.element.clientWidth * ratio), height = Math.round(pane.element.clientHeight * ratio);
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, width, height);
      if (!this.visible || !this.values || !pane.shown || pane.shown.rows !== this.rows || pane.shown.cols !== this.cols) return;
      const [left, top] = pane.viewport.worldToCanvas([-0.5, -0.5, 0]).map((value) => value * ratio);
      const [right, bottom] = pane.viewport.worldToCanvas([this.cols - 0.5, this.rows - 0.5, 0]).map((value) => value * ratio);
      const scale = (right - left) / this.cols;
      const k = scale >= 1 ? 0 : Math.ceil(Math.log2(1 / scale));
      const level = this.level(k);
      pen.imageSmoothingEnabled = false;
      pen.globalAlpha = scale > 8 ? 0.6 : 0.9;
      const cell = 2 ** k; // the last cell of a level may reach over the border
      pen.drawImage(this.sheet(level), left, top, level.cols * cell * scale, level.rows * cell * ((bottom - top) / this.rows));
    }

    remove() {
      this.canvas.remove();
    }
  }

  window.radiographyFlags = FlagOverlay;
})();
