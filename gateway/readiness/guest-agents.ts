import { shownName } from "../../core/api/name.ts";
import type { PlanObject } from "../../core/api/plan.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { noGuestAgents } from "../storage/guest-agents.ts";

/**
 * Whether the guest agent of each of these VMs answers; what is none has none to wait for.
 * @returns why not, as a clause; undefined when all do
 * @throws GUEST_AGENT_ABSENT where the storage can't ask
 */
export const askAgents = async (
  objects: readonly PlanObject[],
  { storage, signal }: { readonly storage: Pick<StorageDriver, "guestAnswers">; readonly signal: AbortSignal },
): Promise<string | undefined> => {
  if (storage.guestAnswers === undefined) throw noGuestAgents();
  for (const { kind, id, name } of objects) {
    if (kind !== "vm" || (await storage.guestAnswers({ kind, id }, { signal }))) continue;
    return `that of “${shownName(name)}” does not answer`;
  }
  return undefined;
};
