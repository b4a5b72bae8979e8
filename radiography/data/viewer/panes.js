// One or two panes of cornerstone3D over the same pixel grid: pictures, window, camera and measurements.
// World coordinates are pixels: x is the column, y the row, whole numbers in the middle of a pixel.
"use strict";
(function () {
  const SCHEME = "radiography";
  const CACHE_BYTES = 1.5e9;
  const ENGINE = "engine";

  class Panes {
    // pictures: as pictures.json says them; load(picture, frame) gives {values, about} of one frame.
    constructor(pictures, load) {
      this.kit = window.viewerKit;
      this.pictures = pictures;
      this.load = load;
      this.panes = [];
      this.frames = new Map(); // image -> {values, about}; pixels live in the viewer's own cache
      this.listeners = {};
      this.linking = false;
      this.tool = "Window";
    }

    on(event, listener) {
      (this.listeners[event] ??= []).push(listener);
    }

    tell(event, ...words) {
      for (const listener of this.listeners[event] ?? []) listener(...words);
    }

    async start() {
      const { kit } = this;
      await kit.init();
      await kit.initTools();
      kit.cache.setMaxCacheSize(CACHE_BYTES);
      const about = { generalSeriesModule: { modality: "DX" } };
      kit.metaData.addProvider((type, id) => (String(id).startsWith(SCHEME) ? about[type] : undefined), 1);
      const cyan = "rgb(80, 225, 255)", white = "rgb(255, 255, 255)"; // no flag has these colours
      const { style } = kit.annotation.config;
      style.setDefaultToolStyles({
        global: { ...style.getDefaultToolStyles().global, color: cyan, colorHighlighted: white, colorSelected: cyan, lineWidth: "2",
        textBoxColor: cyan, textBoxColorHighlighted: white, textBoxColorSelected: cyan, textBoxFontSize: "14px",
        textBoxFontFamily: "system-ui, sans-serif", textBoxBackground: "rgba(0, 0, 0, 0.65)", textBoxMargin: 4,
        textBoxBorderRadius: 3 },
      });
      this.engine = new kit.RenderingEngine(ENGINE);
      this.group = kit.ToolGroupManager.createToolGroup("tools");
      const text = { getTextLines: (data) => this.words(data), calculateStats: false };
      const shown = { isShown: (each, element) => this.fits(each, element) };
      for (const [tool, settings] of [
        [kit.WindowTool], [kit.PanTool], [kit.ZoomTool, { invert: true, zoomToCenter: false }],
        [kit.LengthTool, { ...text, ...shown }], [kit.MtfTool, { ...text, ...shown }], [kit.NoiseTool, { ...text, ...shown }],
      ]) {
        kit.addTool(tool);
        this.group.addTool(tool.toolName, settings);
      }
      this.choose("Window");
      const { Events } = kit.ToolEnums;
      for (const name of ["ANNOTATION_COMPLETED", "ANNOTATION_MODIFIED"]) {
        kit.eventTarget.addEventListener(Events[name], (event) => this.changed(event.detail.annotation));
      }
      kit.eventTarget.addEventListener(Events.ANNOTATION_REMOVED, () => this.tell("measured"));
    }

    // Which tool the first button, one finger or the pen has; wheel and the other buttons zoom and pan.
    choose(name) {
      const { MouseBindings } = this.kit.ToolEnums;
      this.tool = name;
      for (const each of ["Window", "Pan", "Zoom", "Length", "MtfRegion", "NoiseRegion"]) {
        const bindings = each === name ? [{ mouseButton: MouseBindings.Primary }] : [];
        if (each === "Pan") bindings.push({ mouseButton: MouseBindings.Auxiliary }, { numTouchPoints: 2 });
        if (each === "Zoom") bindings.push({ mouseButton: MouseBindings.Secondary }, { mouseButton: MouseBindings.Wheel });
        if (bindings.length) this.group.setToolActive(each, { bindings });
        else this.group.setToolPassive(each);
      }
      this.tell("tool", name);
    }

    // A pane in an element of the page; resolves when it can show pictures.
    add(element) {
      const { kit } = this;
      const id = `pane${this.panes.length}`;
      this.engine.enableElement({ viewportId: id, type: kit.Enums.ViewportType.STACK, element });
      this.group.addViewport(id, ENGINE);
      const pane = { id, element, viewport: this.engine.getViewport(id), picture: null, frame: 0, shown: null, taking: 0 };
      this.panes.push(pane);
      element.addEventListener(kit.Enums.Events.CAMERA_MODIFIED, () => this.follow(pane));
      element.addEventListener(kit.Enums.Events.VOI_MODIFIED, () => pane.shown && !pane.taking && this.tell("window", pane));
      element.addEventListener(kit.Enums.Events.IMAGE_RENDERED, () => this.tell("rendered", pane));
      element.addEventListener("contextmenu", (event) => event.preventDefault());
      element.addEventListener("pointermove", (event) => this.probe(pane, event));
      element.addEventListener("pointerleave", () => this.tell("probe", pane, null));
      new ResizeObserver(() => this.resize()).observe(element);
      return pane;
    }

    remove(pane) {
      this.panes = this.panes.filter((each) => each !== pane);
      this.group.removeViewports(ENGINE, pane.id);
      this.engine.disableElement(pane.id);
    }

    resize() {
      cancelAnimationFrame(this.waiting);
      this.waiting = requestAnimationFrame(() => {
        const whole = this.panes.filter((pane) => this.isWhole(pane));
        this.engine.resize(true, true);
        for (const pane of whole) this.fit(pane);
        for (const pane of this.panes) if (pane.shown) pane.viewport.render();
      });
    }

    static image(picture, frame) {
      return `${SCHEME}:${picture.number}/${frame}`;
    }

    // Pixels of a frame, from the viewer's cache or fetched.
    async fetch(picture, frame) {
      const { kit } = this;
      const image = Panes.image(picture, frame);
      if (kit.cache.getImage(image) && this.frames.has(image)) return this.frames.get(image);
      const found = await this.load(picture, frame);
      let drawn = found.values;
      if (found.about.not_finite) {
        drawn = drawn.map((value) => (Number.isFinite(value) ? value : found.about.least)); // a float texture has no NaN
      }
      if (!kit.cache.getImage(image)) {
        const made = kit.imageLoader.createAndCacheLocalImage(image, {
          scalarData: drawn, dimensions: [picture.cols, picture.rows], spacing: [1, 1], origin: [0, 0, 0],
          direction: [1, 0, 0, 0, 1, 0, 0, 0, 1], frameOfReferenceUID: `${picture.rows}x${picture.cols}`,
        });
        // Without a window it takes one of width 0, whose grey scale runs backwards from then on.
        made.windowWidth = Math.max(found.about.upper - found.about.lower, 1) + 1;
        made.windowCenter = (found.about.upper + found.about.lower) / 2;
      }
      for (const old of this.frames.keys()) if (!kit.cache.getImage(old)) this.frames.delete(old);
      this.frames.set(image, found);
      return found;
    }

    // Show a frame; camera and each picture's own window stay.
    async show(pane, picture, frame = 0) {
      const ticket = (pane.ticket = (pane.ticket ?? 0) + 1);
      const found = await this.fetch(picture, frame);
      const first = picture.voi ?? (await this.firstWindow(picture, found));
      if (ticket !== pane.ticket) return;
      const before = pane.shown;
      const sameShape = before && before.rows === picture.rows && before.cols === picture.cols;
      const camera = sameShape ? this.camera(pane) : this.cameraOfOther(pane, picture);
      this.linking = true;
      pane.taking++; // until it has the picture, the viewer tells a window that nobody chose, and takes none
      try {
        await pane.viewport.setStack([Panes.image(picture, frame)], 0).finally(() => pane.taking--);
        if (ticket !== pane.ticket) return;
        Object.assign(pane, { picture, frame, shown: picture, found });
        picture.voi ??= first;
        picture.invert ??= picture.inverted;
        this.apply(pane);
        if (camera) pane.viewport.setCamera(camera);
        else this.fit(pane);
      } finally {
        this.linking = false;
      }
      pane.viewport.render();
      this.kit.toolUtilities.triggerAnnotationRender?.(pane.element);
      this.tell("shown", pane);
    }

    // That of the file; or of the frame, and of the first, middle and last of a sequence, one of which may be dark.
    async firstWindow(picture, found) {
      if (picture.window) return { lower: picture.window[0], upper: picture.window[1] };
      const all = [found.about];
      const last = picture.frames - 1;
      for (const frame of last ? new Set([0, last >> 1, last]) : []) all.push((await this.fetch(picture, frame)).about);
      return { lower: Math.min(...all.map((each) => each.lower)), upper: Math.max(...all.map((each) => each.upper)) };
    }

    apply(pane) {
      const { picture, viewport } = pane;
      viewport.setProperties({ voiRange: { ...picture.voi }, invert: Boolean(picture.invert) });
      this.smooth(pane);
    }

    // Pixels are squares where they are larger than those of the screen.
    smooth(pane) {
      const { InterpolationType } = this.kit.Enums;
      const wanted = this.scale(pane) > 2 ? InterpolationType.NEAREST : InterpolationType.LINEAR;
      if (pane.interpolation === wanted && pane.of === pane.viewport.getCurrentImageId()) return;
      pane.interpolation = wanted;
      pane.of = pane.viewport.getCurrentImageId();
      pane.viewport.setProperties({ interpolationType: wanted });
    }

    setWindow(pane, lower, upper) {
      if (!(upper > lower) || !Number.isFinite(upper - lower)) return;
      pane.picture.voi = { lower, upper };
      if (pane.taking) return;
      pane.viewport.setProperties({ voiRange: { lower, upper } });
      pane.viewport.render();
    }

    invert(pane) {
      pane.picture.invert = !pane.picture.invert;
      for (const each of this.panes) {
        if (each.picture !== pane.picture || each.taking) continue;
        each.viewport.setProperties({ invert: pane.picture.invert });
        each.viewport.render();
      }
      this.tell("window", pane);
    }

    // What is on the screen, read from the viewer.
    window(pane) {
      const { voiRange, invert } = pane.viewport.getProperties();
      return { ...voiRange, invert: Boolean(invert) };
    }

    camera(pane) {
      const { focalPoint, position, parallelScale } = pane.viewport.getCamera();
      return { focalPoint: [...focalPoint], position: [...position], parallelScale };
    }

    cameraOfOther(pane, picture) {
      const other = this.panes.find((each) => each !== pane && each.shown && each.shown.rows === picture.rows && each.shown.cols === picture.cols);
      return other ? this.camera(other) : null;
    }

    // Panes of one shape move together.
    follow(pane) {
      if (!pane.shown) return;
      this.smooth(pane);
      if (this.linking) return;
      this.linking = true;
      try {
        const camera = this.camera(pane);
        for (const other of this.panes) {
          if (other === pane || !other.shown || other.shown.rows !== pane.shown.rows || other.shown.cols !== pane.shown.cols) continue;
          other.viewport.setCamera(camera);
          this.smooth(other);
          other.viewport.render();
        }
      } finally {
        this.linking = false;
      }
      this.tell("camera", pane);
    }

    reset() {
      for (const pane of this.panes) {
        if (!pane.shown) continue;
        this.fit(pane);
        pane.viewport.render();
      }
    }

    // The whole picture in its pane.
    fit(pane) {
      pane.viewport.resetCamera();
      pane.whole = JSON.stringify(this.camera(pane));
    }

    // Whether nobody has moved the camera since then.
    isWhole(pane) {
      return pane.shown && pane.whole === JSON.stringify(this.camera(pane));
    }

    // Screen pixels for one pixel of the picture.
    scale(pane) {
      const [a] = pane.viewport.worldToCanvas([0, 0, 0]);
      const [b] = pane.viewport.worldToCanvas([1000, 0, 0]);
      return (b - a) / 1000;
    }

    zoomBy(pane, factor) {
      const camera = this.camera(pane);
      pane.viewport.setCamera({ ...camera, parallelScale: camera.parallelScale / factor });
      pane.viewport.render();
    }

    // One pixel of the picture on one pixel of the screen.
    zoomToPixels(pane) {
      this.zoomBy(pane, 1 / (window.devicePixelRatio * this.scale(pane)));
    }

    panBy(pane, dx, dy) {
      const camera = this.camera(pane);
      const step = 1 / this.scale(pane);
      for (const point of [camera.focalPoint, camera.position]) {
        point[0] -= dx * step;
        point[1] -= dy * step;
      }
      pane.viewport.setCamera(camera);
      pane.viewport.render();
    }

    probe(pane, event) {
      if (!pane.shown) return;
      const box = pane.element.getBoundingClientRect();
      const [x, y] = pane.viewport.canvasToWorld([event.clientX - box.left, event.clientY - box.top]);
      const col = Math.round(x), row = Math.round(y);
      const { rows, cols } = pane.shown;
      this.tell("probe", pane, row < 0 || col < 0 || row >= rows || col >= cols ? null : { row, col });
    }

    valueAt(pane, row, col) {
      return pane.found.values[row * pane.shown.cols + col];
    }

    // Measurements.

    fits(each, element) {
      const pane = this.panes.find((one) => one.element === element);
      const shape = each.data.shape;
      return Boolean(pane?.shown) && (!shape || (shape[0] === pane.shown.rows && shape[1] === pane.shown.cols));
    }

    changed(each) {
      if (!each) return;
      const pane = this.panes.find((one) => one.shown && Panes.image(one.picture, one.frame) === each.metadata.referencedImageId) ?? this.panes[0];
      each.data.shape ??= [pane.shown.rows, pane.shown.cols];
      this.tell("measured", each);
    }

    measurements() {
      return this.kit.annotation.state.getAllAnnotations();
    }

    drop(each) {
      this.kit.annotation.state.removeAnnotation(each.annotationUID);
      this.redraw();
    }

    redraw() {
      for (const pane of this.panes) if (pane.shown) this.kit.toolUtilities.triggerAnnotationRender?.(pane.element);
      for (const pane of this.panes) if (pane.shown) pane.viewport.render();
    }

    // Ends of a drawn length in pixels: [[column, row], [column, row]].
    static ends(each) {
      return each.data.handles.points.slice(0, 2).map(([x, y]) => [x, y]);
    }

    static pixels(each) {
      const [[x0, y0], [x1, y1]] = Panes.ends(each);
      return Math.hypot(x1 - x0, y1 - y0);
    }

    // Pixels whose middle lies in a rectangle: first and end row, first and end column.
    static region(each, rows, cols) {
      const xs = each.data.handles.points.map(([x]) => x), ys = each.data.handles.points.map(([, y]) => y);
      const inside = (value, end) => Math.min(Math.max(value, 0), end);
      const first = (values, end) => inside(Math.ceil(Math.min(...values)), end);
      const after = (values, end) => inside(Math.floor(Math.max(...values)) + 1, end);
      return [first(ys, rows), after(ys, rows), first(xs, cols), after(xs, cols)];
    }

    words(data) {
      return data.words ?? this.describe?.(data) ?? [];
    }
  }

  window.radiographyPanes = Panes;
})();
