// Stands in for dcmjs, which cornerstone3D takes to read DICOM headers in the browser; here the server reads them.
const quiet = () => {};
const logger = () => ({
  trace: quiet, debug: quiet, info: quiet, warn: quiet, error: (...words) => console.error(...words),
  setLevel: quiet, getLogger: logger,
});
export const log = { ...logger(), getLogger: logger };
export const constants = {};
// Rules about display sets are checked against the dictionary when they are loaded; every keyword is known here.
const known = { value: { tag: "(0000,0000)", vr: "LO", vm: "1" }, configurable: true, enumerable: true, writable: true };
const nameMap = new Proxy({}, {
  get: (_, name) => (/^[A-Z]/.test(String(name)) ? known.value : undefined),
  getOwnPropertyDescriptor: (_, name) => (/^[A-Z]/.test(String(name)) ? known : undefined),
});
export default {
  data: { DicomMetaDictionary: { dictionary: {}, nameMap } },
  async: { AsyncDicomReader: class {} },
  utilities: { DicomMetadataListener: class {} },
};
