import { parentPort, workerData } from "node:worker_threads";
import { Initiator, type InitiatorOptions } from "../../../gateway/iscsi/initiator.ts";

/** What the writer is given. */
export interface CountingWriterData {
  readonly options: InitiatorOptions;
  readonly targetName: string;
  /** Written one after the other with the same number, and then with the next. */
  readonly luns: readonly number[];
}

/* A host that writes to LUNs in turn, in a thread of its own, until it is told to stop. */
const { options, targetName, luns }: CountingWriterData = workerData;
const initiator = new Initiator(options);
const opened = await Promise.all(luns.map((lun) => initiator.openLun({ targetName, lun })));
let isOver = false;
parentPort?.on("message", () => {
  isOver = true;
});
for (let count = 1; !isOver; count++) {
  const block = new Uint8Array(512);
  new DataView(block.buffer).setUint32(0, count);
  for (const lun of opened) await lun.write(0, block);
  if (count === 1) parentPort?.postMessage("it writes");
}
await initiator.close();
parentPort?.close();
