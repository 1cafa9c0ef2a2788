import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant } from "../../core/api/ids.ts";
import { fingerprintOf } from "../../pki/authority.ts";
import { issueRevocations, readAnyRevocations } from "../../pki/revocations.ts";
import { manualTime, settle } from "../agent/testing.ts";
import type { Time } from "../time/time.ts";
import { credentialsOf, newAuthority } from "../transfer/testing/credentials.ts";
import { createMemoryLog } from "../transfer/testing/memory-log.ts";
import type { TlsCredentials } from "../tunnel/certificates.ts";
import { CredentialKeeper, lookMs } from "./keeper.ts";

const authority = await newAuthority();
const old = await credentialsOf(authority, "a");
const newer = await credentialsOf(authority, "a");
const newest = await credentialsOf(authority, "a");

const keeperOf = (load: () => Promise<TlsCredentials>, current: TlsCredentials = old, nowMs = () => Date.now()) => {
  const log = createMemoryLog();
  const renewed: TlsCredentials[] = [];
  const stored: string[] = [];
  const keeper = new CredentialKeeper({
    current,
    load,
    renew: async (credentials) => void renewed.push(credentials),
    store: async (pem) => void stored.push(pem),
    nowMs,
    log,
  });
  return { keeper, renewed, stored, log };
};

/** Lets each look find the next of these. */
const following = async (looks: readonly (TlsCredentials | Error)[]) => {
  const stop = new AbortController();
  const left = [...looks];
  const time: Time = {
    nowMs: () => 0,
    sleep: async (ms) => {
      assert.equal(ms, lookMs);
      if (left.length === 0) stop.abort();
    },
  };
  const { keeper, renewed, log } = keeperOf(async () => {
    const next = left.shift();
    assert(next !== undefined);
    if (next instanceof Error) throw next;
    return next;
  });
  await keeper.follow(time, stop.signal);
  return {
    renewed: renewed.map(({ certificatePem }) => certificatePem),
    messages: log.lines.map(({ level, message }) => `${level}: ${message}`),
  };
};

test("a disk that hangs keeps no later change from being taken up, and what it says afterwards is not gone by", async () => {
  const time = manualTime();
  const late = Promise.withResolvers<void>();
  const loads = [old, newer, newest];
  const renewed: TlsCredentials[] = [];
  const keeper = new CredentialKeeper({
    current: old,
    load: async () => loads.shift() ?? newest,
    renew: async (credentials) => {
      if (credentials.certificatePem === newer.certificatePem) await late.promise;
      renewed.push(credentials);
    },
    store: async () => undefined,
    ...{ time, log: createMemoryLog() },
  });
  loads.shift();
  const first = assert.rejects(keeper.reload(), (error: unknown) => VisibleError.is(error, "TIMEOUT"));
  const second = keeper.reload();
  await time.advance(60_000);
  await first;
  await second;
  late.resolve();
  await settle();
  assert.equal(keeper.current.certificatePem, newest.certificatePem);
});

const list = async (serials: readonly string[], atMs: number, by = authority) => ({
  issuedAt: new Date(atMs).toISOString() as Instant,
  authority: fingerprintOf(by.certificatePem),
  pem: await issueRevocations(by, { revoked: serials.map((serial) => ({ serial, revokedAtMs: atMs })), atMs }),
});

describe("certificates that somebody else renews in the files", () => {
  test("are taken up once they have stayed the same, and once", async () => {
    const { renewed, messages } = await following([old, newer, newest, newest, newest]);
    assert.deepEqual(renewed, [newest.certificatePem]);
    assert.deepEqual(messages, ["info: what is in the certificate's files was taken up"]);
  });

  test("leave the old ones while they can't be used, and the log says so", async () => {
    const { renewed, messages } = await following([new Error("half"), newest, newest]);
    assert.deepEqual(renewed, [newest.certificatePem]);
    assert.equal(messages[0], "warn: the certificate's files can't be used; the old ones stay");
  });
});

describe("a list of revocations", () => {
  const pastMs = Date.parse("2026-03-01T00:00:00.000Z");
  const futureMs = Math.floor(Date.now() / 1000 + 180 * 86_400) * 1000;

  test("is kept and gone by, also when the file of it is older", async () => {
    const { keeper, renewed, stored } = keeperOf(async () => newest);
    const given = await list(["ab12"], pastMs);
    await keeper.revoke(given);
    assert.equal(keeper.revocationsAt, given.issuedAt);
    assert.deepEqual([...(renewed[0]?.revocations?.serials ?? [])], ["ab12"]);
    assert.equal(stored.length, 1);
    await keeper.reload();
    assert.equal(renewed[1]?.certificatePem, newest.certificatePem);
    assert.deepEqual(renewed[1]?.revocations, renewed[0]?.revocations);
  });

  test("does nothing when it is not newer", async () => {
    const { keeper, renewed } = keeperOf(async () => old);
    await keeper.revoke(await list(["ab"], pastMs));
    await keeper.revoke(await list([], pastMs - 1000));
    await keeper.revoke(await list([], pastMs));
    assert.equal(renewed.length, 1);
  });

  test("is not gone by when another authority has signed it, or it is garbage or of the future; the log says so, once", async () => {
    const { keeper, renewed, stored, log } = keeperOf(async () => old);
    const foreign = await list(["ab"], pastMs, await newAuthority());
    const own = fingerprintOf(authority.certificatePem);
    const future = await list(["ab"], Date.now() + 3_600_000);
    const useless = [foreign, { ...foreign, authority: own }, { ...foreign, authority: own, pem: "x" }, future];
    for (const one of useless) {
      await keeper.revoke(one);
      assert.equal(keeper.revocationsAt, one.issuedAt, "it is not asked for again");
    }
    assert.deepEqual([renewed, stored], [[], []]);
    assert.equal(log.lines.filter(({ level }) => level === "error").length, useless.length);
  });

  test("of the future is replaced by whatever is made since, and is not told of any more", async () => {
    const ahead = await list(["ab"], futureMs);
    const inUse = { ...old, revocations: await readAnyRevocations(ahead.pem, authority.certificatePem) };
    const { keeper, renewed } = keeperOf(async () => inUse, inUse);
    assert.equal(keeper.revocationsAt, ahead.issuedAt);
    const given = await list(["ab", "cd"], pastMs);
    await keeper.revoke(given);
    assert.equal(keeper.revocationsAt, given.issuedAt);
    await keeper.reload();
    assert.deepEqual([...(renewed.at(-1)?.revocations?.serials ?? [])], ["ab", "cd"]);
  });

  test("that could not be used for its time is not told of any more after another was", async () => {
    const { keeper } = keeperOf(async () => old);
    const ahead = await list(["ab"], futureMs);
    await keeper.revoke(ahead);
    assert.equal(keeper.revocationsAt, ahead.issuedAt);
    const given = await list(["ab"], pastMs);
    await keeper.revoke(given);
    assert.equal(keeper.revocationsAt, given.issuedAt);
    await keeper.revoke(ahead);
    await keeper.reload();
    assert.equal(keeper.revocationsAt, given.issuedAt, "what came with a certificate is all that there is");
  });

  test("is left alone by TLS while this host's clock is behind it, and gone by again when that is right", async () => {
    const given = await list(["ab"], pastMs);
    const inUse = { ...old, revocations: await readAnyRevocations(given.pem, authority.certificatePem) };
    let nowMs = pastMs + 1000;
    const { keeper, renewed, log } = keeperOf(
      async () => inUse,
      inUse,
      () => nowMs,
    );
    const clocks = [pastMs + 31_000, pastMs - 86_400_000, pastMs - 86_370_000, pastMs + 61_000, pastMs + 91_000];
    const stop = new AbortController();
    const sleep = async () => {
      nowMs = clocks.shift() ?? nowMs;
      if (clocks.length === 0) stop.abort();
    };
    await keeper.follow({ nowMs: () => nowMs, sleep }, stop.signal);
    assert.equal(renewed.length, 2);
    assert.deepEqual(
      log.lines.map(({ level, message }) => `${level}: ${message}`),
      [
        "error: the list of revocations is of the future: see this host's clock",
        "info: the list of revocations is gone by again",
      ],
    );
  });

  test("that has our own certificate in it says that we were removed, and the tunnel stays as it is", async () => {
    const own = await credentialsOf(authority, "a");
    const { keeper, renewed, stored } = keeperOf(async () => own, own);
    await keeper.revoke(await list([own.serial], pastMs));
    await assert.rejects(keeper.removed, (error) => VisibleError.is(error, "GATEWAY_REMOVED"));
    assert.equal(stored.length, 1, "the next start knows it, too");
    assert.deepEqual(renewed, []);
  });
});
