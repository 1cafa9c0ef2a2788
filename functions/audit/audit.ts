import { randomUUID } from "node:crypto";
import { type AuditEntry, auditEntrySchema } from "../../core/api/audit.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change } from "../../core/ports/store.ts";
import { type Page, type PageRequest, readPage } from "../documents/page.ts";
import { auditKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

const keptSeconds = 400 * 24 * 3600;

/** The change that adds an entry to the audit trail; it is kept for 400 days. */
export const auditPut = (entry: AuditEntry): Change => ({
  type: "put",
  // Not by the request's id, which a client may choose.
  key: auditKey(entry.at, randomUUID()),
  body: entry,
  expect: "absent",
  expiresAt: addSeconds(entry.at, keptSeconds),
});

/** Writes down who changed what. */
export const writeAudit = ({ store, clock }: Pick<Deps, "store" | "clock">, entry: Omit<AuditEntry, "at">) =>
  store.commit([auditPut({ at: clock.now(), ...entry })]);

/** The newest first. */
export const listAudit = (deps: Pick<Deps, "store" | "log">, page: PageRequest): Promise<Page<AuditEntry>> =>
  readPage(deps, auditEntrySchema, auditKey("", ""), page, { descending: true });
