import { printableJson } from "../../core/api/name.ts";

/**
 * A document as `--json` prints it. Instants have no fractions of a second there, and end in Z: the
 * one form of ISO 8601 that jq's `fromdateiso8601` reads. The API keeps its milliseconds.
 */
export const printedJson = (document: unknown): string => printableJson(JSON.stringify(printed(document)));

/**
 * The names of fields that hold an instant. What looks like one elsewhere is somebody's text, a
 * name for example. A test holds this list against the schemas.
 */
export const instantFields: ReadonlySet<string> = new Set([
  "after",
  "askedAt",
  "at",
  "createdAt",
  "endedAt",
  "endsAt",
  "expiresAt",
  "firstSlot",
  "from",
  "goneSince",
  "keepUntil",
  "keptUntil",
  "lastSeenAt",
  "lastSlot",
  "lateFrom",
  "manualSlot",
  "newestTakenAt",
  "nextSlot",
  "observedAt",
  "publishedAt",
  "putBackAt",
  "resumedAt",
  "retryAt",
  "revocationsAt",
  "settledAt",
  "since",
  "slot",
  "slots",
  "slotsDoneUntil",
  "slotsSince",
  "startedAt",
  "takenAt",
  "until",
]);

/** Their keys are people's. */
const foreignFields: ReadonlySet<string> = new Set(["labels", "switches", "switchMaps", "request"]);

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

const printed = (value: unknown, field = ""): unknown => {
  if (typeof value === "string") return instantFields.has(field) && instant.test(value) ? inSeconds(value) : value;
  if (typeof value !== "object" || value === null || foreignFields.has(field)) return value;
  if (Array.isArray(value)) return value.map((one) => printed(one, field));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, printed(one, name)]));
};

/** The second that has begun. */
const inSeconds = (text: string): string => new Date(text).toISOString().replace(/\.\d+Z$/, "Z");
