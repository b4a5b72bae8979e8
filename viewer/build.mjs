// Builds radiography/data/viewer/cornerstone.js and NOTICES.txt, the same bytes each time: npm ci && node build.mjs
// With a folder as argument both are written there instead, to compare.
import { build } from "esbuild";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const target = path.resolve(process.argv[2] ?? path.join(here, "../radiography/data/viewer"));

// Left out: what reads DICOM headers, XML and files, and renders by WebGPU. The page never comes there.
const leftOut = {
  name: "left-out",
  setup(plan) {
    plan.onResolve({ filter: /^dcmjs$/ }, () => ({ path: path.join(here, "without_dcmjs.js") }));
    plan.onResolve({ filter: /^(xmlbuilder2|url|fs|util|events|buffer)$/ }, ({ path: name }) => ({ path: name, namespace: "none" }));
    plan.onResolve({ filter: /WebGPU\/Profiles\// }, ({ path: name }) => ({ path: name, namespace: "none" }));
    plan.onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: "module.exports = {};" }));
  },
};

const built = await build({
  entryPoints: [path.join(here, "kit.js")], absWorkingDir: here, outfile: path.join(target, "cornerstone.js"),
  bundle: true, minify: true, format: "iife", target: "es2021", charset: "utf8", legalComments: "none", metafile: true,
  logLevel: "warning", plugins: [leftOut],
  banner: { js: "/* cornerstone3D 5.14.0 (MIT) and what it is made of: see NOTICES.txt */" },
});

// The licence of every package of which a line is in the bundle.
const packages = new Set();
for (const [input, { bytesInOutput }] of Object.entries(Object.values(built.metafile.outputs)[0].inputs)) {
  const found = input.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/); // the innermost one
  if (found && bytesInOutput > 0) packages.add(found[0]);
}
const mit = fs.readFileSync(path.join(here, "mit.txt"), "utf8").trim();
const wanted = /^(licen[cs]e|copying|notice)/i;
const notices = [...packages].sort().map((folder) => {
  const about = JSON.parse(fs.readFileSync(path.join(here, folder, "package.json"), "utf8"));
  const own = fs.readdirSync(path.join(here, folder)).filter((name) => wanted.test(name)).sort();
  const texts = own.map((name) => fs.readFileSync(path.join(here, folder, name), "utf8").replace(/\r\n/g, "\n").trim());
  const licence = typeof about.license === "string" ? about.license : about.license?.type;
  const author = typeof about.author === "string" ? about.author : (about.author?.name ?? about.contributors?.[0]?.name);
  if (!texts.length) {
    if (licence !== "MIT" || !author) throw new Error(`${about.name}: no text of its licence, ${licence}`);
    texts.push(`Its package holds no text of the licence; these are the words of MIT.\n\nCopyright (c) ${author}\n\n${mit}`);
  }
  return `${about.name} ${about.version} (${licence}${author ? `, ${author}` : ""})\n\n${texts.join("\n\n")}\n`;
});
const head = "cornerstone.js beside this file is made of these packages, under these licences.\n";
fs.writeFileSync(path.join(target, "NOTICES.txt"), [head, ...notices].join(`\n${"=".repeat(80)}\n\n`));
