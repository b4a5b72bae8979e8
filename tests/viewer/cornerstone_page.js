// window.viewer.open(file) shows a DICOM file as cornerstone3D and its loader understand it; told() says what is shown.
import { Enums, init, metaData, RenderingEngine } from "@cornerstonejs/core";
import { init as initLoader, wadouri } from "@cornerstonejs/dicom-image-loader";
import { addTool, annotation, Enums as ToolEnums, init as initTools, LengthTool, ToolGroupManager } from "@cornerstonejs/tools";

const element = document.getElementById("view");
let viewport = null, dataset = null, images = [];

async function start() {
  await init();
  initLoader({ maxWebWorkers: 1 });
  await initTools();
  const engine = new RenderingEngine("engine");
  engine.enableElement({ viewportId: "view", type: Enums.ViewportType.STACK, element });
  viewport = engine.getViewport("view");
  addTool(LengthTool);
  const group = ToolGroupManager.createToolGroup("tools");
  group.addTool(LengthTool.toolName);
  group.addViewport("view", "engine");
  group.setToolActive(LengthTool.toolName, { bindings: [{ mouseButton: ToolEnums.MouseBindings.Primary }] });
}
const started = start();

const drawn = () => new Promise((done) => element.addEventListener(Enums.Events.IMAGE_RENDERED, done, { once: true }));

window.viewer = {
  async open(file) {
    await started;
    annotation.state.removeAllAnnotations();
    const image = `wadouri:${new URL(file, location.href)}`;
    dataset = await wadouri.dataSetCacheManager.load(image.slice("wadouri:".length), undefined, image);
    const count = dataset.intString("x00280008") ?? 1;
    images = count > 1 ? Array.from({ length: count }, (_, k) => `${image}?frame=${k + 1}`) : [image];
    return images.length;
  },
  async show(frame) {
    await viewport.setStack(images, frame);
    const waiting = drawn();
    viewport.render();
    await waiting;
  },
  told() {
    const image = viewport.getCurrentImageId();
    const { voiRange, invert } = viewport.getProperties();
    const about = viewport.getImageData();
    return {
      voi: voiRange, invert: Boolean(invert), dimensions: about.dimensions, spacing: about.spacing,
      photometric: metaData.get("imagePixelModule", image).photometricInterpretation,
      calibration: about.calibration ?? null, orientation: dataset.string("x00200020"),
      frameTime: dataset.floatString("x00181063") ?? null, index: viewport.getCurrentImageIdIndex(),
    };
  },
  // Place of a pixel in the window: x, y.
  place(row, col) {
    const { imageData } = viewport.getImageData();
    const [x, y] = viewport.worldToCanvas(imageData.indexToWorld([col, row, 0]));
    const box = element.getBoundingClientRect();
    return [box.left + x, box.top + y];
  },
  lengths() {
    return annotation.state.getAllAnnotations().map((each) => Object.values(each.data.cachedStats)[0]);
  },
};
