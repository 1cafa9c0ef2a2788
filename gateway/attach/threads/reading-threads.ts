import { pieceBytes } from "../../nbd/limits.ts";
import type { StorageConfig } from "../../storage/config.ts";
import type { SnapshotSource } from "../../storage/snapshot-reader.ts";
import type { SnapshotHandle } from "../../storage/volume-io.ts";
import { systemTime, type Time } from "../../time/time.ts";
import type { DiskReader } from "../disk-reader.ts";
import { ReadingThread, tooLong } from "./reading-thread.ts";

/** What several clients read at once is unpacked on more than one core. */
export const readingThreads = 2;

export interface ReadingThreads {
  /**
   * A reader in the thread that has the fewest. Closing it closes the snapshot, which `storage`
   * opens. @throws SNAPSHOT_UNKNOWN, what opens a storage throws
   */
  open(storage: SnapshotSource, snapshotId: string): Promise<DiskReader>;
  /** Ends them at once. */
  close(): Promise<void>;
}

/** Threads that read snapshots: each runs while there is something to read in it. */
export const createReadingThreads = (options: {
  readonly storage: StorageConfig;
  readonly threads: number;
  readonly time?: Time;
  /** Replaced in tests. */
  readonly script?: URL;
}): ReadingThreads => {
  const { storage: config, threads: max, time = systemTime } = options;
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const { script = new URL(`./worker.${extension}`, import.meta.url) } = options;
  const threads: ReadingThread[] = [];
  /** Those too that were given up: nothing can end what hangs in the kernel. */
  let running = 0;

  const start = (): ReadingThread => {
    if (running >= 2 * max) throw tooLong();
    running++;
    const thread = new ReadingThread({ script, storage: config, time, onExit: () => void running-- });
    threads.push(thread);
    return thread;
  };

  const choose = (): ReadingThread => {
    for (const thread of threads.filter(({ isOver }) => isOver)) threads.splice(threads.indexOf(thread), 1);
    if (threads.length < max) return start();
    return threads.reduce((a, b) => (b.readers < a.readers ? b : a));
  };

  const openIn = async (thread: ReadingThread, handle: SnapshotHandle): Promise<DiskReader> => {
    thread.readers++;
    try {
      return new ThreadedReader(thread, handle, (await thread.ask({ do: "open", handle })) as number);
    } catch (error) {
      leave(thread);
      throw error;
    }
  };

  return {
    open: async (storage, snapshotId) => {
      const handle = await storage.openSnapshot({ snapshotId, of: "anybody" });
      try {
        const reader = await openIn(choose(), handle);
        return closingWith(reader, () => storage.closeSnapshot(handle));
      } catch (error) {
        await storage.closeSnapshot(handle);
        throw error;
      }
    },
    close: async () => {
      await Promise.all(threads.splice(0).map((thread) => thread.stop()));
    },
  };
};

/** What it holds it would hold for nobody. */
const leave = (thread: ReadingThread): void => {
  thread.readers--;
  if (thread.readers === 0) thread.end();
};

const closingWith = (reader: DiskReader, also: () => Promise<void>): DiskReader => ({
  sizeBytes: reader.sizeBytes,
  geometry: reader.geometry,
  read: (offset, into) => reader.read(offset, into),
  extentMap: () => reader.extentMap(),
  extentBlocks: (extent) => reader.extentBlocks(extent),
  close: async () => {
    try {
      await reader.close();
    } finally {
      await also();
    }
  },
});

/** A reader that is in a thread. */
class ThreadedReader implements DiskReader {
  readonly sizeBytes: number;
  readonly geometry: SnapshotHandle["geometry"];
  readonly #thread: ReadingThread;
  readonly #reader: number;
  /** Goes to the thread and comes back; one that has not come back is gone. */
  #buffer: ArrayBuffer | undefined;

  constructor(thread: ReadingThread, { sizeBytes, geometry }: SnapshotHandle, reader: number) {
    this.sizeBytes = sizeBytes;
    this.geometry = geometry;
    this.#thread = thread;
    this.#reader = reader;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    const { length } = into;
    const kept = this.#buffer;
    this.#buffer = undefined;
    const buffer =
      kept !== undefined && kept.byteLength >= length ? kept : new ArrayBuffer(Math.max(length, pieceBytes));
    const filled = await this.#thread.ask({ do: "read", reader: this.#reader, offset, length, buffer });
    this.#buffer = filled as ArrayBuffer;
    into.set(new Uint8Array(this.#buffer, 0, length));
  }

  extentMap() {
    return this.#thread.ask({ do: "map", reader: this.#reader }) as ReturnType<DiskReader["extentMap"]>;
  }

  extentBlocks(extent: number) {
    const answer = this.#thread.ask({ do: "blocks", reader: this.#reader, extent });
    return answer as ReturnType<DiskReader["extentBlocks"]>;
  }

  async close(): Promise<void> {
    if (!this.#thread.isOver) await this.#thread.ask({ do: "close", reader: this.#reader }).catch(() => undefined);
    leave(this.#thread);
  }
}
