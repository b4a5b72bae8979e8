// The page: tabs, tools, keys, the side, and what the server measures in regions.
"use strict";
(async function () {
  const Panes = window.radiographyPanes, FlagOverlay = window.radiographyFlags, plots = window.radiographyPlots;
  const $ = (id) => document.getElementById(id);
  const make = (name, properties = {}, ...inside) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...inside);
    return element;
  };
  const TOOLS = [
    ["Window", "w", "Drag: right is wider, down is brighter level"], ["Pan", "p", "Drag the picture"], ["Zoom", "z", "Drag down to enlarge"],
    ["Length", "l", "Draw a length"], ["MTF", "m", "Draw a rectangle over a slanted edge"], ["Noise", "n", "Draw a rectangle: mean, noise and their ratio"],
  ];
  const NAMED = { MTF: "MtfRegion", Noise: "NoiseRegion" };
  const PAUSE_MS = 350; // after the last change of a region before it is measured

  // A report may hold a part of a picture, or means of blocks of `step` pixels: rows and columns as the file has them.
  const inFile = (picture, value, axis) => (value + 0.5) * (picture.step ?? 1) - 0.5 + (picture.first?.[axis] ?? 0);
  const edgeInFile = (picture, value, axis) => value * (picture.step ?? 1) + (picture.first?.[axis] ?? 0);
  function regionWords(picture, [r0, r1, c0, c1]) {
    const at = (value, axis) => edgeInFile(picture, value, axis);
    return `${picture.name}, rows ${at(r0, 0)} to ${at(r1, 0)}, columns ${at(c0, 1)} to ${at(c1, 1)}`;
  }

  let timer = null;
  function trouble(text) {
    $("trouble").textContent = text;
    $("trouble").hidden = !text;
    clearTimeout(timer);
    if (text) timer = setTimeout(() => ($("trouble").hidden = true), 8000);
  }
  window.addEventListener("unhandledrejection", (event) => trouble(String(event.reason?.message ?? event.reason)));

  // Where pictures are from: the server of `radiography view`, or the report that holds them.
  const { load, ask, list } = window.radiographySource;
  const said = await list();
  const pictures = said.pictures;
  const panes = new Panes(pictures, load);
  const overlays = new Map();
  let active = null, typedMagnification = null, playing = null;
  window.radiographyViewer = { panes, pictures, overlays, get active() { return active; }, lengths };

  // Panes.

  function addPane() {
    const view = make("div", { className: "view", tabIndex: 0 });
    view.setAttribute("role", "img");
    const title = make("p", { className: "title" }), ruler = make("div", { className: "ruler" }, make("span"));
    const box = make("div", { className: "pane" }, view);
    $("panes").append(box);
    const pane = panes.add(view);
    Object.assign(pane, { box, title, ruler });
    overlays.set(pane, new FlagOverlay(pane, said.flags));
    box.append(title, ruler);
    for (const event of ["pointerdown", "focus"]) view.addEventListener(event, () => activate(pane), true);
    return pane;
  }

  function activate(pane) {
    if (active === pane) return;
    active = pane;
    for (const each of panes.panes) each.box.classList.toggle("active", each === pane);
    if (pane.shown) tellAbout();
  }

  async function compare(on) {
    $("panes").classList.toggle("two", on);
    $("compare").setAttribute("aria-pressed", String(on));
    if (on && panes.panes.length === 1) {
      const pane = addPane();
      const next = pictures.find((each) => each !== active.picture && !each.is_flags && each.rows === active.picture.rows && each.cols === active.picture.cols);
      await panes.show(pane, next ?? active.picture, Math.min(active.frame, (next ?? active.picture).frames - 1));
    } else if (!on && panes.panes.length === 2) {
      const gone = panes.panes[1];
      activate(panes.panes[0]);
      overlays.get(gone).remove();
      overlays.delete(gone);
      panes.remove(gone);
      gone.box.remove();
    }
    if (active.shown) tellAbout();
    panes.resize();
  }

  async function show(picture, frame = 0, pane = active) {
    try {
      await panes.show(pane, picture, Math.min(frame, picture.frames - 1));
    } catch (error) {
      trouble(error.message);
    }
  }

  // The plane of flags over a picture; a plane of flags is its own, as its numbers in grey would hide single pixels.
  function flagsOf(picture) {
    return picture.is_flags ? picture : pictures[picture.flags];
  }

  async function showFlags(pane) {
    const { picture } = pane, overlay = overlays.get(pane), plane = flagsOf(picture);
    if (!plane) return overlay.set(null);
    const frame = picture.flag_frame ?? pane.frame;
    const { values } = await panes.load_flags(plane, frame);
    if (pane.picture !== picture) return;
    overlay.set(values, plane.rows, plane.cols);
    overlay.draw();
  }
  const flagPlanes = new Map(); // kept apart from the viewer's cache: no texture is made of them
  panes.load_flags = async (plane, frame) => {
    const key = `${plane.number}/${frame}`;
    if (!flagPlanes.has(key)) {
      if (flagPlanes.size > 3) flagPlanes.delete(flagPlanes.keys().next().value);
      flagPlanes.set(key, await load(plane, frame));
    }
    return flagPlanes.get(key);
  };

  // What the page says.

  function tellAbout() {
    const { picture } = active;
    for (const [k, tab] of [...$("pictures").children].entries()) {
      tab.setAttribute("aria-selected", String(k === picture.number));
      tab.tabIndex = k === picture.number ? 0 : -1;
      if (k === picture.number) $("pictures").scrollLeft += inSight(tab.getBoundingClientRect(), $("pictures").getBoundingClientRect());
    }
    $("stage").style.setProperty("--shape", (panes.panes.length * picture.cols) / picture.rows);
    $("name").textContent = picture.name;
    const frames = picture.frames > 1 ? `${picture.frames} frames of ` : "";
    $("facts").textContent = `${picture.kind}${picture.unit ? ` [${picture.unit}]` : ""}; ${picture.format}, ${frames}${picture.rows} x ${picture.cols} ${picture.type}`;
    const lost = active.found.about.not_finite;
    const words = [...picture.warnings, ...(lost ? [`${lost} pixels are NaN or infinite`] : [])];
    $("warnings").replaceChildren(...words.map((text) => make("li", { textContent: text })));
    $("conditions").replaceChildren(...Object.entries(picture.conditions).flatMap(([name, value]) => [
      make("dt", { textContent: name }), make("dd", { textContent: value })]));
    $("steps").replaceChildren(...picture.steps.map((text) => make("li", { textContent: text })));
    $("header").hidden = !picture.window;
    $("frames").hidden = picture.frames < 2;
    $("frame").max = picture.frames - 1;
    $("frame").value = active.frame;
    $("frame-says").textContent = `frame ${active.frame}, last ${picture.frames - 1}`;
    tellSpacing();
    tellWindow();
    tellFlags();
    tellMeasured();
  }

  // How far a row has to be moved for one of its boxes to be seen.
  function inSight(box, row) {
    return Math.max(box.right - row.right, 0) + Math.min(box.left - row.left, 0);
  }

  function tellSpacing() {
    const { spacing_mm: spacing, spacing_says: words } = active.picture;
    $("spacing").textContent = spacing ? `Lengths: ${plots.short(spacing)} mm a pixel, ${words}.` : `Lengths: ${words}.`;
    const typed = typedMagnification && active.picture.detector_mm;
    if (typed) $("spacing").textContent = `Lengths: ${plots.short(active.picture.detector_mm / typedMagnification)} mm a pixel, in the object: the magnification is typed below.`;
  }

  // Spacing for lengths in a picture; null is pixels. [mm]
  function spacingOf(picture) {
    if (typedMagnification && picture.detector_mm) return picture.detector_mm / typedMagnification;
    return picture.spacing_mm;
  }

  function tellWindow() {
    const { lower, upper, invert } = panes.window(active);
    if (!$("level").matches(":focus")) $("level").value = Number(((lower + upper) / 2).toPrecision(6));
    if (!$("width").matches(":focus")) $("width").value = Number((upper - lower).toPrecision(6));
    $("invert").setAttribute("aria-pressed", String(invert));
    const { found } = active;
    const { least, greatest } = found.about;
    // Far outliers would leave one bin of everything else: the axis holds the window and some more.
    const span = upper - lower;
    const range = [Math.max(least, lower - 1.5 * span), Math.min(greatest, upper + 1.5 * span)];
    if (range[1] <= range[0]) [range[0], range[1]] = [lower, upper];
    const key = range.map((value) => value.toPrecision(3)).join();
    if (found.key !== key) Object.assign(found, { key, range, bins: plots.counts(found.values, ...range) });
    plots.histogram($("histogram"), found.bins, found.range, { lower, upper, invert });
  }

  function tellFlags() {
    const overlay = overlays.get(active);
    $("flags").hidden = !overlay.values;
    if (!overlay.values) return;
    $("flags-of").textContent = flagsOf(active.picture)?.name ?? "";
    $("legend").replaceChildren(...said.flags.filter(({ name }) => overlay.counts.has(name)).map(({ name, colour }) => {
      const box = make("input", { type: "checkbox", checked: !overlay.hidden.has(name) });
      box.addEventListener("change", () => {
        for (const each of overlays.values()) {
          each.hide(name, !box.checked);
          each.draw();
        }
      });
      const swatch = make("span", { className: "swatch" });
      swatch.style.background = colour;
      return make("li", {}, make("label", {}, box, swatch, name), make("span", { className: "count", textContent: (flagsOf(active.picture)?.flag_counts?.[name] ?? overlay.counts.get(name)).toLocaleString("en") }));
    }));
  }

  function number(value) {
    return Number.isInteger(value) ? String(value) : plots.short(value);
  }

  function tellProbe(pane, at) {
    if (!at) return ($("probe").textContent = "");
    const { picture } = pane;
    const value = panes.valueAt(pane, at.row, at.col);
    const parts = [`row ${inFile(picture, at.row, 0)}, column ${inFile(picture, at.col, 1)}`];
    if (picture.is_flags) parts.push(flagNames(value) || "no flag");
    else {
      const { lower, upper, invert } = panes.window(pane);
      const level = Math.min(Math.max((value - lower) / (upper - lower), 0), 1);
      const unit = picture.unit || (picture.kind === "presentation" ? "display value" : "");
      parts.push(Number.isFinite(value) ? `${number(value)} ${unit}`.trim() : "not a number");
      if (Number.isFinite(value)) parts.push(`${Math.round(100 * (invert ? 1 - level : level))} % grey`);
    }
    const overlay = overlays.get(pane);
    if (overlay.values && !picture.is_flags) parts.push(flagNames(overlay.values[at.row * pane.shown.cols + at.col]));
    $("probe").textContent = parts.filter(Boolean).join("   ");
  }

  function flagNames(bits) {
    return said.flags.filter(({ bit }) => bits & bit).map(({ name }) => name).join(", ");
  }

  function tellRuler(pane) {
    const spacing = spacingOf(pane.picture);
    const scale = panes.scale(pane) / (spacing ?? 1);
    const widest = 0.22 * pane.element.clientWidth / scale;
    const power = 10 ** Math.floor(Math.log10(widest));
    const length = [5, 2, 1].map((step) => step * power).find((each) => each <= widest) ?? power;
    pane.ruler.style.width = `${Math.round(length * scale)}px`;
    pane.ruler.firstChild.textContent = `${plots.short(length)} ${spacing ? "mm" : "px"}`;
  }

  // Measurements.

  function pictureOf(each) {
    const found = /:(\d+)\/(\d+)$/.exec(each.metadata.referencedImageId ?? "");
    return found ? { picture: pictures[Number(found[1])], frame: Number(found[2]) } : active;
  }

  function lengthWords(each) {
    const spacing = spacingOf(pictureOf(each).picture);
    const pixels = Panes.pixels(each);
    const { step = 1 } = pictureOf(each).picture;
    return spacing ? `${(pixels * spacing).toFixed(pixels * spacing < 10 ? 3 : 2)} mm` : `${(pixels * step).toFixed(1)} px`;
  }

  function lengths() {
    return panes.measurements().filter((each) => each.metadata.toolName === "Length").map((each) => {
      const spacing = spacingOf(pictureOf(each).picture);
      return { ends: Panes.ends(each), pixels: Panes.pixels(each), mm: spacing ? Panes.pixels(each) * spacing : null, words: lengthWords(each) };
    });
  }

  panes.describe = (data) => {
    const each = panes.measurements().find((one) => one.data === data);
    return each?.metadata.toolName === "Length" ? [lengthWords(each)] : [];
  };

  const results = new Map(); // by annotation: {region, picture, frame, found, error}
  function measure(each) {
    const { picture, frame } = pictureOf(each);
    const region = Panes.region(each, picture.rows, picture.cols);
    const before = results.get(each.annotationUID);
    const key = `${picture.number}/${frame}:${region}`;
    if (before?.key === key) return;
    clearTimeout(before?.timer);
    const now = { key, region, picture, frame, each, waiting: true };
    now.timer = setTimeout(async () => {
      try {
        if (region[1] <= region[0] || region[3] <= region[2]) throw new Error("the region holds no pixel");
        const what = each.metadata.toolName === "MtfRegion" ? "mtf" : "noise";
        now.found = await ask(what, { picture: picture.number, frame, region });
      } catch (error) {
        now.error = error.message;
      }
      now.waiting = false;
      if (results.get(each.annotationUID) !== now) return;
      each.data.words = now.error ? ["not measured"] : each.metadata.toolName === "MtfRegion"
        ? [now.found.elsewhere ? "MTF region" : now.found.mtf50 ? `MTF50 ${now.found.mtf50[0].toFixed(3)} ${now.found.per}` : "MTF"]
        : [`mean ${plots.short(now.found.mean)}`, `SD ${plots.short(now.found.sd_about_plane)}`];
      panes.redraw();
      tellMeasured();
      bringToSight(each);
    }, PAUSE_MS);
    each.data.words = ["measuring"];
    results.set(each.annotationUID, now);
  }

  function measured(each) {
    if (each && each.metadata.toolName !== "Length") measure(each);
    tellMeasured();
    if (each) bringToSight(each);
  }

  // Scroll the side, where it scrolls by itself, until the card of a measurement is seen whole, or from its top.
  function bringToSight(each) {
    const seen = $("measured").children[panes.measurements().indexOf(each)]?.getBoundingClientRect();
    const side = document.querySelector("aside"), frame = side.getBoundingClientRect();
    if (seen) side.scrollTop += Math.min(Math.max(seen.bottom + 8 - frame.bottom, 0), seen.top - frame.top);
  }

  function tellMeasured() {
    const all = panes.measurements();
    for (const id of results.keys()) if (!all.some((each) => each.annotationUID === id)) results.delete(id);
    $("none").hidden = all.length > 0;
    $("measured").replaceChildren(...all.map((each, k) => card(each, k)));
  }

  function card(each, k) {
    const gone = make("button", { type: "button", textContent: "\u00d7", title: "Remove (Delete removes the last)" });
    gone.setAttribute("aria-label", "Remove");
    gone.addEventListener("click", () => panes.drop(each));
    const top = make("div", { className: "top" });
    const item = make("li", {}, top);
    if (each.metadata.toolName === "Length") {
      const { picture } = pictureOf(each);
      const ends = Panes.ends(each).map(([x, y]) => `row ${inFile(picture, y, 0).toFixed(1)}, column ${inFile(picture, x, 1).toFixed(1)}`);
      top.append(make("strong", { textContent: `Length ${lengthWords(each)}` }), gone);
      item.append(make("p", { className: "note", textContent: `${(Panes.pixels(each) * (picture.step ?? 1)).toFixed(1)} pixels, from ${ends.join(" to ")}` }));
      return item;
    }
    const result = results.get(each.annotationUID);
    const mtf = each.metadata.toolName === "MtfRegion";
    const place = make("p", { className: "note", textContent: result ? regionWords(result.picture, result.region) : "" });
    if (!result || result.waiting) {
      top.append(make("strong", { textContent: mtf ? "MTF: measuring" : "Noise: measuring" }), gone);
      item.append(place);
      return item;
    }
    if (result.error) {
      top.append(make("strong", { textContent: mtf ? "No MTF" : "No noise" }), gone);
      item.append(make("p", { className: "warning", textContent: result.error }), place);
      return item;
    }
    const { found } = result;
    if (found.elsewhere) {
      top.append(make("strong", { textContent: "MTF region" }), gone);
      item.append(make("p", { textContent: "A report has no program to measure it with; this does, where the file is:" }), make("code", { textContent: found.elsewhere }), place);
    } else if (mtf) {
      const half = found.mtf50 ? `MTF50 ${found.mtf50[0].toFixed(3)} \u00b1 ${found.mtf50[1].toFixed(3)} ${found.per}` : "MTF stays above one half";
      top.append(make("strong", { textContent: half }), gone);
      item.append(plots.mtf(found));
      item.append(make("p", { textContent: `${Math.abs(found.angle_deg).toFixed(2)}\u00b0 from ${found.orientation}, contrast ${plots.short(found.contrast)} DN, ${plots.short(found.contrast_to_noise)} times the noise` }));
      item.append(...found.warnings.map((text) => make("p", { className: "warning", textContent: text })));
      item.append(place, make("code", { textContent: found.command }));
    } else {
      const unit = found.unit ? ` ${found.unit}` : "";
      top.append(make("strong", { textContent: `Mean ${plots.short(found.mean)}${unit}, SD ${plots.short(found.sd_about_plane)}` }), gone);
      const rows = { "SNR (mean / SD)": found.snr === null ? "" : plots.short(found.snr), "SD with the slope": plots.short(found.sd),
        "from, to": `${plots.short(found.least)}, ${plots.short(found.greatest)}${unit}`, pixels: `${found.pixels}${found.left_out ? `, ${found.left_out} flagged or lost ones left out` : ""}` };
      item.append(make("dl", {}, ...Object.entries(rows).flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })])));
      item.append(...found.notes.map((text) => make("p", { className: "warning", textContent: text })), place);
    }
    return item;
  }

  $("region").addEventListener("submit", (event) => {
    event.preventDefault();
    const [r0, r1, c0, c1] = ["r0", "r1", "c0", "c1"].map((id) => Number($(id).value));
    const { picture } = active;
    const [top, bottom, left, right] = [r0, r1, c0, c1].map((value, k) => (value - edgeInFile(picture, 0, k >> 1)) / (picture.step ?? 1));
    if (!(top >= 0 && top < bottom && left >= 0 && left < right && bottom <= picture.rows && right <= picture.cols)) {
      const [rows, columns] = [picture.rows, picture.cols].map((end, axis) => `${edgeInFile(picture, 0, axis)} to ${edgeInFile(picture, end, axis)}`);
      return trouble(`rows must rise within ${rows}, columns within ${columns}`);
    }
    panes.draw(active, event.submitter.value, corners([top, bottom, left, right]));
  });
  const corners = ([r0, r1, c0, c1]) => [[c0, r0], [c1 - 1, r0], [c0, r1 - 1], [c1 - 1, r1 - 1]];
  // A measurement with given corners, as if it was drawn: column, row each.
  panes.draw = (pane, toolName, points, picture = pane.picture) => {
    const { kit } = panes;
    const image = Panes.image(picture, picture === pane.picture ? pane.frame : 0);
    const world = points.map(([x, y]) => [x, y, 0]);
    const each = {
      annotationUID: kit.utilities.uuidv4(), highlighted: false, invalidated: true, isLocked: false, isVisible: true,
      metadata: { toolName, referencedImageId: image, FrameOfReferenceUID: `${picture.rows}x${picture.cols}`, viewPlaneNormal: [0, 0, -1], viewUp: [0, -1, 0] },
      data: { shape: [picture.rows, picture.cols], cachedStats: {}, label: "",
        handles: { points: world, activeHandleIndex: null, textBox: { hasMoved: false, worldPosition: [0, 0, 0], worldBoundingBox: { topLeft: [0, 0, 0], topRight: [0, 0, 0], bottomLeft: [0, 0, 0], bottomRight: [0, 0, 0] } } } },
    };
    kit.annotation.state.addAnnotation(each, pane.element);
    panes.redraw();
    measured(each);
    return each;
  };

  // Controls.

  pictures.forEach((picture, k) => {
    const tab = make("button", { type: "button", title: `${picture.kind}: ${picture.name}` });
    tab.setAttribute("role", "tab");
    tab.append(label(picture), ...(k < 9 ? [make("kbd", { textContent: String(k + 1) })] : []));
    tab.addEventListener("click", () => show(picture, active.frame));
    $("pictures").append(tab);
  });
  function label(picture) {
    const alike = pictures.filter((each) => each.kind === picture.kind);
    if (alike.length === 1) return picture.kind;
    const ofFormat = alike.filter((each) => each.format === picture.format);
    if (ofFormat.length === 1) return picture.format === "dicom" ? `${picture.kind}, DICOM` : picture.kind;
    return `${picture.kind}: ${picture.name}`;
  }
  $("pictures").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const k = (active.picture.number + step + pictures.length) % pictures.length;
    show(pictures[k], active.frame).then(() => $("pictures").children[k].focus());
  });

  const button = (text, key, title, action) => {
    const made = make("button", { type: "button", title: `${title} (${key.toUpperCase()})` }, text, make("kbd", { textContent: key.toUpperCase() }));
    made.setAttribute("aria-pressed", "false");
    made.addEventListener("click", action);
    $("tools").append(made);
    return made;
  };
  for (const [name, key, title] of TOOLS) button(name, key, title, () => panes.choose(NAMED[name] ?? name)).dataset.tool = NAMED[name] ?? name;
  $("tools").append(make("span", { className: "gap" }));
  button("Invert", "i", "Black for white", () => panes.invert(active)).id = "invert";
  button("Flags", "f", "Flags in colour", () => setFlags(!$("flags-on").checked)).id = "flags-button";
  button("Compare", "c", "Two pictures side by side, moved together", () => compare(panes.panes.length === 1)).id = "compare";
  button("Fit", "r", "The whole picture", () => panes.reset()).removeAttribute("aria-pressed");
  button("1:1", "o", "One pixel of the picture on one of the screen", () => panes.zoomToPixels(active)).removeAttribute("aria-pressed");
  function setFlags(on) {
    $("flags-on").checked = on;
    $("flags-button").setAttribute("aria-pressed", String(on));
    for (const overlay of overlays.values()) {
      overlay.visible = on;
      overlay.draw();
    }
  }
  $("flags-on").addEventListener("change", () => setFlags($("flags-on").checked));
  const typedWindow = () => {
    const level = Number($("level").value), width = Number($("width").value);
    if (width > 0) panes.setWindow(active, level - width / 2, level + width / 2);
  };
  $("level").addEventListener("change", typedWindow);
  $("width").addEventListener("change", typedWindow);
  const auto = () => panes.setWindow(active, active.found.about.lower, active.found.about.upper);
  $("auto").addEventListener("click", auto);
  $("full").addEventListener("click", () => panes.setWindow(active, active.found.about.least, active.found.about.greatest));
  $("header").addEventListener("click", () => panes.setWindow(active, ...active.picture.window));
  $("magnification").addEventListener("change", () => {
    const value = Number($("magnification").value);
    typedMagnification = value >= 1 ? value : null;
    tellSpacing();
    tellMeasured();
    panes.panes.forEach(tellRuler);
    panes.redraw();
  });
  $("frame").addEventListener("input", () => show(active.picture, Number($("frame").value)));
  function play(on) {
    clearTimeout(playing);
    playing = null;
    $("play").setAttribute("aria-pressed", String(on));
    $("play").textContent = on ? "Stop" : "Play";
    if (!on) return;
    const pause = Math.min(Math.max(active.picture.frame_time_ms ?? 200, 33), 1000);
    let due = performance.now() + pause; // what drawing takes belongs to the pause
    const next = async () => {
      if (active.picture.frames < 2) return play(false);
      await show(active.picture, (active.frame + 1) % active.picture.frames);
      due = Math.max(due + pause, performance.now());
      if (playing !== null) playing = setTimeout(next, due - performance.now());
    };
    playing = setTimeout(next, pause);
  }
  $("play").addEventListener("click", () => play(playing === null));
  const step = (by) => active.picture.frames > 1 && show(active.picture, (active.frame + by + active.picture.frames) % active.picture.frames);

  const KEYS = {
    ...Object.fromEntries(TOOLS.map(([name, key]) => [key, () => panes.choose(NAMED[name] ?? name)])),
    i: () => panes.invert(active), f: () => setFlags(!$("flags-on").checked), c: () => compare(panes.panes.length === 1),
    r: () => panes.reset(), o: () => panes.zoomToPixels(active), a: auto, "+": () => panes.zoomBy(active, 1.25), "=": () => panes.zoomBy(active, 1.25),
    "-": () => panes.zoomBy(active, 0.8), ",": () => step(-1), ".": () => step(1), " ": () => active.picture.frames > 1 && play(playing === null),
    ArrowLeft: () => panes.panBy(active, 60, 0), ArrowRight: () => panes.panBy(active, -60, 0),
    ArrowUp: () => panes.panBy(active, 0, 60), ArrowDown: () => panes.panBy(active, 0, -60),
    Delete: () => panes.measurements().length && panes.drop(panes.measurements().at(-1)),
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox]):not([type=range]), textarea, select");
    if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
    if (event.target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
    if (event.key === " " && event.target.matches("button, summary, input")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const digit = /^[1-9]$/.test(key) ? pictures[Number(key) - 1] : null;
    if (digit) show(digit, active.frame);
    else if (KEYS[key]) KEYS[key]();
    else return;
    event.preventDefault();
  });
  const told = {
    "1 to 9": "pictures", "W P Z": "window, pan, zoom by dragging", "L M N": "length, MTF region, noise region", "I F C": "invert, flags, compare",
    "A R O": "window by itself, whole picture, pixel for pixel", "+ -, wheel, right button": "zoom", "arrows, middle button": "move the picture",
    ", . space": "frame before, after; play", Delete: "remove the last measurement",
  };
  $("keys").replaceChildren(...Object.entries(told).flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })]));
  if (said.left_out.length) {
    $("left-out").hidden = false;
    $("left-out").firstElementChild.textContent = `${said.left_out.length} file${said.left_out.length === 1 ? " is" : "s are"} not shown`;
    $("left-out").lastElementChild.replaceChildren(...said.left_out.map((text) => make("li", { textContent: text })));
  }

  // Beginning.

  panes.on("tool", (name) => {
    for (const each of $("tools").querySelectorAll("[data-tool]")) each.setAttribute("aria-pressed", String(each.dataset.tool === name));
  });
  panes.on("shown", (pane) => {
    const { picture } = pane;
    pane.title.replaceChildren(label(picture), make("small", { textContent: picture.frames > 1 ? `${picture.name}, frame ${pane.frame}` : picture.name }));
    pane.element.setAttribute("aria-label", `${picture.kind}, ${picture.name}`);
    tellRuler(pane);
    if (pane === active) tellAbout();
    showFlags(pane).then(() => pane === active && tellFlags());
  });
  panes.on("window", (pane) => {
    const { lower, upper } = panes.window(pane);
    pane.picture.voi = { lower, upper };
    if (pane === active) tellWindow();
  });
  panes.on("rendered", (pane) => {
    if (!pane.shown) return;
    overlays.get(pane)?.draw();
    tellRuler(pane);
  });
  panes.on("probe", tellProbe);
  $("drawn-here").hidden = Boolean(said.in_report);
  panes.on("measured", measured);
  new ResizeObserver(() => active?.shown && tellWindow()).observe($("histogram"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    tellWindow();
    tellMeasured();
  });
  try {
    await panes.start();
    activate(addPane());
    setFlags(true);
    await panes.show(active, pictures[0], 0);
    document.title = `${pictures[0].name}, radiography view`;
    for (const each of said.measured ?? []) { // what a report has measured, drawn over its pictures
      const picture = pictures[each.picture];
      const drawn = panes.draw(active, "MtfRegion", corners(each.region), picture);
      clearTimeout(results.get(drawn.annotationUID)?.timer);
      const region = Panes.region(drawn, picture.rows, picture.cols);
      results.set(drawn.annotationUID, { key: `${picture.number}/0:${region}`, region, picture, frame: 0, each: drawn, found: each.found });
      drawn.data.words = [each.found.mtf50 ? `MTF50 ${each.found.mtf50[0].toFixed(3)} ${each.found.per}` : "MTF"];
    }
    if (said.measured?.length) {
      panes.redraw();
      tellMeasured();
    }
    window.radiographyViewer.ready = true;
  } catch (error) {
    trouble(`The picture cannot be shown: ${error.message}`);
    window.radiographyViewer.error = String(error);
    throw error;
  }
})();
