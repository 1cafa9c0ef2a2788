import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { headerOf, paddingOf } from "./header.ts";
import { PduParser } from "./parser.ts";

const pdus = fc.array(fc.record({ extra: fc.nat(3), body: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 8 });
const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 20 });

/** As bytes: a header, what nobody reads, a body, its padding. */
const encoded = (extra: number, body: Uint8Array): Buffer => {
  const header = headerOf({ opcode: 0x25, dataBytes: body.length, taskTag: 1, expStatSn: 0 });
  header[4] = extra;
  return Buffer.concat([header, Buffer.alloc(4 * extra, 0xee), body, Buffer.alloc(paddingOf(body.length), 0xdd)]);
};

test("a stream is the same PDUs wherever it is cut", () => {
  fc.assert(
    fc.property(pdus, cuts, (sent, lengths) => {
      const stream = Buffer.concat(sent.map(({ extra, body }) => encoded(extra, body)));
      const came: Buffer[] = [];
      let body = Buffer.alloc(0);
      const onBody = (_header: Buffer, at: number, piece: Buffer) => {
        assert.equal(at, body.length);
        body = Buffer.concat([body, piece]);
      };
      const onPdu = () => {
        came.push(body);
        body = Buffer.alloc(0);
      };
      const parser = new PduParser({ onBody, onPdu }, 40);
      for (let at = 0, cut = 0; at < stream.length; cut += 1) {
        const length = lengths[cut % lengths.length] ?? 1;
        parser.feed(stream.subarray(at, at + length));
        at += length;
      }
      assert.deepEqual(
        came.map((bytes) => [...bytes]),
        sent.map((pdu) => [...pdu.body]),
      );
    }),
  );
});

test("a body that is longer than was agreed on is not waited for", () => {
  const parser = new PduParser({ onBody: () => assert.fail(), onPdu: () => assert.fail() }, 40);
  assert.throws(() => parser.feed(encoded(0, new Uint8Array(41))), /41 bytes/);
});
