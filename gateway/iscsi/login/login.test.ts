import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { answer, flag } from "../pdu/opcode.ts";
import { portalOf } from "../portal.ts";
import { answerHeader } from "../testing/disk.ts";
import { chapResponse } from "./chap.ts";
import { Login, type Pdu } from "./login.ts";
import { agreedParameters } from "./parameters.ts";
import { decodeText, encodeText, textPairs } from "./text.ts";

const chap = { user: "us", secret: "abcdefghijkl" };
const begin = (options: { chap?: typeof chap } = {}): Login =>
  new Login({
    ...{ initiatorName: "iqn.x:us", targetName: "iqn.x:disk", chap: options.chap, isid: new Uint8Array(6) },
    portal: { host: "127.0.0.1", port: 3260 },
  });

/** An answer to a login. @param stages the one that it is in, and the one that it goes on to */
const said = (keys: Record<string, string>, stages: readonly [number, number?], status = 0): Pdu => {
  const [now, next] = stages;
  const header = answerHeader(answer.login, 0, (now << 2) | (next === undefined ? 0 : flag.final | next));
  header.writeUInt16BE(status, 36);
  return { header, body: encodeText(keys) };
};

const keysOf = (step: ReturnType<Login["answered"]> | Pdu): Record<string, string> =>
  Object.fromEntries("send" in step ? decodeText(step.send.body) : "body" in step ? decodeText(step.body) : []);

describe("a login", () => {
  test("says who we are, answers the challenge, offers, and answers what a target asks for by itself", () => {
    const login = begin({ chap });
    assert.deepEqual(keysOf(login.first()), {
      ...{ InitiatorName: "iqn.x:us", SessionType: "Normal", TargetName: "iqn.x:disk", AuthMethod: "CHAP,None" },
    });
    assert.deepEqual(keysOf(login.answered(said({ AuthMethod: "CHAP" }, [0]))), { CHAP_A: "5" });
    const proof = keysOf(login.answered(said({ CHAP_A: "5", CHAP_I: "7", CHAP_C: "0x00ff" }, [0])));
    // printf '\x07abcdefghijkl\x00\xff' | md5sum
    assert.deepEqual(proof, { CHAP_N: "us", CHAP_R: "0x0334d729172550fc5ee5f81b271afcf5" });
    const offer = keysOf(login.answered(said({}, [0, 1])));
    assert.equal(offer["HeaderDigest"], "None");
    assert.deepEqual(keysOf(login.answered(said({ "X-own": "1", TargetAlias: "a" }, [1]))), {
      "X-own": "NotUnderstood",
    });
    const last = login.answered(said({ MaxBurstLength: "65536", InitialR2T: "No" }, [1, 3]));
    assert("done" in last);
    assert.deepEqual(last.done.parameters, {
      ...{ targetBodyBytesMax: 8192, firstBurstBytes: 65_536, maxBurstBytes: 65_536 },
      ...{ initialR2t: false, immediateData: true },
    });
  });

  test("waits for the rest of a text that comes in pieces", () => {
    const login = begin();
    login.first();
    const { header } = said({}, [0]);
    header[1] = flag.continued;
    assert.deepEqual(keysOf(login.answered({ header, body: Buffer.from("AuthMethod=No") })), {});
    const next = login.answered({ ...said({}, [0, 1]), body: Buffer.from("ne\0") });
    assert.equal(keysOf(next)["DataDigest"], "None");
  });

  const refusals = [
    [0x0201, "CLUSTER_REFUSED"],
    [0x0202, "CLUSTER_REFUSED"],
    [0x0203, "VOLUME_UNKNOWN"],
    [0x0204, "VOLUME_UNKNOWN"],
    [0x0206, "CLUSTER_BUSY"],
    [0x020b, "CLUSTER_REFUSED"],
    [0x0301, "CLUSTER_BUSY"],
  ] as const;
  for (const [status, code] of refusals) {
    test(`that is answered with 0x${status.toString(16).padStart(4, "0")} fails with ${code}`, () => {
      const step = begin().answered(said({}, [0], status));
      assert("refused" in step);
      assert(VisibleError.is(step.refused, code));
    });
  }

  test("goes where it is sent, and nowhere else", () => {
    for (const [address, portal] of [
      ["10.1.2.3:3260,1", { host: "10.1.2.3", port: 3260 }],
      ["[fe80::1]:3261", { host: "fe80::1", port: 3261 }],
      ["node-1.example", { host: "node-1.example", port: 3260 }],
    ] as const) {
      assert.deepEqual(begin().answered(said({ TargetAddress: address }, [0], 0x0101)), { redirect: portal });
      assert.deepEqual(portalOf(address), portal);
    }
    for (const address of ["", "host:0", "host:65536", "host:1:2", "two words:1"]) {
      assert.throws(() => begin().answered(said({ TargetAddress: address }, [0], 0x0102)), /nowhere/);
    }
  });

  test("does not go back, or to a phase that there is not", () => {
    for (const next of [0, 2]) assert.throws(() => begin().answered(said({}, [0, next])), /does not go on/);
  });
});

test("text is pairs in order, also of one key more than once, and a pair has a key", () => {
  assert.deepEqual(textPairs(Buffer.from("a=1\0b=\0a=x=y\0")), [
    ["a", "1"],
    ["b", ""],
    ["a", "x=y"],
  ]);
  assert.throws(() => textPairs(Buffer.from("=1\0")));
});

test("a challenge that is none is refused", () => {
  for (const lie of [{ CHAP_A: "7" }, { CHAP_I: "256" }, { CHAP_C: "12" }, { CHAP_C: `0x${"00".repeat(1025)}` }]) {
    const challenge = new Map(Object.entries({ CHAP_A: "5", CHAP_I: "1", CHAP_C: "0x00", ...lie }));
    assert.throws(() => chapResponse(chap, challenge));
  }
});

test("what a target insists on and we can't do is refused", () => {
  for (const lie of [
    { HeaderDigest: "CRC32C" },
    { DataPDUInOrder: "No" },
    { ErrorRecoveryLevel: "2" },
    { FirstBurstLength: "1" },
  ]) {
    assert.throws(() => agreedParameters(new Map(Object.entries(lie))));
  }
});
