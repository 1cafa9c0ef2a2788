import type { Initiator } from "../../iscsi/initiator.ts";
import type { Time } from "../../time/time.ts";
import type { StorageCall } from "../call.ts";
import type { Database } from "../extentstore/database/database.ts";
import type { Background } from "./background.ts";
import type { Hands } from "./cluster/hands.ts";
import type { FoundCluster } from "./inventory/found.ts";
import { syncRecords } from "./inventory/sync.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { Holder } from "./reaper/holder.ts";
import type { Reaper } from "./reaper/reaper.ts";
import type { AskTokens } from "./records/comparing.ts";
import { generationOf } from "./records/generation.ts";
import { endRemoval, listRemovals, noteRemovals, type Removal } from "./records/removals.ts";

/** What all parts of the driver work with. */
export interface ClusterContext {
  readonly ledger: Ledger;
  readonly hands: Hands;
  readonly initiator: Initiator;
  /** What the cluster has now, without what is ours. */
  readonly find: (call?: StorageCall) => Promise<FoundCluster>;
  /** Undefined: nobody may ask for extent tables. */
  readonly extentTokens: AskTokens | undefined;
  /** Whether the nodes' command line may be used. */
  readonly hasCommandLine: boolean;
  /** Who holds what is open. */
  readonly holder: Holder;
  readonly reaper: Reaper;
  readonly background: Background;
  /** One that nobody sets. */
  readonly time: Time;
}

const looksMax = 20;

/** Reads the records beside what the cluster has now; nothing is kept of it. */
export const lookAt = async <T>(
  { ledger, find }: ClusterContext,
  work: (database: Database, found: FoundCluster) => T,
  call?: StorageCall,
): Promise<T> => {
  for (let looks = 1; ; looks++) {
    const generation = await ledger.read(generationOf, call);
    const found = await find(call);
    const looked = await ledger.suppose((database) => {
      // What was made meanwhile would be missing in what was found.
      if (generationOf(database) !== generation && looks < looksMax) return undefined;
      syncRecords(database, found);
      return { result: work(database, found) };
    }, call);
    if (looked !== undefined) return looked.result;
  }
};

/** Changes the records alone, and removes from the cluster what nothing in them stands for then. */
export const changeAndRemove = async (
  context: ClusterContext,
  work: (database: Database) => void,
  call?: StorageCall,
): Promise<void> => {
  await context.ledger.change((database) => {
    work(database);
    noteRemovals(database);
  }, call);
  await removeLeft(context, call);
};

/** What no row stands for any more goes from the cluster. */
export const removeLeft = async ({ ledger, hands }: ClusterContext, call?: StorageCall): Promise<void> => {
  const removals = await ledger.read(listRemovals, call);
  for (const removal of removals) {
    await remove(hands, removal, call);
    await ledger.change((database) => endRemoval(database, removal), call);
  }
};

const remove = (hands: Hands, { kind, id, made }: Removal, call: StorageCall | undefined): Promise<void> => {
  switch (kind) {
    case "manifest":
    case "snapshot":
      return hands.removeSnapshot(id, call);
    case "lun":
      return made === "rebuilt" ? hands.removeRebuilt({ kind, id }, call) : hands.removeLun(id, call);
    case "vm-volume":
    case "vm":
      return hands.removeRebuilt({ kind, id }, call);
  }
};
