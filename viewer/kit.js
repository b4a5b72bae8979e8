// The parts of cornerstone3D that the viewer page works with; page.js finds them as window.viewerKit.
import {
  cache, Enums, eventTarget, imageLoader, init, metaData, RenderingEngine, utilities,
} from "@cornerstonejs/core";
import {
  addTool, annotation, Enums as ToolEnums, init as initTools, LengthTool, PanTool, RectangleROITool, ToolGroupManager,
  utilities as toolUtilities, WindowLevelTool, ZoomTool,
} from "@cornerstonejs/tools";

// Its own tool changes the width by numbers of at least 1; ours by ratios, so that pictures from 0 to 1 have a window.
class WindowTool extends WindowLevelTool {
  static toolName = "Window";

  getNewRange({ deltaPointsCanvas, lower, upper }) {
    const width = (upper - lower) * Math.exp(deltaPointsCanvas[0] / 250);
    const centre = (upper + lower) / 2 + (deltaPointsCanvas[1] * (upper - lower)) / 500;
    return { lower: centre - width / 2, upper: centre + width / 2 };
  }
}

// Measurements belong to the pixel grid, so each is shown over every picture of the same shape, in every pane.
const overAll = (Tool, name) =>
  class extends Tool {
    static toolName = name;

    filterInteractableAnnotationsForElement(element, annotations) {
      const shown = this.configuration.isShown;
      return (annotations ?? []).filter((each) => !shown || shown(each, element));
    }
  };

window.viewerKit = {
  addTool, annotation, cache, Enums, eventTarget, imageLoader, init, initTools, metaData, PanTool, RenderingEngine,
  ToolEnums, ToolGroupManager, toolUtilities, utilities, WindowTool, ZoomTool,
  LengthTool: overAll(LengthTool, "Length"),
  MtfTool: overAll(RectangleROITool, "MtfRegion"),
  NoiseTool: overAll(RectangleROITool, "NoiseRegion"),
};
