import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { TaskReport } from "../../core/api/report.ts";
import type { Attachment } from "../../core/api/restore/attach.ts";
import { attachmentSchema } from "../../core/api/restore/attach.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change, Key } from "../../core/ports/store.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import { type Page, type PageRequest, readPage } from "../documents/page.ts";
import type { Deps } from "../ports/deps.ts";
import { readRunPlan } from "../runs/facts.ts";

/** `Attachment`: one that goes on. */
const attachmentPrefix = "ATTACHMENT#";
const attachmentKey = (siteId: SiteId, runId: RunId | ""): Key => ({
  partition: `SITE#${siteId}`,
  sort: `${attachmentPrefix}${runId}`,
});

/** To be committed with the attachment's run. */
export const putAttachment = (attachment: Attachment): Change => ({
  type: "put",
  key: attachmentKey(attachment.siteId, attachment.runId),
  body: attachment,
  expect: "absent",
});

/** Undefined: it has ended, or there never was one. */
export const readAttachment = async (
  { store }: Pick<Deps, "store">,
  siteId: SiteId,
  runId: RunId,
): Promise<Attachment | undefined> => (await store.get<Attachment>(attachmentKey(siteId, runId)))?.body;

/** A site's attachments, in the order of their runs. */
export const listAttachments = (
  deps: Pick<Deps, "store" | "log">,
  siteId: SiteId,
  page: PageRequest,
): Promise<Page<Attachment>> => readPage(deps, attachmentSchema, attachmentKey(siteId, ""), page);

/**
 * A gateway says where it serves an attachment. Where two say so, since a third of them was taken
 * for dead, it is the one that began later. What a site says of that binds nobody else.
 */
export const noteAttached = async (
  deps: Pick<Deps, "store">,
  { runId, siteId, gatewayId, attached }: Extract<TaskReport, { kind: "working" }>,
): Promise<void> => {
  if (attached === undefined) return;
  const stored = await deps.store.get<Attachment>(attachmentKey(siteId, runId));
  if (stored === undefined) return;
  const before = stored.body.attached;
  if (before !== null && before.since >= attached.since) return;
  const body: Attachment = { ...stored.body, attached: { ...attached, gatewayId } };
  const { key, version } = stored;
  await ignoringConflict(() => deps.store.commit([{ type: "put", key, body, expect: { version } }]));
};

/** An attachment has ended. Idempotent. */
export const forgetAttachment = ({ store }: Pick<Deps, "store">, siteId: SiteId, runId: RunId): Promise<void> =>
  store.deleteAll([attachmentKey(siteId, runId)]);

/** So much later than its time is over, nobody is waited for who should have said so. */
const graceSeconds = 120;

/** Whether an attachment's time is over, and its gateway has had time to say so. */
export const isLongOver = async (deps: Pick<Deps, "store" | "clock">, runId: RunId): Promise<boolean> => {
  const { restore } = await readRunPlan(deps, runId);
  return restore?.attach !== undefined && addSeconds(restore.attach.until, graceSeconds) < deps.clock.now();
};
