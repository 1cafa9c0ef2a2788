import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { FoundCluster } from "../inventory/found.ts";
import { syncRecords } from "../inventory/sync.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { LongCall } from "../ledger/long-changes.ts";
import { OneAtATime } from "../ledger/one-at-a-time.ts";
import { generationOf, raiseGeneration } from "./generation.ts";
import { noteRemovals } from "./removals.ts";

export interface ClusterChange<T, R> {
  /**
   * What is to be. Nothing that it throws leaves anything.
   * @param found undefined where nobody has looked
   */
  readonly plan: (database: Database, found: FoundCluster | undefined) => T;
  /** Does on the cluster what that takes. */
  readonly realize: (planned: T, call: LongCall) => Promise<R>;
  /** Writes down what the cluster has made of it. */
  readonly finish: (database: Database, planned: T, realized: R) => void;
}

interface Parts {
  readonly ledger: Ledger;
  readonly find: (call?: StorageCall) => Promise<FoundCluster>;
}

const looksMax = 20;

/**
 * A change of the records that the cluster has a part in, one at a time on a cluster: planned
 * beside what the cluster has now, done there, and written down. Whoever dies in between has left
 * things that no record knows, which are removed one day.
 * @throws CLUSTER_BUSY when others change it all the time
 */
export const changeCluster = <T, R>(parts: Parts, change: ClusterChange<T, R>, call?: StorageCall): Promise<T> => {
  // Who looks while others of this process change it would only have to look again.
  const turns = ofLedger.get(parts.ledger) ?? new OneAtATime();
  ofLedger.set(parts.ledger, turns);
  return turns.run(call?.signal, () => lookAndChange(parts, change, call));
};

const ofLedger = new WeakMap<Ledger, OneAtATime>();

const lookAndChange = async <T, R>(
  parts: Parts,
  change: ClusterChange<T, R>,
  call: StorageCall | undefined,
): Promise<T> => {
  const { ledger, find } = parts;
  for (let looks = 1; looks <= looksMax; looks++) {
    const generation = await ledger.read(generationOf, call);
    const found = await find(call);
    const done = await changeBeside(
      parts,
      {
        ...change,
        plan: (database) => {
          // What was made meanwhile would be missing in what was found.
          if (generationOf(database) !== generation) return undefined;
          syncRecords(database, found);
          return { planned: change.plan(database, found) };
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

/** The same without a look at what the cluster has: for what is about our own things there. */
export const changeOurs = async <T, R>(parts: Parts, change: ClusterChange<T, R>, call?: StorageCall): Promise<T> => {
  const plan = (database: Database) => ({ planned: change.plan(database, undefined) });
  const done = await changeBeside(parts, { ...change, plan }, call);
  if (done === undefined) throw new TypeError("a plan came to nothing");
  return done.planned;
};

interface Planned<T> {
  readonly planned: T;
}

const changeBeside = <T, R>(
  { ledger }: Parts,
  change: Omit<ClusterChange<T, R>, "plan"> & { readonly plan: (database: Database) => Planned<T> | undefined },
  call: StorageCall | undefined,
): Promise<Planned<T> | undefined> =>
  ledger.changeAround<Planned<T> | undefined, R | undefined>(
    {
      plan: change.plan,
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
