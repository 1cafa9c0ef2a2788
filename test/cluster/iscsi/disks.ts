import { mkdtemp, open, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Initiator, type InitiatorOptions } from "../../../gateway/iscsi/initiator.ts";
import { Tgt, type TgtOptions } from "../tgt.ts";
import type { TgtTarget, TgtTargetOptions } from "../tgt-target.ts";

export const MiB = 2 ** 20;
export const targetName = "iqn.2020-01.test:disks";
export const initiatorName = "iqn.2020-01.test:us";

/** A target with one LUN on a sparse file. */
export interface TestedDisk {
  readonly tgt: Tgt;
  readonly target: TgtTarget;
  readonly file: string;
  readonly lunId: number;
  readonly sizeBytes: number;
}

/** A folder that is gone with the test. */
export const folderOf = async (context: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "iscsi-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

export const sparseFile = async (path: string, sizeBytes: number): Promise<string> => {
  await writeFile(path, "");
  await truncate(path, sizeBytes);
  return path;
};

export const startTgt = async (context: TestContext, options?: TgtOptions): Promise<Tgt> => {
  const tgt = await Tgt.start(options);
  context.after(() => tgt.stop());
  return tgt;
};

export const makeDisk = async (
  context: TestContext,
  options: Partial<TgtTargetOptions> & { sizeBytes?: number; lunId?: number; blockBytes?: number } = {},
): Promise<TestedDisk> => {
  const { sizeBytes = 16 * MiB, lunId = 1, blockBytes = 512, ...of } = options;
  const tgt = await startTgt(context);
  const target = await tgt.createTarget({ name: targetName, ...of });
  const file = await sparseFile(join(await folderOf(context), "disk"), sizeBytes);
  await target.addLun(lunId, file, { blockBytes });
  return { tgt, target, file, lunId, sizeBytes };
};

/** What a file holds there, without the initiator. */
export const bytesAt = async (file: string, offset: number, length: number): Promise<Buffer> => {
  const handle = await open(file);
  const bytes = Buffer.alloc(length);
  await handle.read(bytes, 0, length, offset);
  await handle.close();
  return bytes;
};

/** An initiator whose sessions end with the test. */
export const initiatorAt = (context: TestContext, tgt: Tgt, options: Partial<InitiatorOptions> = {}): Initiator => {
  const initiator = new Initiator({ portals: [tgt], initiatorName, ...options });
  context.after(() => initiator.close());
  return initiator;
};
