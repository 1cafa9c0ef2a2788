import { VisibleError } from "../../core/api/errors.ts";
import { attachmentsPerGateway } from "../../core/api/restore/attach.ts";
import type { ServeAttachment, ServingContext } from "../tasks/context.ts";
import { systemTime, type Time } from "../time/time.ts";
import { Serving } from "./serving.ts";
import type { SocketFolder } from "./sockets.ts";
import type { ReadingThreads } from "./threads/reading-threads.ts";

export interface AttachmentsOptions {
  readonly sockets: SocketFolder;
  /** What opens the readers of snapshots. */
  readonly readers: Pick<ReadingThreads, "open">;
  /** So many at once. */
  readonly most?: number;
  readonly time?: Time;
}

/** What serves the attachments of one gateway. */
export const createServeAttachment = (options: AttachmentsOptions): ServeAttachment => {
  const { sockets, readers, most = attachmentsPerGateway, time = systemTime } = options;
  let count = 0;
  return async (task, context) => {
    if (count >= most) throw full(most, context);
    count += 1;
    try {
      return await new Serving(task, context, { sockets, readers, time }).run();
    } finally {
      count -= 1;
    }
  };
};

const full = (most: number, { identity }: ServingContext) =>
  new VisibleError(
    "ATTACHMENTS_FULL",
    `The gateway “${identity.id}” serves ${most} attachments, and no more at once.`,
    {
      hint: `Detach one: smtx-backup group attachments --site ${identity.siteId}`,
    },
  );
