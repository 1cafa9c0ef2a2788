import type { RawFile } from "./raw-file.ts";

const sectorBytes = 512;
const headerBytes = 72;
const entryBytes = 4;
const compressedFlag = 1 << 16;
/** What a table may have; VMware has 512 entries. */
const entriesMax = 1_000_000;
/** An entry that says so is no grain: not there, or zeros. */
const lastNoGrain = 1;

/**
 * Where the last grain that a sparse extent of a VMDK disk refers to ends, in bytes of its file
 * (VMware's “Virtual Disk Format 5.0”, “Hosted Sparse Extents”): `qemu-img check` sees whether
 * grains begin inside the file, and not whether they end there.
 *
 * @returns 0 for an extent that is compressed, whose grains tell themselves, or of another kind
 * @throws IMAGE_UNREADABLE, also when the tables themselves are cut off
 */
export const sparseExtentEnd = async (extent: RawFile): Promise<number> => {
  const header = Buffer.alloc(headerBytes);
  await extent.read(0, header);
  const isCompressed = (header.readUInt32LE(8) & compressedFlag) !== 0;
  if (header.toString("latin1", 0, 4) !== "KDMV" || isCompressed) return 0;
  const [capacity, grainSectors] = [Number(header.readBigUInt64LE(12)), Number(header.readBigUInt64LE(20))];
  const entries = header.readUInt32LE(44);
  const tables = Math.ceil(capacity / (entries * grainSectors));
  if (!(tables > 0 && tables <= entriesMax && entries <= entriesMax)) return 0;
  const directory = Buffer.alloc(tables * entryBytes);
  await extent.read(Number(header.readBigUInt64LE(56)) * sectorBytes, directory);
  const table = Buffer.alloc(entries * entryBytes);
  let endSectors = 0;
  for (let index = 0; index < tables; index++) {
    const tableSector = directory.readUInt32LE(index * entryBytes);
    if (tableSector <= lastNoGrain) continue;
    await extent.read(tableSector * sectorBytes, table);
    for (let entry = 0; entry < entries; entry++) {
      const grainSector = table.readUInt32LE(entry * entryBytes);
      if (grainSector <= lastNoGrain) continue;
      // The last grain of the disk need not be there beyond the disk's end.
      const left = capacity - (index * entries + entry) * grainSectors;
      endSectors = Math.max(endSectors, grainSector + Math.min(grainSectors, left));
    }
  }
  return endSectors * sectorBytes;
};
