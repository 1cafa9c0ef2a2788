import { createServer } from "node:net";
import { hostname } from "node:os";
import { VisibleError } from "../../core/api/errors.ts";
import { type Attached, attachmentsPerGateway } from "../../core/api/restore/attach.ts";
import type { Progress } from "../../core/api/run.ts";
import type { AttachTask } from "../../core/api/task.ts";
import { NbdServer } from "../nbd/server.ts";
import { ownerOf, type ServeAttachment, type ServingContext } from "../tasks/context.ts";
import { systemTime, type Time } from "../time/time.ts";
import { closeAll, type OpenExport, openExports } from "./exports.ts";
import type { SocketFolder } from "./sockets.ts";

/** How often it is looked whether an attachment is still wanted: so soon is a detach heard. */
const lookMs = 1_000;
/** What clients have asked for may take so long when it ends. */
const closeSeconds = 2;

export interface AttachmentsOptions {
  readonly sockets: SocketFolder;
  readonly most?: number;
  readonly time?: Time;
}

/**
 * What serves the attachments of a gateway, so many at once.
 */
export const createServeAttachment = (options: AttachmentsOptions): ServeAttachment => {
  const { sockets, most = attachmentsPerGateway, time = systemTime } = options;
  let count = 0;
  return async (task, context) => {
    if (count >= most) throw full(most, context);
    count += 1;
    try {
      return await new Serving(task, context, { sockets, time }).run();
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

/** One attachment while it is served here. */
class Serving {
  readonly #task: AttachTask;
  readonly #context: ServingContext;
  readonly #sockets: SocketFolder;
  readonly #time: Time;
  #bytesRead = 0;

  constructor(
    task: AttachTask,
    context: ServingContext,
    { sockets, time }: Required<Pick<AttachmentsOptions, "sockets" | "time">>,
  ) {
    this.#task = task;
    this.#context = context;
    this.#sockets = sockets;
    this.#time = time;
  }

  async run(): Promise<Progress> {
    if (await this.#isOver()) return this.#progress("done", []);
    const opened = await openExports(this.#context.storage, this.#task, (bytes) => {
      this.#bytesRead += bytes;
    });
    try {
      await this.#serve(opened);
      return this.#progress("done", opened);
    } finally {
      await closeAll(opened);
    }
  }

  async #serve(opened: readonly OpenExport[]): Promise<void> {
    const { log } = this.#context;
    const nbd = new NbdServer({ exports: opened.map(({ served }) => served), log });
    const server = createServer((socket) => nbd.accept(socket));
    const socket = await this.#sockets.listen(server, this.#task.runId);
    try {
      await this.#context.onAttached(this.#attached(socket.path, opened));
      await this.#untilOver(opened, socket.isThere);
    } finally {
      await socket.remove();
      server.close();
      await nbd.close(closeSeconds);
    }
  }

  /** @throws FENCED, when another gateway serves it in this one's place; the signal's reason */
  async #untilOver(opened: readonly OpenExport[], isThere: () => Promise<boolean>): Promise<void> {
    const { signal } = this.#context;
    while (!(await this.#isOver())) {
      if (!(await isThere())) throw replaced();
      this.#context.onProgress(this.#progress("sending", opened));
      await this.#time.sleep(lookMs, signal);
      signal.throwIfAborted();
    }
  }

  async #isOver(): Promise<boolean> {
    const { groupId, until } = this.#task;
    if (this.#context.now() >= until) return true;
    return this.#context.storage.isAborted({ groupId, owner: ownerOf(this.#task) });
  }

  #attached(socket: string, opened: readonly OpenExport[]): Attached {
    const exports = opened.map(({ disk, served: { name, sizeBytes } }) => ({ name, disk, sizeBytes }));
    return { since: this.#context.now(), host: hostname(), socket, exports };
  }

  #progress(phase: Progress["phase"], opened: readonly OpenExport[]): Progress {
    const bytesTotal = opened.reduce((sum, { served }) => sum + served.sizeBytes, 0);
    const none = {
      extentsTotal: 0,
      extentsDone: 0,
      extentsUnchanged: 0,
      extentsHole: 0,
      bytesChanged: 0,
      bytesSent: 0,
    };
    return { phase, ...none, bytesTotal, bytesRead: this.#bytesRead };
  }
}

const replaced = () =>
  new VisibleError("FENCED", "Another gateway serves the attachment in this one's place.", {
    hint: "Drop the task; whoever holds it now goes on.",
  });
