import { createServer, type Socket } from "node:net";
import { hostname } from "node:os";
import { VisibleError } from "../../core/api/errors.ts";
import type { Attached } from "../../core/api/restore/attach.ts";
import type { Progress } from "../../core/api/run.ts";
import type { AttachTask } from "../../core/api/task.ts";
import type { NbdExport } from "../nbd/export.ts";
import { NbdServer } from "../nbd/server.ts";
import { ownerOf, type ServingContext } from "../tasks/context.ts";
import type { Time } from "../time/time.ts";
import { closeAll, type OpenExport, openExports } from "./exports.ts";
import type { SocketFolder } from "./sockets.ts";
import { openTlsPort, type TlsPort } from "./tcp.ts";
import type { ReadingThreads } from "./threads/reading-threads.ts";
import { throwAway } from "./throw-away.ts";

/** How often it is looked whether an attachment is still wanted: so soon is a detach heard. */
const lookMs = 1_000;
/** What clients have asked for may take so long when it ends. */
const closeSeconds = 2;

interface Place {
  readonly sockets: SocketFolder;
  readonly readers: Pick<ReadingThreads, "open">;
  readonly time: Time;
}

/** One attachment while it is served here. */
export class Serving {
  readonly #task: AttachTask;
  readonly #context: ServingContext;
  readonly #place: Place;
  #bytesRead = 0;

  constructor(task: AttachTask, context: ServingContext, place: Place) {
    this.#task = task;
    this.#context = context;
    this.#place = place;
  }

  /** Resolves when it is not wanted any more. @throws as `ServeAttachment` */
  async run(): Promise<Progress> {
    if (await this.#isOver()) return this.#progress("done", []);
    const opened = await openExports(
      { storage: this.#context.storage, readers: this.#place.readers },
      this.#task,
      (bytes) => {
        this.#bytesRead += bytes;
      },
    );
    try {
      await this.#throughOverlays(opened);
      return this.#progress("done", opened);
    } finally {
      await closeAll(opened);
    }
  }

  async #throughOverlays(opened: readonly OpenExport[]): Promise<void> {
    const bases = opened.map(({ served }) => served);
    if (!this.#task.writable) return this.#serve(opened, bases);
    const over = await throwAway(bases, this.#place.sockets.dir);
    try {
      await this.#serve(opened, over.exports);
    } finally {
      await over.close();
    }
  }

  async #serve(opened: readonly OpenExport[], exports: readonly NbdExport[]): Promise<void> {
    const { listen } = this.#task;
    const port = listen && (await openTlsPort(listen, Date.parse(this.#context.now())));
    try {
      await this.#listen(opened, exports, port);
    } finally {
      port?.close();
    }
  }

  async #listen(opened: readonly OpenExport[], exports: readonly NbdExport[], port?: TlsPort): Promise<void> {
    const { log } = this.#context;
    const here = new NbdServer({ exports, log });
    const afar = port && new NbdServer({ exports, tls: port.tls, log });
    const server = createServer((socket: Socket) => here.accept(socket));
    const socket = await this.#place.sockets.listen(server, this.#task.runId);
    if (afar !== undefined) port?.serve((connection) => afar.accept(connection));
    try {
      await this.#context.onAttached(this.#attached(socket.path, opened, port));
      await this.#untilOver(opened, socket.isThere);
    } finally {
      await socket.remove();
      server.close();
      await Promise.all([here.close(closeSeconds), afar?.close(closeSeconds)]);
    }
  }

  /** @throws FENCED, when another gateway serves it in this one's place; the signal's reason */
  async #untilOver(opened: readonly OpenExport[], isThere: () => Promise<boolean>): Promise<void> {
    const { signal } = this.#context;
    while (!(await this.#isOver())) {
      if (!(await isThere())) throw replaced();
      this.#context.onProgress(this.#progress("sending", opened));
      await this.#place.time.sleep(lookMs, signal);
      signal.throwIfAborted();
    }
  }

  async #isOver(): Promise<boolean> {
    const { groupId, until } = this.#task;
    if (this.#context.now() >= until) return true;
    return this.#context.storage.isAborted({ groupId, owner: ownerOf(this.#task) });
  }

  #attached(socket: string, opened: readonly OpenExport[], port: TlsPort | undefined): Attached {
    const exports = opened.map(({ disk, served: { name, sizeBytes } }) => ({ name, disk, sizeBytes }));
    return { since: this.#context.now(), host: hostname(), socket, exports, ...(port && { tls: port.told }) };
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
