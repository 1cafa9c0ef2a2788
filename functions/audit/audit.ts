import { randomUUID } from "node:crypto";
import { type AuditEntry, auditEntrySchema } from "../../core/api/audit.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change } from "../../core/ports/store.ts";
import { type Page, type PageRequest, readPage } from "../documents/page.ts";
import { auditKey } from "../documents/records.ts";
import { decodeCursor, encodeCursor } from "../documents/store-rules.ts";
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

/**
 * The newest first. Whoever knew an entry's key could put another in its place: so a cursor has
 * only as much of it as tells entries of one instant apart.
 */
export const listAudit = async (deps: Pick<Deps, "store" | "log">, page: PageRequest): Promise<Page<AuditEntry>> => {
  const { cursor, ...found } = await readPage(deps, auditEntrySchema, auditKey("", ""), page, { descending: true });
  return { ...found, ...(cursor !== undefined && { cursor: cutCursor(cursor) }) };
};

/** Listed backwards, a key comes before the text that it begins with: so nothing comes twice. */
const cutCursor = (cursor: string): string => {
  const sort = decodeCursor(cursor, "");
  return encodeCursor(sort.slice(0, sort.lastIndexOf("#") + 1 + shownCharacters));
};

/** Of the random part of a key, 32 hexadecimal digits and dashes: 48 bits, which leaves 74. */
const shownCharacters = 13;
