import type { AuditEntry } from "../../core/api/audit.ts";
import type { GatewayId, Instant, SiteId } from "../../core/api/ids.ts";
import { type RefusedPeer, withRefused } from "../../core/api/refused.ts";
import type { Change, Key } from "../../core/ports/store.ts";
import { ignoringConflict, retrying } from "../documents/conflicts.ts";
import { refusedPeersKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { auditPut } from "./audit.ts";
import { minuteOf } from "./minute.ts";

/** What a gateway said within a minute that it has refused its peers. */
interface SaidRefused {
  /** Of the last word. */
  readonly at: Instant;
  readonly seenBy: { readonly siteId: SiteId; readonly gatewayId: GatewayId };
  readonly refused: readonly RefusedPeer[];
}

/**
 * Counts what a gateway says that it has refused its peers. It may lie about them: so each entry
 * names it, and a minute has of one gateway only as many as one report may have. A report that
 * comes twice counts twice. Never throws.
 */
export const auditRefusedPeers = async (
  deps: Pick<Deps, "store" | "clock" | "log" | "ids">,
  seenBy: SaidRefused["seenBy"],
  refused: readonly RefusedPeer[],
): Promise<void> => {
  const at = deps.clock.now();
  const { minute, ...when } = minuteOf(at);
  const key = refusedPeersKey(minute, seenBy.siteId, seenBy.gatewayId);
  try {
    await retrying(deps, async () => {
      const stored = await deps.store.get<SaidRefused>(key);
      const body: SaidRefused = { at, seenBy, refused: refused.reduce(withRefused, stored?.body.refused ?? []) };
      const expect = stored === undefined ? ("absent" as const) : { version: stored.version };
      await deps.store.commit([{ type: "put", key, body, expect, ...when }]);
    });
  } catch (error) {
    deps.log.error({ err: error, seenBy, refused }, "what a gateway refused could not be counted for the audit trail");
  }
};

/** Makes entries of what a gateway said within a minute, unless it is saying more right now. */
export const tellRefusedPeers = async ({ store }: Pick<Deps, "store">, key: Key): Promise<void> => {
  const said = await store.get<SaidRefused>(key);
  if (said === undefined) return;
  const isTold: Change = { type: "delete", key, expect: { version: said.version } };
  await ignoringConflict(() => store.commit([isTold, ...entriesOf(said.body).map(auditPut)]));
};

const entriesOf = ({ at, seenBy, refused }: SaidRefused): readonly AuditEntry[] =>
  refused.map(({ peer, code, times }) => ({
    at,
    actor: peer === undefined ? { kind: "stranger" } : { kind: "gateway", ...peer },
    ...{ method: "PEER", path: `${seenBy.siteId}/${seenBy.gatewayId}`, requestId: "alive" },
    refused: { code, times },
    seenBy,
  }));
