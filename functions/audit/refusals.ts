import type { Actor, AuditEntry } from "../../core/api/audit.ts";
import type { Instant } from "../../core/api/ids.ts";
import type { Change, Key } from "../../core/ports/store.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import { refusalKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { auditPut } from "./audit.ts";
import { minuteOf } from "./minute.ts";

/** What was refused, to whom, and why. */
export interface Refusal {
  /** Whom it is known to come from: a name that somebody merely claims makes him a stranger. */
  readonly actor: Actor;
  /** The stable code of the reason. */
  readonly code: string;
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
}

/** The last one of a minute. */
type LastRefusal = Refusal & { readonly at: Instant };

/** A path may be as long as a request's line. */
const charactersMax = 256;

const senderOf = (actor: Actor): string => {
  if (actor.kind === "token") return `token:${actor.id}`;
  // Whoever varies his name is still one.
  return actor.kind === "gateway" ? `gateway:${actor.siteId}/${actor.gatewayId}` : "stranger";
};

/**
 * Counts a refusal. The sweep makes one entry of the audit trail of all those of one sender, one
 * code and one minute. It costs one write, which many may do at once, and never throws: what was
 * refused stays refused.
 */
export const auditRefusal = async (deps: Pick<Deps, "store" | "clock" | "log">, refusal: Refusal): Promise<void> => {
  const at = deps.clock.now();
  const { actor, code } = refusal;
  const body: LastRefusal = {
    ...{ at, actor, code, requestId: refusal.requestId.slice(0, charactersMax) },
    ...{ method: refusal.method.slice(0, charactersMax), path: refusal.path.slice(0, charactersMax) },
  };
  const { minute, ...when } = minuteOf(at);
  const key = refusalKey(minute, senderOf(actor), code);
  try {
    // Put without an expectation, a document's version counts up by one, whoever else writes it.
    await deps.store.commit([{ type: "put", key, body, expect: "any", ...when }]);
  } catch (error) {
    deps.log.error({ err: error, ...body }, "a refusal could not be counted for the audit trail");
  }
};

/** Makes an entry of a minute's refusals, unless more are being counted right now. */
export const tellRefusals = async ({ store }: Pick<Deps, "store">, key: Key): Promise<void> => {
  const counted = await store.get<LastRefusal>(key);
  if (counted === undefined) return;
  const { code, ...last } = counted.body;
  const entry: AuditEntry = { ...last, refused: { code, times: counted.version } };
  const isCounted: Change = { type: "delete", key, expect: { version: counted.version } };
  await ignoringConflict(() => store.commit([auditPut(entry), isCounted]));
};
