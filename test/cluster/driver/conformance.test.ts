import { storageConformance } from "../../../gateway/storage/conformance.ts";
import { openClusterUnderTest } from "./under-test.ts";

storageConformance("smtx", openClusterUnderTest, {
  stagesVolumes: false,
  isConsole: false,
  hasPools: false,
  atomicExtents: false,
  putsPartsBack: false,
  histories: 3,
});
