import { groupIdSchema } from "../../core/api/ids.ts";
import { importImage } from "../../gateway/storage/image/import.ts";
import { ownPeakBytes } from "../measure/processes.ts";
import { type ComposedGateway, composeGateway } from "./compose.ts";
import type { CallName, Calls, GatewayCall, Reply } from "./messages.ts";
import { snapshotHash } from "./snapshot-hash.ts";

/*
 * A gateway in a process of its own that does what the benchmark asks over the channel. It ends
 * when the channel does.
 */

type Handlers = { readonly [K in CallName]: (request: Calls[K]["request"]) => Promise<Calls[K]["answer"]> };

let gateway: ComposedGateway | undefined;
const running = (): ComposedGateway => {
  if (gateway === undefined) throw new Error("the gateway has not been started");
  return gateway;
};

const handlers: Handlers = {
  start: async ({ config, ...options }) => {
    gateway = await composeGateway(config, options);
    return gateway.endpoint;
  },
  perform: (task) => running().perform(task),
  work: (task) => running().work(task),
  identity: async () => running().identity,
  import: async (options) => {
    const { storage } = running();
    const { signal } = new AbortController();
    const where = "into" in options ? options : { ...options, kind: "volume" as const };
    await importImage({ ...where, storage, signal });
    return null;
  },
  inventory: () => running().storage.inventory(),
  deleteGroup: async ({ groupId, owner }) => {
    await running().storage.deleteGroup({ groupId: groupIdSchema.parse(groupId), owner });
    return null;
  },
  sha256: ({ groupId }) => snapshotHash(running().storage, groupId),
  usage: async () => {
    const { user, system } = process.cpuUsage();
    return { cpuSeconds: (user + system) / 1e6, peakBytes: ownPeakBytes() };
  },
  stop: async () => {
    await gateway?.close();
    return null;
  },
};

const reply = (message: Reply) => process.send?.(message);

process.on("message", async ({ id, name, request }: GatewayCall) => {
  try {
    // The type of `handlers` says that each takes its own request; the compiler can't
    // follow it through a union.
    const handler = handlers[name] as (request: unknown) => Promise<Calls[CallName]["answer"]>;
    reply({ id, answer: await handler(request) });
  } catch (error) {
    reply({ id, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
process.on("disconnect", () => process.exit());
