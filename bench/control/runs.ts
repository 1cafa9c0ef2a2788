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
  /**
   * The second: it also deletes the restore points of the first, and says when what is
   * known of it expires.
   */
  readonly next: RunFigures;
  /**
   * Three months later: what is known of the first is deleted. It is no part of a run, and
   * is paid all the same.
   */
  readonly forgotten: RunFigures;
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

const taken = async (backups: Backups, act: () => Promise<unknown>): Promise<RunFigures> => {
  const before = sumOf(backups);
  await act();
  const after = sumOf(backups);
  return less(after, before, 1);
};

const less = (figures: RunFigures, others: RunFigures, times: number): RunFigures => ({
  writeUnits: figures.writeUnits - times * others.writeUnits,
  indexWriteUnits: figures.indexWriteUnits - times * others.indexWriteUnits,
  readUnits: figures.readUnits - times * others.readUnits,
  requests: figures.requests - times * others.requests,
});

/** Sweeps look for what is due whether there is anything or not. */
const forget = async (backups: Backups): Promise<RunFigures> => {
  const inVain = await taken(backups, () => backups.world.sweep());
  let sweeps = 0;
  const all = await taken(backups, async () => {
    sweeps = await backups.forget();
  });
  return less(all, inVain, sweeps);
};

/** Plays two runs of a plan through the real engine, with sites that answer at once. */
export const measureRuns = async (size: Size): Promise<SizeFigures> => {
  const backups = new Backups(size);
  await backups.addPlan();
  const first = await taken(backups, () => backups.run());
  const next = await taken(backups, () => backups.run());
  const forgotten = await forget(backups);
  const { itemBytesMax } = backups.world.table.counts;
  const { messageBytesMax } = backups.world.counts;
  return { ...size, first, next, forgotten, itemBytesMax, messageBytesMax };
};
