import assert from "node:assert";
import { parentPort, workerData } from "node:worker_threads";
import { storageConfigSchema } from "../../storage/config.ts";
import { openDriver } from "../../storage/open.ts";
import type { SnapshotReader } from "../../storage/volume-io.ts";
import { packError } from "../../transfer/threads/packed-error.ts";
import type { ReadingAnswer, ReadingCall, ReadingRequest } from "./messages.ts";

/** What a thread runs that reads snapshots: it has the storage open for itself. */
const storage = await openDriver(storageConfigSchema.parse(workerData));
const readers = new Map<number, SnapshotReader>();
let opened = 0;

const readerOf = ({ reader }: { readonly reader: number }): SnapshotReader => {
  const found = readers.get(reader);
  assert(found !== undefined, "a reader that is not open");
  return found;
};

const perform = async (call: ReadingCall): Promise<unknown> => {
  switch (call.do) {
    case "open":
      readers.set(++opened, await storage.readSnapshot(call.handle));
      return opened;
    case "read":
      await readerOf(call).read(call.offset, Buffer.from(call.buffer, 0, call.length));
      return call.buffer;
    case "map":
      return readerOf(call).extentMap();
    case "blocks": {
      const blocks = await readerOf(call).extentBlocks(call.extent);
      return blocks && { hashes: blocks.hashes };
    }
    case "close": {
      const reader = readerOf(call);
      readers.delete(call.reader);
      return reader.close();
    }
    case "end":
      await storage.close();
      process.exit(0);
  }
};

parentPort?.on("message", async ({ id, call }: ReadingRequest) => {
  const answer = (said: ReadingAnswer) => parentPort?.postMessage(said, call.do === "read" ? [call.buffer] : []);
  try {
    answer({ id, value: await perform(call) });
  } catch (error) {
    answer({ id, failure: packError(error) });
  }
});
