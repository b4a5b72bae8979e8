// Builds cornerstone3D with its own DICOM loader for cornerstone_page.html: node cornerstone.mjs FOLDER
// Core and tools are those of viewer/, the loader is that of `npm install` here. Workers and WebAssembly, which the
// loader looks for beside its modules, lie beside the page.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const viewer = path.join(here, "../../viewer");
const target = path.resolve(process.argv[2]);
const { build } = createRequire(path.join(viewer, "package.json"))("esbuild");
const packages = createRequire(path.join(here, "package.json"));

const places = {
  name: "places",
  setup(plan) {
    plan.onResolve({ filter: /^(xmlbuilder2|fs|path|util|events|buffer|url)$/ }, ({ path: name }) => ({ path: name, namespace: "none" }));
    plan.onResolve({ filter: /WebGPU\/Profiles\// }, ({ path: name }) => ({ path: name, namespace: "none" }));
    plan.onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: "module.exports = {};" }));
    plan.onLoad({ filter: /dicom-image-loader\/dist\/.*\.js$/ }, ({ path: file }) => ({
      contents: fs.readFileSync(file, "utf8").replace(/new URL\('([^']+)', import\.meta\.url\)/g, (_, name) => {
        if (name.startsWith(".")) return "new URL('/worker.js', self.location.href)";
        const found = packages.resolve(name);
        fs.copyFileSync(found, path.join(target, path.basename(found)));
        return `new URL('/${path.basename(found)}', self.location.href)`;
      }),
    }));
  },
};
const settings = {
  absWorkingDir: here, bundle: true, format: "iife", target: "es2021", logLevel: "error", plugins: [places],
  nodePaths: [path.join(viewer, "node_modules")], legalComments: "none",
};
const loader = path.join(here, "node_modules/@cornerstonejs/dicom-image-loader/dist/esm");
await build({ ...settings, entryPoints: [path.join(here, "cornerstone_page.js")], outfile: path.join(target, "page.js") });
await build({ ...settings, entryPoints: [path.join(loader, "decodeImageFrameWorker.js")], outfile: path.join(target, "worker.js") });
fs.copyFileSync(path.join(here, "cornerstone_page.html"), path.join(target, "page.html"));
