import { createServer } from "node:net";
import { join } from "node:path";
import { groupIdSchema, planIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { SharedReader } from "../../gateway/attach/shared-reader.ts";
import { SnapshotExport } from "../../gateway/attach/snapshot-export.ts";
import { createReadingThreads, readingThreads } from "../../gateway/attach/threads/reading-threads.ts";
import { createLog } from "../../gateway/log/log.ts";
import { listenPrivately } from "../../gateway/nbd/private-socket.ts";
import { NbdServer } from "../../gateway/nbd/server.ts";
import { importImage } from "../../gateway/storage/image/import.ts";
import { openStorage } from "../../gateway/storage/open.ts";

/*
 * Puts an image into a new store, takes a group snapshot, and serves that until it is told to end.
 * usage: server-process.ts IMAGE FOLDER
 */

const [file = "", folder = ""] = process.argv.slice(2);
const groupId = groupIdSchema.parse("group_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z");
const owner = { planId: planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV"), source: siteIdSchema.parse("a") };

const config = { kind: "extentstore", dir: join(folder, "store") } as const;
const storage = await openStorage(config);
const threads = createReadingThreads({ storage: config, threads: readingThreads });
const { signal } = new AbortController();
const { volumeId } = await importImage({ file, storage, name: "disk", kind: "volume", signal });
const group = await storage.snapshotGroup({ groupId, owner, volumeIds: [volumeId] });
const [snapshot] = group.snapshots;
if (snapshot === undefined) throw new Error("the group has no snapshot");
const reader = await SharedReader.open(() => threads.open(storage, snapshot.snapshotId));
const exported = new SnapshotExport(reader, { name: "disk", description: "", onRead: () => undefined });
const nbd = new NbdServer({ exports: [exported], log: createLog({ gatewayId: "bench", siteId: "a", level: "warn" }) });
const server = createServer((socket) => nbd.accept(socket));
await listenPrivately(server, join(folder, "sockets", "ours"));
process.send?.("ready");
process.once("disconnect", () => process.exit(0));
