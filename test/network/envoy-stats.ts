import assert from "node:assert/strict";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { layoutIn } from "../../gateway/tunnel/envoy/layout.ts";
import type { Node } from "./sites.ts";

/** What a node's Envoy has brought to its receiver since it was started. */
export interface Received {
  readonly connections: number;
  readonly requests: number;
}

const stat = { connections: "cluster.receiver.upstream_cx_total", requests: "cluster.receiver.upstream_rq_total" };

export const receivedAt = async ({ envoyDir }: Node): Promise<Received> => {
  const { adminSocket } = layoutIn(envoyDir);
  const path = "/stats?filter=^cluster.receiver.upstream_(cx|rq)_total$";
  const lines = (await get(adminSocket, path)).split("\n");
  const value = (name: string): number => {
    const line = lines.find((one) => one.startsWith(`${name}: `));
    assert(line !== undefined, `Envoy does not count ${name}`);
    return Number(line.slice(name.length + 2));
  };
  return { connections: value(stat.connections), requests: value(stat.requests) };
};

const get = (socketPath: string, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, timeout: 5_000 }, (response) => text(response).then(resolve, reject));
    asked.on("timeout", () => asked.destroy(new Error("Envoy does not answer")));
    asked.on("error", reject);
    asked.end();
  });
