// Pictures that a report holds, which has no server: numbers of 16 bits, deflated; noise is measured here, an MTF is not.
"use strict";
(function () {
  const kept = window.parent.radiographyKept;
  const LEAST_SIDE = 2; // pixels of a region for its noise

  // Codes of 16 bits, first all high bytes, then all low ones. Those of other types than uint16 stand for numbers from
  // `low` (code 1) to `high` (65535); 0 is none.
  async function unpack({ data, about, low, high }) {
    const bytes = new Uint8Array(await kept.inflate(data));
    const size = bytes.length / 2;
    const values = low === null ? new Uint16Array(size) : new Float32Array(size);
    for (let k = 0; k < size; k++) {
      const code = (bytes[k] << 8) | bytes[size + k];
      values[k] = low === null ? code : code ? low + ((code - 1) * (high - low)) / 65534 : NaN;
    }
    return { values, about: { ...about } };
  }

  const unpacked = new Map();
  function load({ number }) {
    if (!unpacked.has(number)) unpacked.set(number, unpack(kept.pixels[number]));
    return unpacked.get(number);
  }

  // Solution of three equations with a symmetric matrix.
  function solve(a, b) {
    for (let i = 0; i < 3; i++) {
      for (let j = i + 1; j < 3; j++) {
        const factor = a[j][i] / a[i][i];
        for (let k = i; k < 3; k++) a[j][k] -= factor * a[i][k];
        b[j] -= factor * b[i];
      }
    }
    const x = [0, 0, 0];
    for (let i = 2; i >= 0; i--) x[i] = (b[i] - x.slice(i + 1).reduce((sum, value, k) => sum + a[i][i + 1 + k] * value, 0)) / a[i][i];
    return x;
  }

  // As `region_noise` on the server: mean, standard deviation, and that about a fitted plane, without flagged pixels.
  async function noise(picture, [r0, r1, c0, c1]) {
    if (picture.step > 1) throw new Error(`the report holds means of ${picture.step} x ${picture.step} pixels, whose noise is not theirs: radiography view measures it, or a report of a --part`);
    if (Math.min(r1 - r0, c1 - c0) < LEAST_SIDE) throw new Error(`noise needs ${LEAST_SIDE} x ${LEAST_SIDE} pixels or more, got ${r1 - r0} x ${c1 - c0}`);
    const { values } = await load(picture);
    const flags = picture.flags === null ? null : (await load(kept.said.pictures[picture.flags])).values;
    const visit = (look) => {
      for (let r = r0; r < r1; r++) {
        for (let c = c0, at = r * picture.cols + c0; c < c1; c++, at++) {
          if (Number.isFinite(values[at]) && !(flags && flags[at] & kept.said.left_out_bits)) look(r, c, values[at]);
        }
      }
    };
    let pixels = 0, least = Infinity, greatest = -Infinity;
    const mean = [0, 0, 0];
    visit((r, c, value) => {
      pixels++;
      [least, greatest] = [Math.min(least, value), Math.max(greatest, value)];
      [r, c, value].forEach((each, k) => (mean[k] += each));
    });
    if (pixels < LEAST_SIDE ** 2) throw new Error(`only ${pixels} pixels of the region hold a measurement of their own`);
    mean.forEach((sum, k) => (mean[k] = sum / pixels));
    const a = [[0, 0, 0], [0, 0, 0], [0, 0, 0]], b = [0, 0, 0];
    let squares = 0;
    visit((r, c, value) => {
      const at = [1, r - mean[0], c - mean[1]], off = value - mean[2];
      squares += off * off;
      for (let i = 0; i < 3; i++) {
        b[i] += at[i] * off;
        for (let j = 0; j < 3; j++) a[i][j] += at[i] * at[j];
      }
    });
    const sd = Math.sqrt(squares / (pixels - 1));
    const known = [...b], tilt = solve(a, b);
    const flat = pixels > 3 ? Math.sqrt(Math.max(squares - tilt.reduce((sum, each, k) => sum + each * known[k], 0), 0) / (pixels - 3)) : sd;
    const notes = [];
    if (picture.kind === "raw") notes.push("raw: the mean holds the panel's offset, so that mean / SD is no signal-to-noise ratio");
    else if (!picture.linear) notes.push("not linear in exposure: mean / SD is no signal-to-noise ratio");
    if (flat < 0.9 * sd) notes.push("the field slopes across the region: the SD about a fitted plane is the noise");
    return {
      mean: mean[2], sd, sd_about_plane: flat, snr: flat > 0 ? mean[2] / flat : null, least, greatest, pixels,
      left_out: (r1 - r0) * (c1 - c0) - pixels, unit: picture.unit, notes,
    };
  }

  async function ask(what, { picture: number, region }) {
    const picture = kept.said.pictures[number];
    if (what === "noise") return noise(picture, region);
    const { step, first } = picture;
    const [r0, r1, c0, c1] = region.map((value, k) => value * step + first[k >> 1]);
    if (!picture.linear) throw new Error("an MTF needs an image that is linear in exposure: raw or corrected");
    return { elsewhere: `${picture.command} --roi ${r0}:${r1},${c0}:${c1}` };
  }

  window.radiographySource = { load, ask, list: () => kept.ready.then(() => kept.said) };
  kept.ready = kept.kit().then((text) => {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
  });
})();
