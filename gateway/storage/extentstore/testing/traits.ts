import type { ClusterTraits } from "../../conformance/storage-under-test.ts";

/** What the conformance tests may ask of an extentstore. */
export const storeTraits: ClusterTraits = {
  stagesVolumes: true,
  isConsole: true,
  hasPools: true,
  atomicExtents: true,
  histories: 20,
  atOnce: 2,
};
