import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId, SiteId } from "../../core/api/ids.ts";
import type { AttachmentAnswer } from "../../core/api/restore/attach.ts";
import { answerOf } from "../context/client.ts";
import type { Api, Context } from "../context/context.ts";
import { readRun } from "./follow-run.ts";
import { listed } from "./pages.ts";

const pollMs = 300;
/** One that a gateway serves. */
export type ServedAttachment = AttachmentAnswer & { readonly attached: NonNullable<AttachmentAnswer["attached"]> };

const isServed = (attachment: AttachmentAnswer): attachment is ServedAttachment => attachment.attached !== null;

/** A gateway that is there takes a second. */
const waitSeconds = 60;

/** What is attached at all sites, or at one, of all groups or of one. */
export const readAttachments = async (
  context: Context,
  api: Api,
  filter: { readonly site?: string | undefined; readonly groupId?: GroupId } = {},
): Promise<readonly AttachmentAnswer[]> => {
  const sites = filter.site === undefined ? await siteIds(context, api) : [filter.site];
  const all: AttachmentAnswer[] = [];
  for (const site of sites) {
    const some = await listed(context, (query) =>
      answerOf(api.v1.sites[":site"].attachments.$get({ param: { site }, query })),
    );
    all.push(...some.filter(({ groupId }) => filter.groupId === undefined || groupId === filter.groupId));
  }
  return all;
};

const siteIds = async (context: Context, api: Api): Promise<readonly SiteId[]> =>
  (await listed(context, (query) => answerOf(api.v1.sites.$get({ query })))).map(({ id }) => id);

/**
 * Waits until a gateway serves an attachment.
 * @throws VisibleError what the run failed for; GATEWAY_ABSENT, when nobody serves it for a minute
 */
export const untilAttached = async ({ host }: Context, api: Api, run: string): Promise<ServedAttachment> => {
  const beganAtMs = host.time.nowMs();
  for (;;) {
    const found = await answerOf(api.v1.attachments[":run"].$get({ param: { run } })).catch((error: unknown) => {
      if (VisibleError.is(error, "RUN_ENDED")) return undefined;
      throw error;
    });
    if (found === undefined) throw await whyEnded(api, run);
    if (isServed(found)) return found;
    if (host.time.nowMs() - beganAtMs > waitSeconds * 1000) throw await whyNotYet(api, run);
    await host.time.sleep(pollMs, host.signal);
    host.signal.throwIfAborted();
  }
};

const whyEnded = async (api: Api, run: string): Promise<VisibleError> => {
  const { targets } = await readRun(api, run);
  const message = targets.map(({ reason }) => reason?.message).find((reason) => reason !== undefined);
  return new VisibleError("RUN_ENDED", message ?? "The attachment was ended before it was served.", {
    hint: `See: smtx-backup run show ${run}`,
  });
};

const whyNotYet = async (api: Api, run: string): Promise<VisibleError> => {
  const { targets } = await readRun(api, run);
  const why = targets.map(({ waitsFor }) => waitsFor).find((text) => text !== null);
  return new VisibleError("GATEWAY_ABSENT", why ?? `No gateway serves it after ${waitSeconds} s.`, {
    hint: `It is served when one is there: smtx-backup group attachments. To give it up: smtx-backup group detach ${run}`,
  });
};
