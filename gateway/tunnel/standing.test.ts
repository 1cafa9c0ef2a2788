import assert from "node:assert/strict";
import { once } from "node:events";
import { after, afterEach, before, describe, type TestContext, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { type ManualTime, manualTime } from "../agent/testing.ts";
import { hangingStorage } from "../storage/testing-hanging.ts";
import { storageTimeouts } from "../storage/timed-calls.ts";
import { groupId, planId, siteA } from "../tasks/testing.ts";
import { paths } from "../transfer/protocol.ts";
import { createReceiver } from "../transfer/receiver.ts";
import { createMemoryLog } from "../transfer/testing/memory-log.ts";
import { answerJson } from "./answer.ts";
import { workSeconds } from "./beats.ts";
import { Liveness } from "./liveness.ts";
import { code, get, of, signal, TestedServer } from "./testing.ts";

const workMs = workSeconds * 1000;
const never = () => new Promise<never>(() => undefined);

test("an answer that its peer takes nothing of goes with the connection", { timeout: 60_000 }, async () => {
  const tunnel = await TestedServer.start({ timeouts: { silenceSeconds: 0.3 } });
  const closed = Promise.withResolvers<boolean>();
  tunnel.handler = async (request, response) => {
    // Once it has come whole, nobody looks at when it last brought something.
    await once(request.resume(), "end");
    response.once("close", () => closed.resolve(response.writableFinished));
    answerJson(response, 200, "x".repeat(64 * 1024 * 1024));
  };
  const socket = await tunnel.connect();
  socket.pause();
  socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}");
  assert.equal(await closed.promise, false);
  socket.destroy();
  await tunnel.stop(1);
});

describe("what a peer asks for", () => {
  let time: ManualTime;
  let tunnel: TestedServer;
  before(async () => {
    time = manualTime();
    tunnel = await TestedServer.start({ time, timeouts: { beatSeconds: 0.02 } });
  });
  after(() => tunnel.stop(1));
  afterEach(() => tunnel.closeClients());

  /** Resolves with what it was called with. */
  const called = <T>() => {
    const { promise, resolve } = Promise.withResolvers<T>();
    return { promise, resolve };
  };

  test("and whose work stands still is answered TIMEOUT, however many signs of life were sent, and told to stop", async () => {
    const begun = called<AbortSignal>();
    tunnel.handler = async (_request, _response, _identity, watch) => {
      begun.resolve(watch.signal);
      return never();
    };
    let heard = 0;
    const three = called<void>();
    const onMoved = () => void (++heard === 3 && three.resolve());
    const asked = assert.rejects((await tunnel.client({ onMoved })).request(get), code("TIMEOUT"));
    const stop = await begun.promise;
    await three.promise;
    await time.advance(workMs - 1);
    assert.equal(stop.aborted, false);
    await time.advance(1);
    await asked;
    assert.equal(stop.aborted, true);
  });

  test("and that moves may take as long as it does", async () => {
    const step = called<() => void>();
    const end = called<void>();
    tunnel.handler = async (_request, response, _identity, { onMoved }) => {
      step.resolve(onMoved);
      await end.promise;
      answerJson(response, 200, "done");
    };
    const asked = (await tunnel.client()).request(get);
    const onMoved = await step.promise;
    for (let times = 0; times < 4; times++) {
      onMoved();
      await time.advance(0.9 * workMs);
    }
    end.resolve();
    assert.equal(await asked, "done");
  });

  test("and that answers after it was given up is not answered twice", async () => {
    const begun = called<void>();
    const end = called<void>();
    const ended = called<void>();
    tunnel.handler = async (_request, response) => {
      begun.resolve();
      await end.promise;
      answerJson(response, 200, "late");
      ended.resolve();
    };
    const peer = await tunnel.client();
    const asked = assert.rejects(peer.request(get), code("TIMEOUT"));
    await begun.promise;
    await time.advance(workMs);
    await asked;
    end.resolve();
    await ended.promise;
    tunnel.handler = async (_request, response) => answerJson(response, 200, "next");
    assert.equal(await peer.request(get), "next");
  });

  test("with an upload and whose work stands still is answered TIMEOUT as well", async () => {
    const begun = called<AbortSignal>();
    tunnel.uploads = async (upload) => {
      begun.resolve(upload.signal);
      return never();
    };
    const asked = assert.rejects(
      (await tunnel.client()).upload({ path: "/", body: of(new Uint8Array(10)), signal }),
      code("TIMEOUT"),
    );
    const stop = await begun.promise;
    await time.advance(workMs);
    await asked;
    assert.equal(stop.aborted, true);
  });

  test("with an upload does not stand still while the peer sends nothing", async () => {
    const begun = called<void>();
    tunnel.uploads = async ({ body }) => {
      let bytes = 0;
      for await (const chunk of body) {
        bytes += chunk.length;
        begun.resolve();
      }
      return bytes;
    };
    const more = called<void>();
    const body = async function* () {
      // A large record comes as a chunk of its own.
      yield new Uint8Array(400_000);
      await more.promise;
      yield new Uint8Array(1);
    };
    let moves = 0;
    const asked = (await tunnel.client({ onMoved: () => moves++ })).upload({ path: "/", body: body(), signal });
    await begun.promise;
    // Less than the grace of a body's pace.
    await time.advance(4 * workMs);
    more.resolve();
    assert.equal(await asked, 400_001);
    assert.ok(moves >= 2, "each piece that the peer took is movement of the sender's");
  });
});

describe("a receiver whose storage hangs", () => {
  const open = {
    ...{ planId, source: "a", mirrorVolumeId: "m1", groupId, sequence: 1, baseGroupId: null, sizeBytes: 65_536 },
    geometry: { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 },
  };
  const mirror = {
    owner: { planId, source: siteA },
    ...{ sizeBytes: 65_536, geometry: open.geometry, grant: { groupId, sequence: 1, sender: siteA } },
  };
  const extent = { mirrorVolumeId: "m1", extent: 0, epoch: 1 };
  const requests: readonly (readonly [hangs: string, path: string, json?: object])[] = [
    ["openMirror", paths.sessions, open],
    ["findMirrorVolume", paths.complete("m1", 1), { digest: null }],
    ["mirrorDigests", paths.complete("m1", 1), { digest: null }],
    ["completeMirror", paths.complete("m1", 1), { digest: null }],
    ["mirrorDigests", paths.digests("m1", 1)],
  ];

  const start = async (t: TestContext, hangs: (name: string) => boolean) => {
    const time = manualTime();
    const tunnel = await TestedServer.start({ time, timeouts: { beatSeconds: 0.02 } });
    t.after(async () => {
      await tunnel.closeClients();
      await tunnel.stop(1);
    });
    const storage = hangingStorage(hangs, {
      ...{ findMirrorVolume: mirror, openMirror: { epoch: 1, done: [], complete: false }, mirrorDigests: [null] },
    });
    const jobs = Promise.withResolvers<AbortSignal>();
    const workers = {
      apply: (_job: unknown, _body: unknown, watch: { readonly signal: AbortSignal }) => {
        jobs.resolve(watch.signal);
        return never();
      },
      signature: (_job: unknown, watch: { readonly signal: AbortSignal }) => {
        jobs.resolve(watch.signal);
        return never();
      },
    };
    const receiver = createReceiver({ storage: storage.driver, workers, time, log: createMemoryLog() });
    tunnel.handler = (...request) => receiver.handler(...request);
    tunnel.uploads = (...upload) => receiver.uploads(...upload);
    return { time, tunnel, storage, jobs: jobs.promise };
  };

  for (const [hangs, path, json] of requests) {
    test(`in ${hangs} answers ${path} with TIMEOUT that names it`, async (t) => {
      const { time, tunnel, storage } = await start(t, (name) => name === hangs);
      const peer = await tunnel.client();
      const method = json === undefined ? "GET" : "POST";
      const asked = peer.request({ method, path, ...(json && { json }), signal });
      const refused = assert.rejects(asked, (error: unknown) => {
        assert.ok(VisibleError.is(error, "TIMEOUT"), String(error));
        assert.match(error.message, new RegExp(`call ${hangs} `));
        return true;
      });
      while (!storage.calls.some(({ name }) => name === hangs)) await new Promise(setImmediate);
      await time.advance(storageTimeouts.answerSeconds * 1000);
      await refused;
      assert.equal(storage.named(hangs).call.signal?.aborted, true);
    });
  }

  for (const [what, ask] of [
    ["an extent", (peer) => peer.upload({ path: paths.extent({ ...extent, from: "zeros" }), body: of(), signal })],
    ["a signature", (peer) => peer.request({ method: "GET", path: paths.signature(extent), signal })],
  ] as const satisfies readonly (readonly [
    string,
    (peer: Awaited<ReturnType<TestedServer["client"]>>) => Promise<unknown>,
  ])[]) {
    test(`in a worker thread answers ${what} with TIMEOUT and calls the job off`, async (t) => {
      const { time, tunnel, jobs } = await start(t, () => false);
      const asked = assert.rejects(ask(await tunnel.client()), code("TIMEOUT"));
      const stop = await jobs;
      await time.advance(2 * workMs);
      await asked;
      assert.equal(stop.aborted, true);
    });
  }
});

test("a sender takes what its peer says for movement only when it is the peer's turn", () => {
  let moves = 0;
  const alive = new Liveness("b:1", { silenceSeconds: 1000, answerSeconds: 1000 }, () => moves++);
  alive.begun();
  alive.heard();
  assert.equal(moves, 0, "a sender that hangs would be kept alive by its peer");
  alive.taken();
  assert.equal(moves, 1);
  alive.sent();
  alive.heard();
  assert.equal(moves, 2);
  alive.ended();
  alive.heard();
  alive.taken();
  assert.equal(moves, 2);
});
