// Pictures and measurements from the server of `radiography view`. A report has kept.js in its place.
"use strict";
(function () {
  const TYPES = { uint16: Uint16Array, float32: Float32Array };

  async function load(picture, frame) {
    const answer = await fetch(`pixels/${picture.number}/${frame}`);
    if (!answer.ok) throw new Error((await answer.json()).error ?? `the server said ${answer.status}`);
    const about = JSON.parse(answer.headers.get("X-About"));
    return { values: new TYPES[about.type](await answer.arrayBuffer()), about };
  }

  async function ask(what, question) {
    const answer = await fetch(what, { method: "POST", body: JSON.stringify(question), headers: { "Content-Type": "application/json" } });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    return found;
  }

  async function list() {
    return (await fetch("pictures.json")).json();
  }

  window.radiographySource = { load, ask, list };
})();
