import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Time } from "../../../time/time.ts";
import { CloudTower, type CloudTowerOptions } from "./client.ts";

export interface ScriptedRequest {
  readonly operation: string;
  readonly body: Record<string, unknown>;
  readonly token: string | undefined;
}

/** JSON with status 200, another status, nothing at all, or a connection that breaks. */
export type ScriptedAnswer =
  | object
  | { readonly status: number; readonly json?: unknown; readonly text?: string }
  | "silence"
  | "cut";

export type Script = Readonly<
  Record<string, (request: ScriptedRequest, nth: number) => ScriptedAnswer | Promise<ScriptedAnswer>>
>;

export const scriptedPassword = "correct horse battery";

/** A CloudTower that answers as a test says; every login gives another token, `token-1` first. */
export const scriptedTower = async (t: TestContext, script: Script, options: Partial<CloudTowerOptions> = {}) => {
  const requests: ScriptedRequest[] = [];
  const counts = new Map<string, number>();
  const answerTo = (request: ScriptedRequest): ScriptedAnswer | Promise<ScriptedAnswer> => {
    const nth = (counts.get(request.operation) ?? 0) + 1;
    counts.set(request.operation, nth);
    const scripted = script[request.operation];
    if (scripted !== undefined) return scripted(request, nth);
    if (request.operation === "login") return { data: { token: `token-${nth}` } };
    return { status: 404, json: { message: `nothing is scripted for ${request.operation}` } };
  };
  const server = createServer(async (incoming, response) => {
    const request = await requestOf(incoming);
    requests.push(request);
    respond(response, await answerTo(request));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const time = quickTime();
  const url = `http://127.0.0.1:${port}`;
  const tower = CloudTower.open({ url, user: "backup", password: scriptedPassword, source: "local", time, ...options });
  /** Nobody listens any more. */
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  t.after(async () => {
    await tower.close();
    stop();
  });
  const count = (operation: string): number => counts.get(operation) ?? 0;
  return { tower, requests, count, time, url, stop };
};

const requestOf = async (incoming: IncomingMessage): Promise<ScriptedRequest> => {
  const said = await text(incoming);
  return {
    operation: (incoming.url ?? "").replace("/v2/api/", ""),
    body: said === "" ? {} : (JSON.parse(said) as Record<string, unknown>),
    token: incoming.headers.authorization,
  };
};

const respond = (response: ServerResponse, answer: ScriptedAnswer): void => {
  if (answer === "silence") return;
  if (answer === "cut") {
    response.destroy();
    return;
  }
  const told = "status" in answer && typeof answer.status === "number" ? answer : { status: 200, json: answer };
  const { status, json, text: words } = { text: undefined, json: undefined, ...told };
  response.writeHead(status, { "content-type": "application/json" });
  response.end(words ?? JSON.stringify(json ?? {}));
};

/**
 * Time in which waits of a few seconds pass at once, and longer ones when shorter ones have passed
 * that add up to them.
 */
export const quickTime = (): Time => {
  const passMs = 7_000;
  let nowMs = 0;
  let sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    sleep: async (ms, signal) => {
      if (signal.aborted) return;
      if (ms > passMs) {
        await new Promise<void>((resolve) => {
          sleepers.push({ atMs: nowMs + ms, wake: resolve });
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
        return;
      }
      nowMs += ms;
      const due = sleepers.filter(({ atMs }) => atMs <= nowMs);
      sleepers = sleepers.filter(({ atMs }) => atMs > nowMs);
      for (const { wake } of due) wake();
      await setImmediate();
    },
  };
};

/** A task of `get-tasks`. */
export const scriptedTask = (id: string, status: string, more: object = {}) => ({ id, status, progress: 0, ...more });
