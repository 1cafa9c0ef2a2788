import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Initiator } from "../../gateway/iscsi/initiator.ts";
import type { Lun } from "../../gateway/iscsi/lun/lun.ts";
import { Tgt } from "../../test/cluster/tgt.ts";
import { runTool } from "../cases/tools.ts";
import { median } from "../measure/measurement.ts";

/** Bytes/s. */
export interface IscsiRate {
  readonly what: "read" | "write";
  readonly ours: number;
  readonly qemu: number;
}

const requestBytes = 2 ** 20;
const requestsInFlight = 16;
const bytesMax = 2 ** 30;
const passes = 5;
const targetName = "iqn.2020-01.bench:disk";

/**
 * Reads, and then writes, a copy of an image through tgtd and loopback, one after the other by our
 * initiator and `qemu-img bench`, with the same requests. What is shown are the medians.
 *
 * @param dir where the copy is for a while
 * @returns undefined where tgtd, or qemu's iSCSI, is missing, which is said
 */
export const measureIscsi = async (
  image: string,
  { dir, sizeBytes, say }: { dir: string; sizeBytes: number; say: (text: string) => void },
): Promise<readonly IscsiRate[] | undefined> => {
  const disk = join(dir, "iscsi.img");
  const tgt = await Tgt.start({ threads: 16 }).catch((error: Error) => say(`iSCSI is not measured: ${error.message}`));
  if (tgt === undefined) return undefined;
  const initiator = new Initiator({ portals: [tgt], initiatorName: "iqn.2020-01.bench:us" });
  try {
    await copyFile(image, disk);
    const target = await tgt.createTarget({ name: targetName });
    await target.addLun(1, disk);
    const lun = await initiator.openLun({ targetName, lun: 1 });
    const uri = `iscsi://${tgt.host}:${tgt.port}/${targetName}/1`;
    const bytes = Math.min(bytesMax, sizeBytes);
    return [await rateOf("read", { lun, uri, bytes }), await rateOf("write", { lun, uri, bytes })];
  } catch (error) {
    if (!String(error).includes("Unknown protocol")) throw error;
    say("iSCSI is not measured: qemu can't; install qemu-block-extra");
    return undefined;
  } finally {
    await initiator.close();
    await tgt.stop();
    await rm(disk, { force: true });
  }
};

interface Measured {
  readonly lun: Lun;
  readonly uri: string;
  readonly bytes: number;
}

/** The first pass of each is not counted: V8 compiles, and the page cache is filled. */
const rateOf = async (what: IscsiRate["what"], measured: Measured): Promise<IscsiRate> => {
  const rates = { ours: [] as number[], qemu: [] as number[] };
  for (let pass = 0; pass <= passes; pass++) {
    const [ours, qemu] = [await oursOnce(what, measured), await qemuOnce(what, measured)];
    if (pass === 0) continue;
    rates.ours.push(ours);
    rates.qemu.push(qemu);
  }
  return { what, ours: median(rates.ours), qemu: median(rates.qemu) };
};

const oursOnce = async (what: IscsiRate["what"], { lun, bytes }: Measured): Promise<number> => {
  const begunMs = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    const buffer = Buffer.alloc(requestBytes, 1);
    while (next < bytes) {
      const offset = next;
      next += requestBytes;
      await (what === "read" ? lun.read(offset, buffer) : lun.write(offset, buffer));
    }
  };
  await Promise.all(Array.from({ length: requestsInFlight }, worker));
  return bytes / ((performance.now() - begunMs) / 1000);
};

const qemuOnce = async (what: IscsiRate["what"], { uri, bytes }: Measured): Promise<number> => {
  const requests = ["-c", `${bytes / requestBytes}`, "-d", `${requestsInFlight}`, "-s", `${requestBytes}`];
  const said = await runTool("qemu-img", [
    ...["bench", "-f", "raw", "-t", "none", ...requests, ...(what === "write" ? ["-w"] : []), uri],
  ]);
  return bytes / Number(/completed in ([\d.]+) seconds/.exec(said)?.[1]);
};
