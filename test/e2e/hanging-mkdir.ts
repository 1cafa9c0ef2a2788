import { promises } from "node:fs";
import { syncBuiltinESMExports } from "node:module";

/**
 * The disk does not answer who makes a folder: `FIFO=path node --import hanging-mkdir.ts …`, where
 * nobody writes to the FIFO, so that the system holds the call as it does for a disk that is away.
 */
const fifo = process.env["FIFO"];
if (fifo === undefined) throw new Error("FIFO names no file");

promises.mkdir = async () => {
  process.stderr.write("a folder is being made\n");
  await promises.open(fifo);
  return undefined;
};
syncBuiltinESMExports();
