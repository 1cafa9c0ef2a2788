import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SharedReader } from "../../gateway/attach/shared-reader.ts";
import { SnapshotExport } from "../../gateway/attach/snapshot-export.ts";
import { createReadingThreads, readingThreads } from "../../gateway/attach/threads/reading-threads.ts";
import type { NbdExport } from "../../gateway/nbd/export.ts";
import { listenPrivately } from "../../gateway/nbd/private-socket.ts";
import { NbdServer } from "../../gateway/nbd/server.ts";
import { recordedLog } from "../../gateway/nbd/testing.ts";
import { groupId, owner, snapshotOf } from "../../gateway/storage/conformance/fixtures.ts";
import { importImage } from "../../gateway/storage/image/import.ts";
import { openStorage } from "../../gateway/storage/open.ts";

const signal = new AbortController().signal;

/** What was put into a store, was snapshotted, and is served from there. */
export interface Served {
  readonly folder: string;
  /** The same bytes as a file. */
  readonly raw: string;
  readonly exported: NbdExport;
  /** For libnbd's tools and qemu's. */
  readonly uri: string;
  readonly socketPath: string;
  /** Serves another export on a socket of its own. */
  serve(exported: NbdExport): Promise<{ readonly uri: string; readonly socketPath: string }>;
  close(): Promise<void>;
}

/** @param fill writes what the disk is to hold into a file, which is there and empty */
export const serveDisk = async (fill: (raw: string) => Promise<void>): Promise<Served> => {
  const folder = await mkdtemp(join(tmpdir(), "smtx-attach-"));
  const raw = join(folder, "disk.raw");
  await fill(raw);
  const config = { kind: "extentstore", dir: join(folder, "store") } as const;
  const storage = await openStorage(config);
  const threads = createReadingThreads({ storage: config, threads: readingThreads });
  const { volumeId } = await importImage({ file: raw, storage, name: "disk", kind: "volume", signal });
  await storage.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [volumeId] });
  const snapshotId = await snapshotOf(storage, groupId(1), volumeId);
  const reader = await SharedReader.open(() => threads.open(storage, snapshotId));
  const exported = new SnapshotExport(reader, { name: "disk", description: "a disk", onRead: () => undefined });
  const closers: (() => Promise<void>)[] = [];
  let sockets = 0;
  const serve = async (one: NbdExport) => {
    const socketPath = join(folder, "sockets", `${sockets++}`);
    const nbd = new NbdServer({ exports: [one], log: recordedLog() });
    const server = createServer((socket) => nbd.accept(socket));
    await listenPrivately(server, socketPath);
    closers.push(async () => {
      server.close();
      await nbd.close(1);
    });
    return { socketPath, uri: `nbd+unix:///${one.name}?socket=${socketPath}` };
  };
  return {
    folder,
    raw,
    exported,
    ...(await serve(exported)),
    serve,
    close: async () => {
      for (const close of closers) await close();
      await reader.close();
      await threads.close();
      await storage.close();
      await rm(folder, { recursive: true });
    },
  };
};

export const sha256Of = async (file: string): Promise<string> => {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
};

/** Writes pieces into a sparse file. @param sizeBytes of the file */
export const writePieces = async (
  file: string,
  sizeBytes: number,
  pieces: readonly (readonly [offset: number, bytes: Uint8Array])[],
): Promise<void> => {
  const handle = await open(file, "w");
  try {
    await handle.truncate(sizeBytes);
    for (const [offset, bytes] of pieces) await handle.write(bytes, 0, bytes.length, offset);
  } finally {
    await handle.close();
  }
};
