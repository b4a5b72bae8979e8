// The page of `radiography view` in a frame of the report; it takes what it needs from here.
"use strict";
(function () {
  const host = document.getElementById("view");
  if (!host) return;
  const part = (name) => document.getElementById(`view-${name}`).textContent;
  const inflate = (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
  };
  window.radiographyKept = {
    said: JSON.parse(part("said")), pixels: JSON.parse(part("pixels")), inflate,
    kit: async () => new TextDecoder().decode(await inflate(part("kit"))),
  };
  const frame = document.createElement("iframe");
  frame.title = "Pictures";
  frame.srcdoc = JSON.parse(part("page"));
  host.append(frame);
})();
