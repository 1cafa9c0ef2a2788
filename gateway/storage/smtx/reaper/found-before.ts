import type { StorageCall } from "../../call.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { ourName, probePrefix } from "../names.ts";
import { isBegun, putFoundBefore } from "./known.ts";
import type { OurThing, Remains } from "./remains.ts";

/**
 * To be called before anything is made: what new records find on the cluster is of others that are
 * lost, and is not removed. What a probe makes is never anybody's for long.
 * @param isNeedless what nothing is lost with, of what is found
 */
export const findBefore = async (
  { ledger, remains }: { readonly ledger: Ledger; readonly remains: Remains },
  call?: StorageCall,
  isNeedless: (name: string) => boolean = () => false,
): Promise<void> => {
  if (await ledger.read(isBegun, call)) return;
  const isOthers = ({ name }: OurThing) =>
    name !== ourName("ledger") && !name.startsWith(probePrefix) && !isNeedless(name);
  const there = (await remains.list([], call)).filter(isOthers);
  await ledger.change((database) => putFoundBefore(database, there), call);
};
