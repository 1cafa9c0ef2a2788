import { storageConformance } from "../../../gateway/storage/conformance.ts";
import { openClusterUnderTest } from "./under-test.ts";

storageConformance("smtx", openClusterUnderTest, {
  stagesVolumes: false,
  isConsole: false,
  hasPools: false,
  atomicExtents: false,
  histories: 3,
  atOnce: 3,
});
