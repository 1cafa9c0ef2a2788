import { Backups, type Size } from "./backups.ts";

/** What one run took of DynamoDB. */
export interface RunFigures {
  readonly writeUnits: number;
  /** How many of them were the index's. */
  readonly indexWriteUnits: number;
  readonly readUnits: number;
  readonly requests: number;
}

export interface SizeFigures extends Size {
  /** The plan's first run. */
  readonly first: RunFigures;
  /** The second: it also deletes the restore points of the first, and says when what is known of it expires. */
  readonly next: RunFigures;
  readonly itemBytesMax: number;
  readonly messageBytesMax: number;
}

export type Kind = "first" | "next";

const sumOf = ({ world }: Backups): RunFigures => {
  const { write, indexWrite, read } = world.table.capacity;
  return {
    writeUnits: write,
    indexWriteUnits: indexWrite,
    readUnits: read,
    requests: world.table.counts.requests,
  };
};

const playOne = async (backups: Backups): Promise<RunFigures> => {
  const before = sumOf(backups);
  await backups.run();
  const after = sumOf(backups);
  return {
    writeUnits: after.writeUnits - before.writeUnits,
    indexWriteUnits: after.indexWriteUnits - before.indexWriteUnits,
    readUnits: after.readUnits - before.readUnits,
    requests: after.requests - before.requests,
  };
};

/** Plays two runs of a plan through the real engine, with sites that answer at once. */
export const measureRuns = async (size: Size): Promise<SizeFigures> => {
  const backups = new Backups(size);
  await backups.addPlan();
  const first = await playOne(backups);
  const next = await playOne(backups);
  const { table, counts } = backups.world;
  return { ...size, first, next, itemBytesMax: table.counts.itemBytesMax, messageBytesMax: counts.messageBytesMax };
};
