import { VisibleError } from "../../../core/api/errors.ts";
import type { IscsiCall } from "../call.ts";
import { inquiry, readCapacity16, reportLuns } from "../scsi/cdb.ts";
import { lunIdOf } from "../scsi/lun-address.ts";
import { CommandUnsupported } from "../scsi/meaning.ts";
import {
  type BlockLimits,
  blockLimitsBytes,
  blockLimitsOf,
  blockLimitsPage,
  capacityBytes,
  capacityOf,
  type DiskCapacity,
  type DiskIdentity,
  diskIdentityOf,
  inquiryBytes,
} from "../scsi/shape.ts";
import type { Ask } from "./nexus.ts";

/** For as many LUNs as a target of one level can have. */
const lunListBytes = 8 + 8 * 16_384;

/** @throws VOLUME_UNKNOWN when it is no disk, or not there */
export const identityOf = async (ask: Ask, name: string, call?: IscsiCall): Promise<DiskIdentity> => {
  const identity = diskIdentityOf(await answerTo(ask, (bytes) => inquiry(undefined, bytes), inquiryBytes, call));
  if (identity === undefined) throw new VisibleError("VOLUME_UNKNOWN", `${name} is not there.`);
  return identity;
};

/** @throws DISK_FAILED when what it says can't be */
export const capacityAt = async (ask: Ask, name: string, call?: IscsiCall): Promise<DiskCapacity> => {
  const capacity = capacityOf(await answerTo(ask, readCapacity16, capacityBytes, call));
  if (capacity === undefined) throw new VisibleError("DISK_FAILED", `${name} does not say how large it is.`);
  return capacity;
};

export const blockLimitsAt = async (ask: Ask, call?: IscsiCall): Promise<BlockLimits> => {
  try {
    return blockLimitsOf(await answerTo(ask, (bytes) => inquiry(blockLimitsPage, bytes), blockLimitsBytes, call));
  } catch (error) {
    if (error instanceof CommandUnsupported) return { transferBlocksMax: 0, unmapBlocksMax: 0 };
    throw error;
  }
};

/** @returns the ids that one level of addressing has, which are all that we can open */
export const lunsAt = async (ask: Ask, call?: IscsiCall): Promise<readonly number[]> => {
  const list = await answerTo(ask, reportLuns, lunListBytes, call);
  const entries = Array.from({ length: Math.max(0, Math.floor(list.length / 8) - 1) }, (_, i) =>
    list.subarray(8 * i + 8),
  );
  return entries.map(lunIdOf).filter((id) => id !== undefined);
};

const answerTo = async (
  ask: Ask,
  cdbOf: (bytes: number) => Buffer,
  bytes: number,
  call: IscsiCall | undefined,
): Promise<Buffer> => {
  const into = Buffer.alloc(bytes);
  const { received } = await ask({ cdb: cdbOf(bytes), into }, call);
  return into.subarray(0, received);
};
