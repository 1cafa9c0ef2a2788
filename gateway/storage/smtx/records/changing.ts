import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { FoundCluster } from "../inventory/found.ts";
import { syncRecords } from "../inventory/sync.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { generationOf, raiseGeneration } from "./generation.ts";
import { noteRemovals } from "./removals.ts";

export interface ClusterChange<T, R> {
  /** What is to be. Nothing that it throws leaves anything. */
  readonly plan: (database: Database) => T;
  /** Does on the cluster what that takes. */
  readonly realize: (planned: T, call: StorageCall) => Promise<R>;
  /** Writes down what the cluster has made of it. */
  readonly finish: (database: Database, planned: T, realized: R) => void;
}

const looksMax = 5;

/**
 * A change of the records that the cluster has a part in, one at a time on a cluster: planned
 * beside what the cluster has now, done there, and written down. Whoever dies in between has left
 * things that no record knows, which are removed one day.
 * @throws CLUSTER_BUSY when others change it all the time
 */
export const changeCluster = async <T, R>(
  { ledger, find }: { readonly ledger: Ledger; readonly find: (call?: StorageCall) => Promise<FoundCluster> },
  change: ClusterChange<T, R>,
  call?: StorageCall,
): Promise<T> => {
  for (let looks = 1; looks <= looksMax; looks++) {
    const generation = await ledger.read(generationOf, call);
    const found = await find(call);
    const done = await ledger.changeAround<Planned<T> | undefined, R | undefined>(
      {
        plan: (database) => {
          if (generationOf(database) !== generation) return undefined;
          syncRecords(database, found);
          return { planned: change.plan(database) };
        },
        realize: async (planned, watch) => (planned === undefined ? undefined : change.realize(planned.planned, watch)),
        finish: (database, planned, realized) => {
          if (planned === undefined) return;
          change.finish(database, planned.planned, realized as R);
          raiseGeneration(database);
          noteRemovals(database);
        },
      },
      call,
    );
    if (done !== undefined) return done.planned;
  }
  throw new VisibleError("CLUSTER_BUSY", "Other gateways change the cluster all the time.", {
    hint: "It will be tried again.",
  });
};

interface Planned<T> {
  readonly planned: T;
}
