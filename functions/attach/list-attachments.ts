import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Attachment, AttachmentAnswer } from "../../core/api/restore/attach.ts";
import type { Progresses, Shard } from "../../core/api/run.ts";
import { boundedSum } from "../../core/run/bounded-sum.ts";
import { listAttachments, readAttachment } from "../attachments/attachments.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import type { Page, PageRequest } from "../documents/page.ts";
import type { Deps } from "../ports/deps.ts";
import { needRun } from "../runs/runs.ts";
import { readShards } from "../runs/shards.ts";

const lookUpsAtOnce = 8;

/** A site's attachments that go on, with what was read of each. */
export const listToShow = async (deps: Deps, siteId: SiteId, page: PageRequest): Promise<Page<AttachmentAnswer>> => {
  const { items, ...rest } = await listAttachments(deps, siteId, page);
  return { ...rest, items: await mapBounded(items, lookUpsAtOnce, (one) => withReads(deps, one)) };
};

/** @throws VisibleError RUN_UNKNOWN; RUN_ENDED, when it is over */
export const readToShow = async (deps: Deps, runId: RunId): Promise<AttachmentAnswer> => {
  const { run } = await needRun(deps, runId);
  for (const siteId of Object.keys(run.targets) as SiteId[]) {
    const found = await readAttachment(deps, siteId, runId);
    if (found !== undefined) return withReads(deps, found);
  }
  throw new VisibleError("RUN_ENDED", `The run ${runId} is no attachment that goes on.`, {
    hint: `See what became of it with: smtx-backup run show ${runId}`,
  });
};

const withReads = async (deps: Deps, attachment: Attachment): Promise<AttachmentAnswer> => {
  const { runId, siteId } = attachment;
  const shards = await readShards(deps, runId, siteId, "attaching");
  const some = shards.flatMap(({ body }) => progressesIn(body));
  return { ...attachment, bytesRead: boundedSum(some.map(({ bytesRead }) => bytesRead)) };
};

const progressesIn = ({ done, progress }: Shard): readonly Progresses[] => [done ?? [], progress ?? []].flat();
