import { access, constants, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { VisibleError } from "../../core/api/errors.ts";
import { openStorage } from "../storage/open.ts";
import type { Check } from "./check.ts";

const gib = 1024 ** 3;
/** With less, the first backup would fill it. */
const freeBytesMin = gib;

/** That the storage can be opened, or made, and has room. */
export const checkStorage: Check = async ({ storage: config }) => {
  const there = await firstThere(config.dir);
  await access(there, constants.W_OK).catch((cause: unknown) => {
    throw new VisibleError("BAD_REQUEST", `This user may not write to ${there}.`, {
      hint: "Give the folder to the user that the gateway runs as.",
      cause,
    });
  });
  const { bavail, bsize } = await statfs(there);
  const freeBytes = bavail * bsize;
  if (freeBytes < freeBytesMin) {
    throw new VisibleError("STORE_FULL", `Only ${(freeBytes / gib).toFixed(1)} GiB are free in ${there}.`, {
      hint: "Make room, or put the storage on another disk.",
    });
  }
  const room = `${Math.floor(freeBytes / gib)} GiB free`;
  if (there !== config.dir) return `${config.kind}, to be made in ${config.dir}, ${room}`;
  const storage = await openStorage(config);
  try {
    return `${storage.kind}, ${(await storage.inventory()).length} objects, ${room}`;
  } finally {
    await storage.close();
  }
};

/** The folder, or the nearest above it that is there. */
const firstThere = async (dir: string): Promise<string> => {
  for (let at = dir; ; at = dirname(at)) {
    const isThere = await access(at).then(
      () => true,
      () => false,
    );
    if (isThere || dirname(at) === at) return at;
  }
};
