import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { hangMs, until } from "../../test/patience.ts";
import { systemTime, type Time } from "../time/time.ts";
import { openTwoSites, writeTo } from "./testing/two-sites.ts";
import { createThrottle, type Throttle } from "./throttle.ts";

const mib = 1024 * 1024;
const extentBytes = 8 * mib;

/** A way to a gateway's port that counts what comes through to it. */
const openRelay = async (endpoint: string, count: (bytes: number) => void) => {
  const [host, port] = endpoint.split(":");
  const sockets = new Set<Socket>();
  const relay = createServer((inbound) => {
    const outbound = connect({ host: host ?? "", port: Number(port) });
    for (const socket of [inbound, outbound]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    }
    inbound.on("data", (piece: Buffer) => count(piece.length));
    inbound.pipe(outbound).pipe(inbound);
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  return {
    endpoint: `127.0.0.1:${(relay.address() as AddressInfo).port}`,
    close: () => {
      relay.close();
      for (const socket of sockets) socket.destroy();
    },
  };
};

/**
 * The time of the throttle alone. It passes while everybody waits for the throttle, and not before
 * what was let go has come through: so what arrives when does not hang on how fast this machine is.
 */
const timeOf = (arrivedBytes: () => number) => {
  let nowMs = 0;
  let takenBytes = 0;
  const time: Time = {
    nowMs: () => nowMs,
    sleep: async (ms, signal) => {
      await until("what was let go to arrive", () => arrivedBytes() >= takenBytes, 1);
      if (!signal.aborted) nowMs += ms;
    },
  };
  const counted = ({ take }: Throttle): Pick<Throttle, "take"> => ({
    take: async (bytes, signal) => {
      const granted = await take(bytes, signal);
      takenBytes += granted;
      return granted;
    },
  });
  return { time, counted };
};

test("a transfer arrives at the rate of its throttle, and at another one within 2 s of a change", async (t) => {
  const arrived: { readonly atMs: number; readonly bytes: number }[] = [];
  let arrivedBytes = 0;
  const { time, counted } = timeOf(() => arrivedBytes);
  const sites = await openTwoSites();
  t.after(() => sites.close());
  const rates = { slow: 2 * mib, fast: 6 * mib } as const;
  const slowMs = 3_000;
  const throttle = createThrottle(time);
  throttle.setRate(rates.slow);
  let changedAtMs = Number.POSITIVE_INFINITY;
  const relay = await openRelay(sites.endpoint, (bytes) => {
    arrived.push({ atMs: time.nowMs(), bytes });
    arrivedBytes += bytes;
    if (changedAtMs > time.nowMs() && time.nowMs() >= slowMs) {
      throttle.setRate(rates.fast);
      changedAtMs = time.nowMs();
    }
  });
  t.after(() => relay.close());
  const peer = await sites.connect({ endpoints: [relay.endpoint] });
  t.after(() => peer.close());
  const volume = await sites.createVolume("v", 2 * extentBytes, {
    extentBytes,
    stripeCount: 1,
    stripeBytes: extentBytes,
  });
  await writeTo(sites.source, volume, [{ offset: 0, data: randomBytes(2 * extentBytes) }]);
  await sites.snapshot(volume, 1);
  const options = { peer, throttle: counted(throttle), extentsInFlight: 2 };
  const { mirrorVolumeId } = await sites.send(volume, 1, null, options);
  await sites.publish(mirrorVolumeId, 1);
  await sites.assertEqual(1);

  const bytesIn = (fromMs: number, toMs: number) =>
    arrived.filter(({ atMs }) => atMs > fromMs && atMs <= toMs).reduce((sum, { bytes }) => sum + bytes, 0);
  const rateIn = (fromMs: number, toMs: number) => (bytesIn(fromMs, toMs) / (toMs - fromMs)) * 1000;
  const assertNear = (is: number, wanted: number) => {
    const error = is / wanted - 1;
    t.diagnostic(`${Math.round(is)} bytes/s where ${wanted} are wanted: ${(100 * error).toFixed(2)} %`);
    assert.ok(Math.abs(error) <= 0.05, `${is} bytes/s where ${wanted} are wanted`);
  };
  const total = arrived.reduce((sum, { bytes }) => sum + bytes, 0);
  const first = arrived[0]?.atMs ?? 0;
  const last = arrived.at(-1)?.atMs ?? 0;
  // Not counting the burst that was saved up before the first byte.
  assertNear(rateIn(first + 500, changedAtMs), rates.slow);
  assertNear(rateIn(changedAtMs, last), rates.fast);
  // Of the first half second after it that is as fast as it should be.
  const steps = Array.from({ length: 20 }, (_, step) => changedAtMs + step * 100);
  const effective = steps.find((atMs) => rateIn(atMs, atMs + 500) >= 0.9 * rates.fast) ?? Number.POSITIVE_INFINITY;
  t.diagnostic(`effective after ${Math.round(effective - changedAtMs)} ms`);
  assert.ok(effective - changedAtMs <= 1_500);
  const expectedSeconds = (changedAtMs - first) / 1000 + (total - bytesIn(0, changedAtMs)) / rates.fast;
  const seconds = (last - first) / 1000;
  t.diagnostic(`${total} bytes in ${seconds.toFixed(2)} s, expected ${expectedSeconds.toFixed(2)} s`);
  assert.ok(Math.abs(seconds / expectedSeconds - 1) <= 0.05);
});

test("what waits for its throttle for longer than a peer may stand still is not taken for a broken link", async (t) => {
  const sites = await openTwoSites();
  t.after(() => sites.close());
  const geometry = { extentBytes: mib, stripeCount: 1, stripeBytes: mib };
  const volume = await sites.createVolume("v", mib, geometry);
  await writeTo(sites.source, volume, [{ offset: 0, data: randomBytes(100_000) }]);
  await sites.snapshot(volume, 1);
  const stallMs = hangMs;
  const peer = await sites.connect({ timeouts: { stallSeconds: stallMs / 1000 } });
  t.after(() => peer.close());
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const patient = new Set<unknown>();
  let times = 0;
  t.mock.method(globalThis, "setTimeout", (call: () => void, ms: number) => {
    const timer = set(call, ms);
    if (ms === stallMs) patient.add(timer);
    return timer;
  });
  t.mock.method(globalThis, "clearTimeout", (timer: NodeJS.Timeout) => {
    if (patient.delete(timer)) times += 1;
    clear(timer);
  });
  const take = async (bytes: number): Promise<number> => {
    assert.equal(patient.size, 0, "whatever this takes, the peer is not what is waited for");
    return Math.min(bytes, 40_000);
  };
  const { mirrorVolumeId } = await sites.send(volume, 1, null, { peer, throttle: { take } });
  assert(times >= 3, "the peer has its limit for each piece");
  await sites.publish(mirrorVolumeId, 1);
  await sites.assertEqual(1);
  assert.deepEqual(
    sites.log.lines.filter(({ level }) => level !== "info"),
    [],
  );
});

test("a transfer that is stopped does not wait for its throttle", async (t) => {
  const sites = await openTwoSites();
  t.after(() => sites.close());
  const geometry = { extentBytes: mib, stripeCount: 1, stripeBytes: mib };
  const volume = await sites.createVolume("v", mib, geometry);
  await writeTo(sites.source, volume, [{ offset: 0, data: randomBytes(100_000) }]);
  await sites.snapshot(volume, 1);
  const throttle = createThrottle(systemTime);
  throttle.setRate(16 * 1024);
  const stopping = new AbortController();
  const onProgress = ({ bytesSent }: { bytesSent: number }) => {
    if (bytesSent > 0) stopping.abort(new Error("stopped"));
  };
  await assert.rejects(sites.send(volume, 1, null, { throttle, signal: stopping.signal, onProgress }), /stopped/);
});
