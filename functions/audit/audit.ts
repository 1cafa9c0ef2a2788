import { randomUUID } from "node:crypto";
import { type AuditEntry, auditEntrySchema } from "../../core/api/audit.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { type Page, type PageRequest, readPage } from "../documents/page.ts";
import { auditKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

const keptSeconds = 400 * 24 * 3600;

/** Writes down who changed what; it is kept for 400 days. */
export const writeAudit = async (
  { store, clock }: Pick<Deps, "store" | "clock">,
  entry: Omit<AuditEntry, "at">,
): Promise<void> => {
  const at = clock.now();
  const body: AuditEntry = { at, ...entry };
  const expiresAt = addSeconds(at, keptSeconds);
  // Not by the request's id, which a client may choose.
  await store.putAll([{ key: auditKey(at, randomUUID()), body, expiresAt }]);
};

/** The newest first. */
export const listAudit = (deps: Pick<Deps, "store" | "log">, page: PageRequest): Promise<Page<AuditEntry>> =>
  readPage(deps, auditEntrySchema, auditKey("", ""), page, { descending: true });
