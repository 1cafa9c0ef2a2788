import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { type StagePause, stagePauseSchema } from "../../core/api/failover/stage.ts";
import { manualTime } from "../agent/testing.ts";
import { agentTimings } from "../agent/timings.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { createAwaitReady, readinessTimings } from "./await-ready.ts";
import { placeIn } from "./tcp.ts";

const listening = async (t: TestContext, server: Server): Promise<number> => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
};

const answering = (t: TestContext, listener: RequestListener) => listening(t, createHttpServer(listener));

/** A port at which nobody listens. */
const closedPort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
};

const vm = { kind: "vm", id: "vm-1", name: "web" } as const;

const waiting = (pause: object, more: { readonly guestAnswers?: StorageDriver["guestAnswers"] } = {}) => {
  const time = manualTime();
  const stopping = new AbortController();
  let moved = 0;
  const waited = createAwaitReady(time)(
    { pause: stagePauseSchema.parse(pause) satisfies StagePause, objects: [vm] },
    {
      storage: more as StorageDriver,
      signal: stopping.signal,
      onMoved: () => {
        moved += 1;
      },
    },
  );
  return { time, waited, stop: () => stopping.abort(new Error("stopping")), moved: () => moved };
};

/** Lets time pass whenever somebody waits for it, until the work has ended. */
const passing = async ({ time, waited }: ReturnType<typeof waiting>): Promise<void> => {
  const ended = waited.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([ended, time.sleeping().then(() => false)]))) await time.advance(1000);
  await waited;
};

describe("what a stage waits for", () => {
  test("is nothing, or its delay, which is told oftener than a task may stand still", async () => {
    await waiting({}).waited;
    const delayed = waiting({ delaySeconds: 3600 });
    const startMs = delayed.time.nowMs();
    await passing(delayed);
    assert.equal((delayed.time.nowMs() - startMs) / 1000, 3600);
    assert.equal(delayed.moved(), 3600 / readinessTimings.beatSeconds);
    assert.ok(readinessTimings.beatSeconds + readinessTimings.trySeconds < agentTimings.standstillSeconds / 2);
  });

  test("is a port that accepts, also one that does so only later", async (t) => {
    const port = await listening(
      t,
      createServer((socket) => socket.destroy()),
    );
    await waiting({ ready: { tcp: `127.0.0.1:${port}` } }).waited;
    const later = await closedPort();
    const one = waiting({ ready: { tcp: `127.0.0.1:${later}` } });
    await one.time.sleeping();
    const server = createServer().listen(later, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    await passing(one);
  });

  test("is a port of a name, or of an address of either kind", () => {
    assert.deepEqual(placeIn("db.example:5432"), { host: "db.example", port: 5432 });
    assert.deepEqual(placeIn("10.0.0.1:22"), { host: "10.0.0.1", port: 22 });
    assert.deepEqual(placeIn("[fd00::1]:22"), { host: "fd00::1", port: 22 });
  });

  test("is an answer with the status, and no other; redirections are not followed", async (t) => {
    const asked: (string | undefined)[] = [];
    const port = await answering(t, ({ url }, response) => {
      asked.push(url);
      const status = url === "/moved" ? 302 : url === "/ill" ? 503 : 204;
      response.writeHead(status, { location: "/elsewhere" }).end();
    });
    const http = `http://127.0.0.1:${port}`;
    await waiting({ ready: { http: `${http}/well`, status: 204 } }).waited;
    await waiting({ ready: { http: `${http}/moved`, status: 302 } }).waited;
    await assert.rejects(passing(waiting({ ready: { http: `${http}/ill` }, withinSeconds: 3 })), {
      code: "NOT_READY",
      retryable: false,
      message: `The page ${http}/ill was not ready within 3 s: it answers 503, and 200 is wanted.`,
    });
    assert.ok(!asked.includes("/elsewhere"));
  });

  test("is given up at its limit, with what was wrong last", async () => {
    const port = await closedPort();
    const never = waiting({ ready: { tcp: `127.0.0.1:${port}` }, withinSeconds: 20 });
    const startMs = never.time.nowMs();
    await assert.rejects(passing(never), { code: "NOT_READY", message: /was not ready within 20 s: .*ECONNREFUSED/ });
    assert.equal((never.time.nowMs() - startMs) / 1000, 20);
  });

  test("is an answer that does not end, too: of one that is as long as can be only so much is read", async (t) => {
    const port = await answering(t, (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
      };
      response.writeHead(200).on("drain", more);
      more();
    });
    await waiting({ ready: { http: `http://127.0.0.1:${port}/` } }).waited;
  });

  test("is called off with the task", async () => {
    const delayed = waiting({ delaySeconds: 100 });
    await delayed.time.sleeping();
    delayed.stop();
    await assert.rejects(delayed.waited, { message: "stopping" });
  });

  test("is the guest agents, where the storage can ask them", async () => {
    const ready = { guestAgent: true };
    await assert.rejects(waiting({ ready }).waited, { code: "GUEST_AGENT_ABSENT" });
    await waiting({ ready }, { guestAnswers: async () => true }).waited;
    let asked = 0;
    const guestAnswers = async () => {
      asked += 1;
      return asked > 2;
    };
    await passing(waiting({ ready }, { guestAnswers }));
    assert.equal(asked, 3);
    const silent = waiting({ ready, withinSeconds: 2 }, { guestAnswers: async () => false });
    await assert.rejects(passing(silent), { message: /A guest agent was not ready within 2 s: that of “web”/ });
  });
});
