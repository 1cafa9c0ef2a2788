import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageConformance } from "../conformance.ts";
import { openStorage } from "../open.ts";

const open = async () => {
  const dir = await mkdtemp(join(tmpdir(), "extentstore-"));
  const driver = await openStorage({ kind: "extentstore", dir });
  let current = driver;
  return {
    driver,
    reopen: async () => {
      await current.close();
      current = await openStorage({ kind: "extentstore", dir });
      return current;
    },
    close: async () => {
      await current.close();
      await rm(dir, { recursive: true });
    },
  };
};

storageConformance("extentstore", open, { stagesVolumes: true });
