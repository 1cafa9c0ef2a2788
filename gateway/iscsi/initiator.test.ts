import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, type TestContext, test } from "node:test";
import { Initiator, type InitiatorOptions } from "./initiator.ts";
import { isBefore, opcodeOf } from "./pdu/header.ts";
import { answer, asyncEvent, request } from "./pdu/opcode.ts";
import { answerHeader, check, type good } from "./testing/disk.ts";
import { ScriptedTarget, scriptedName, type TargetScript } from "./testing/target.ts";

const KiB = 1024;
const isRead = (cdb: Buffer) => cdb[0] === 0x88;
const isWrite = (cdb: Buffer) => cdb[0] === 0x8a;

const setUp = async (context: TestContext, script: TargetScript = {}, options: Partial<InitiatorOptions> = {}) => {
  const target = await ScriptedTarget.start(context, script);
  const initiator = new Initiator({ portals: [target], initiatorName: "iqn.2020-01.test:us", ...options });
  context.after(() => initiator.close());
  return { target, initiator, lun: await initiator.openLun({ targetName: scriptedName, lun: 1 }) };
};

describe("what is agreed on in the login", () => {
  const agreements: readonly Readonly<Record<string, string>>[] = [
    {},
    { InitialR2T: "No", ImmediateData: "Yes", MaxRecvDataSegmentLength: "8192" },
    { InitialR2T: "No", ImmediateData: "No", FirstBurstLength: "16384", MaxRecvDataSegmentLength: "4096" },
    { InitialR2T: "Yes", ImmediateData: "No", MaxBurstLength: "32768" },
    { InitialR2T: "Yes", ImmediateData: "Yes", FirstBurstLength: "512", MaxBurstLength: "1024" },
  ];
  for (const keys of agreements) {
    test(`is what data goes out by: ${JSON.stringify(keys)}`, async (context) => {
      const { target, lun } = await setUp(context, { keys });
      const data = randomBytes(300 * KiB);
      await lun.write(4 * KiB, data);
      assert.ok(target.disk.subarray(4 * KiB, 304 * KiB).equals(data));
      const back = Buffer.alloc(data.length);
      await lun.read(4 * KiB, back);
      assert.ok(back.equals(data));
    });
  }

  test("may take several rounds", async (context) => {
    const { lun } = await setUp(context, { rounds: 3 });
    await lun.read(0, Buffer.alloc(512));
  });

  test("that never ends, and what we can't do, are no login", async (context) => {
    for (const script of [
      { rounds: 1000 },
      { keys: { HeaderDigest: "CRC32C" } },
      { keys: { MaxBurstLength: "much" } },
    ]) {
      await assert.rejects(setUp(context, script), { code: "CLUSTER_UNREACHABLE" });
    }
  });
});

describe("a command", () => {
  test("waits until the target takes it", async (context) => {
    let [underWay, most] = [0, 0];
    const reply = async (cdb: Buffer) => {
      if (!isRead(cdb)) return undefined as never;
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return { data: Buffer.alloc(512) };
    };
    const { target, lun } = await setUp(context, { window: 3, reply });
    await Promise.all(Array.from({ length: 40 }, (_, i) => lun.read(i * 512, Buffer.alloc(512))));
    assert.equal(most, 3);
    const numbers = target.sessions[0]?.heard.filter((pdu) => opcodeOf(pdu) === request.scsiCommand) ?? [];
    for (const [i, pdu] of numbers.entries()) assert.equal(pdu.readUInt32BE(24), i + 1);
  });

  const passing = {
    "a unit attention": check(6, 0x2900),
    busy: { status: 8 },
    full: { status: 0x28 },
    "not ready": check(2, 0x0401),
  };
  for (const [what, reply] of Object.entries(passing)) {
    test(`is sent again when it finds ${what}`, async (context) => {
      let times = 0;
      const { lun } = await setUp(context, { reply: (cdb) => (isRead(cdb) && times++ < 2 ? reply : undefined) });
      await lun.read(0, Buffer.alloc(512));
      assert.equal(times, 3);
    });
  }

  const lasting = [
    ["is busy for ever", { status: 8 }, "CLUSTER_BUSY"],
    ["has a new attention each time", check(6, 0x2900), "CLUSTER_BUSY"],
    ["has a damaged medium", check(3, 0x1100), "DISK_FAILED"],
    ["is broken", check(4, 0x4400), "DISK_FAILED"],
    ["has no space", check(7, 0x2707), "STORE_FULL"],
    ["is read-only", check(7, 0x2700), "CLUSTER_REFUSED"],
    ["is gone", check(5, 0x2500), "VOLUME_UNKNOWN"],
    ["is smaller than it was", check(5, 0x2100), "BAD_REQUEST"],
    ["is reserved", { status: 0x18 }, "FENCED"],
    ["was taken over", check(6, 0x2a03), "FENCED"],
    ["has dropped its writers", check(6, 0x2a05), "FENCED"],
  ] as const;
  for (const [what, reply, code] of lasting) {
    test(`for a disk that ${what} fails with ${code}`, async (context) => {
      const script = { reply: (cdb: Buffer) => (isWrite(cdb) ? reply : undefined) };
      const { target, lun } = await setUp(context, script, { limits: { busyTries: 2 } });
      await assert.rejects(lun.write(0, Buffer.alloc(512)), { code });
      target.script = {};
      const again = lun.write(0, Buffer.alloc(512));
      if (code === "FENCED") await assert.rejects(again, { code }, "fenced is for good");
      else await again;
    });
  }

  test("that gives less than it was asked for fails", async (context) => {
    const { lun } = await setUp(context, { reply: (cdb) => (isRead(cdb) ? { data: Buffer.alloc(512) } : undefined) });
    await assert.rejects(lun.read(0, Buffer.alloc(1024)), { code: "DISK_FAILED" });
  });

  test("of which one piece fails calls off the others", async (context) => {
    let asked = 0;
    const reply = (cdb: Buffer) => {
      if (!isRead(cdb)) return undefined;
      asked += 1;
      return asked === 2 ? check(3, 0x1100) : new Promise<typeof good>(() => undefined);
    };
    const { lun } = await setUp(context, { reply }, { limits: { requestBytes: 4 * KiB, requestsInFlight: 4 } });
    await assert.rejects(lun.read(0, Buffer.alloc(1024 * KiB)), { code: "DISK_FAILED" });
    assert.equal(asked, 4);
  });
});

describe("data that comes", () => {
  const lies = {
    "for another place": (pdu: Buffer) => pdu.writeUInt32BE(pdu.readUInt32BE(40) + 512, 40),
    "out of order": (pdu: Buffer) => pdu.writeUInt32BE(pdu.readUInt32BE(36) + 1, 36),
    "for a place that there is not": (pdu: Buffer) => pdu.writeUInt32BE(0xffff_fe00, 40),
    "for a command that nobody sent": (pdu: Buffer) => pdu.writeUInt32BE(9999, 16),
  };
  for (const [what, lie] of Object.entries(lies)) {
    test(`${what} is no answer`, async (context) => {
      const { target, lun } = await setUp(context, {}, { limits: { reconnects: 1 } });
      const damage = (pdu: Buffer) => {
        if (opcodeOf(pdu) === answer.dataIn) lie(pdu);
        return [pdu];
      };
      target.script = { damage };
      await assert.rejects(lun.read(0, Buffer.alloc(16 * KiB)), { code: "CLUSTER_UNREACHABLE" });
    });
  }
});

describe("a flush", () => {
  test("goes out after something was written, again after it failed, and else not at all", async (context) => {
    let flushes = 0;
    let isBroken = true;
    const reply = (cdb: Buffer) => {
      if (cdb[0] !== 0x91) return undefined;
      flushes += 1;
      return isBroken ? check(3, 0x0c00) : undefined;
    };
    const { lun } = await setUp(context, { reply });
    await lun.flush();
    assert.equal(flushes, 0);
    await lun.write(0, Buffer.alloc(512));
    await assert.rejects(lun.flush(), { code: "DISK_FAILED" });
    isBroken = false;
    await lun.flush();
    await lun.flush();
    assert.equal(flushes, 2);
  });
});

describe("a session", () => {
  const once = (session: ScriptedTarget["sessions"][number] | undefined, opcode: number) =>
    new Promise<Buffer>((resolve) => {
      session?.socket.on("data", () => {
        const found = session.heard.find((pdu) => opcodeOf(pdu) === opcode);
        if (found !== undefined) resolve(found);
      });
    });

  const pingOf = (tag: number): Buffer => {
    const ping = answerHeader(answer.nopIn, 0xffff_ffff);
    ping.writeUInt32BE(tag, 20);
    return ping;
  };

  test("answers a target that asks whether we are there", async (context) => {
    const { target } = await setUp(context);
    const [session] = target.sessions;
    const heard = once(session, request.nopOut);
    session?.say(pingOf(1234), Buffer.from("there?"));
    const pong = await heard;
    assert.deepEqual([pong.readUInt32BE(16), pong.readUInt32BE(20), pong.readUIntBE(5, 3)], [0xffff_ffff, 1234, 6]);
  });

  test("asks a silent target, and keeps one that answers", async (context) => {
    const { target, lun } = await setUp(context, {}, { limits: { silenceSeconds: 0.25, answerSeconds: 60 } });
    await once(target.sessions[0], request.nopOut);
    await lun.read(0, Buffer.alloc(512));
    assert.equal(target.sessions.length, 1);
  });

  test("whose target asks us to leave ends what is under way, leaves, and is made anew", async (context) => {
    const slow = Promise.withResolvers<undefined>();
    const { target, lun } = await setUp(context, {
      reply: (cdb) => (isRead(cdb) ? (slow.promise as never) : undefined),
    });
    const reading = lun.read(0, Buffer.alloc(512));
    const [session] = target.sessions;
    const leave = answerHeader(answer.asyncMessage, 0xffff_ffff);
    leave[36] = asyncEvent.logout;
    leave.writeUInt16BE(30, 42);
    const left = once(session, request.logout);
    session?.say(leave);
    const heard = once(session, request.nopOut);
    session?.say(pingOf(1234));
    await heard;
    const writing = lun.write(0, Buffer.alloc(512));
    slow.resolve(undefined);
    await Promise.all([reading, left, writing]);
    assert.equal(target.sessions.length, 2);
  });

  test("that is lost with an answer under way is made anew, and what can be repeated is", async (context) => {
    let lost = 0;
    const reply = (_cdb: Buffer, { socket }: { socket: { destroy(): unknown } }) => {
      if (lost++ < 2) socket.destroy();
      return undefined;
    };
    const { target, lun } = await setUp(context);
    target.script = { reply };
    await lun.write(0, Buffer.alloc(512, "x"));
    assert.equal(target.sessions.length, 3);
    assert.ok(target.disk.subarray(0, 512).equals(Buffer.alloc(512, "x")));
  });

  test("that is lost again and again by the same command is given up", async (context) => {
    const { target, lun } = await setUp(context, {}, { limits: { reconnects: 3 } });
    const reply = (cdb: Buffer, { socket }: { socket: { destroy(): unknown } }) => {
      if (isRead(cdb)) socket.destroy();
      return undefined;
    };
    target.script = { reply };
    await assert.rejects(lun.read(0, Buffer.alloc(512)), { code: "CLUSTER_UNREACHABLE" });
    assert.equal(target.sessions.length, 4);
  });

  test("whose target answers, but forgets no command, is ended when a call is called off", async (context) => {
    const { target, lun } = await setUp(context, {}, { limits: { abortSeconds: 0.5, silenceSeconds: 0.25 } });
    const asked = Promise.withResolvers<void>();
    const reply = (cdb: Buffer) => {
      if (!isRead(cdb)) return undefined;
      asked.resolve();
      return new Promise<typeof good>(() => undefined);
    };
    target.script = { reply, ignores: request.taskManagement };
    const stop = new AbortController();
    const reading = lun.read(0, Buffer.alloc(512), { signal: stop.signal });
    await asked.promise;
    stop.abort(new Error("enough"));
    await assert.rejects(reading, /enough/);
    target.script = {};
    await lun.read(0, Buffer.alloc(512));
    assert.equal(target.sessions.length, 2);
  });

  test("numbers begin again at 0 after the last one", () => {
    assert.deepEqual([isBefore(0xffff_ffff, 0), isBefore(0, 0xffff_ffff), isBefore(5, 5)], [true, false, false]);
  });
});
