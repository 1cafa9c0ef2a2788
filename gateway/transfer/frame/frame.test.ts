import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../../core/api/errors.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { type StoredBlock, StoredBlocks, storedEntryBytes } from "../../storage/stored-blocks.ts";
import { digestBytes, type Frame, frameHeaderBytes, grainBytes, writeFrame, writeStoredHeader } from "./frame.ts";
import { FrameDecoder } from "./frame-decoder.ts";

const blocks = 16;
const extentBytes = blocks * blockBytes;
const grainsPerBlock = blockBytes / grainBytes;

const bytes = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max });
const anyHash = bytes(16, 16);

/** A frame of one block: part of it, or zeros. */
const frameOf = (block: number): fc.Arbitrary<Frame> =>
  fc.oneof(
    fc.constant<Frame>({ type: "zero", offset: block * blockBytes, contentBytes: blockBytes }),
    fc
      .tuple(
        fc.oneof(
          bytes(1, 300),
          fc.constantFrom(blockBytes, 5000).map((length) => new Uint8Array(length)),
        ),
        anyHash,
      )
      .map(([stored, hash]) => storedFrame(block * blockBytes, [{ bytes: stored, hash }])),
    fc
      .record({ from: fc.nat(grainsPerBlock - 1), grains: fc.integer({ min: 1, max: grainsPerBlock }), hash: anyHash })
      .chain(({ from, grains, hash }) => {
        const contentBytes = Math.min(grains, grainsPerBlock - from) * grainBytes;
        const rest = { offset: block * blockBytes + from * grainBytes, contentBytes, hash };
        const raw = bytes(1, 8).map((pattern): Frame => {
          return { type: "raw", ...rest, stored: new Uint8Array(Buffer.alloc(contentBytes, pattern)) };
        });
        const part = fc
          .tuple(fc.nat(extentBytes - blockBytes), fc.integer({ min: 1, max: blockBytes }))
          .map(([start, length]) => ({ from: start, bytes: length }));
        return fc.oneof(
          raw,
          part.map(({ from }): Frame => ({ type: "copy", ...rest, from })),
          fc
            .tuple(part, bytes(1, 300))
            .map(([dictionary, stored]): Frame => ({ type: "delta", ...rest, dictionary, stored })),
          bytes(1, 300).map((stored): Frame => ({ type: "zstd", ...rest, stored })),
        );
      }),
  );
const extents = fc
  .subarray(Array.from({ length: blocks }, (_, block) => block))
  .chain((chosen) => fc.tuple(fc.tuple(...chosen.map(frameOf)), bytes(digestBytes, digestBytes), anyHash))
  .map(([frames, digest, hash]): Frame[] => {
    const joined = joinStored(frames);
    return [...joined, { type: "end", frames: joined.length, digest, hash }];
  });

const encode = (frames: readonly Frame[]): Uint8Array => {
  const into = new Uint8Array(extentBytes + (frames.length + 1) * (frameHeaderBytes + digestBytes));
  return into.subarray(
    0,
    frames.reduce((at, frame) => writeFrame(into, at, frame), 0),
  );
};

/** Pieces of the stream: cut at any places, also inside headers. */
const split = (stream: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)).toSorted((a, b) => a - b), stream.length];
  return places.slice(1).map((place, index) => stream.subarray(places[index], place));
};

/**
 * Makes one frame of those of stored blocks that follow each other, which is also how
 * their parts come out.
 */
const joinStored = (frames: readonly Frame[]): Frame[] => {
  const joined: Frame[] = [];
  for (const frame of frames) {
    if (frame.type === "stored") addStored(joined, frame.offset, [...frame.blocks.blocks()]);
    else joined.push(frame);
  }
  return joined;
};

const addStored = (frames: Frame[], offset: number, blocks: readonly StoredBlock[]): void => {
  const last = frames.at(-1);
  const follows = last?.type === "stored" && last.offset + last.contentBytes === offset;
  if (follows) frames.pop();
  frames.push(storedFrame(follows ? last.offset : offset, [...(follows ? last.blocks.blocks() : []), ...blocks]));
};

const storedFrame = (offset: number, blocks: readonly StoredBlock[]): Frame => {
  const copies = blocks.map(({ bytes, hash }) => ({ bytes: bytes.slice(), hash: hash.slice() }));
  return { type: "stored", offset, contentBytes: blocks.length * blockBytes, blocks: StoredBlocks.of(copies) };
};

const decode = (chunks: readonly Uint8Array[]): Frame[] => {
  const decoder = new FrameDecoder(extentBytes);
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    for (const frame of decoder.push(chunk)) {
      if (frame.type === "end") frames.push({ ...frame, digest: frame.digest.slice() });
      else if (frame.type === "zero" || frame.type === "copy") frames.push(frame);
      else if (frame.type === "stored") addStored(frames, frame.offset, [...frame.blocks.blocks()]);
      else frames.push({ ...frame, stored: frame.stored.slice() });
    }
  }
  decoder.finish();
  return frames;
};

const isInvalid = (error: unknown) => VisibleError.is(error, "FRAME_INVALID");

describe("frames", () => {
  test("come out as they went in, wherever the stream is cut", () => {
    fc.assert(
      fc.property(extents, fc.array(fc.nat(), { maxLength: 20 }), (frames, cuts) => {
        assert.deepEqual(decode(split(encode(frames), cuts)), frames);
      }),
    );
  });

  test("come out as they went in when single bytes come", () => {
    const frames: Frame[] = [
      {
        type: "raw",
        offset: 4096,
        contentBytes: 4096,
        stored: new Uint8Array(4096).fill(7),
        hash: new Uint8Array(16).fill(1),
      },
      { type: "zero", offset: blockBytes, contentBytes: 3 * blockBytes },
      { type: "end", frames: 2, digest: new Uint8Array(digestBytes).fill(9), hash: new Uint8Array(16) },
    ];
    assert.deepEqual(decode([...encode(frames)].map((byte) => new Uint8Array([byte]))), frames);
  });

  test("are invalid when the stream breaks off anywhere, or goes on behind the end", () => {
    fc.assert(
      fc.property(extents, fc.nat(), (frames, cut) => {
        const stream = encode(frames);
        assert.throws(() => decode([stream.subarray(0, cut % stream.length)]), isInvalid);
        assert.throws(() => decode([stream, new Uint8Array(1)]), isInvalid);
      }),
    );
  });

  test("made of anything are decoded or invalid, and never cover more than the extent", () => {
    const header = fc
      .record({
        type: fc.integer({ min: 0, max: 8 }),
        grains: fc.tuple(fc.nat(300), fc.nat(20)),
        odd: fc.constantFrom(0, 0, 0, 1, 512),
        stored: fc.oneof(fc.constantFrom(0, 4, 32, 4096, 65536), fc.nat(70_000), fc.constant(0xffff_ffff)),
      })
      .map(({ type, grains, odd, stored }) => {
        const into = Buffer.alloc(frameHeaderBytes);
        into.writeUInt32LE(type, 0);
        into.writeUInt32LE(grains[0] * grainBytes + odd, 4);
        into.writeUInt32LE(grains[1] * grainBytes, 8);
        into.writeUInt32LE(stored, 12);
        return Buffer.concat([into, Buffer.alloc(Math.min(stored, 70_000))]);
      });
    /**
     * Stored blocks with a table that says anything of their lengths, and is
     * itself as it was written.
     */
    const storedBlocks = fc
      .record({
        block: fc.nat(blocks),
        lengths: fc.array(fc.oneof(fc.constantFrom(0, 1, blockBytes, blockBytes + 1), fc.nat(200)), { maxLength: 6 }),
        extra: fc.constantFrom(0, 0, 0, 1, -1),
      })
      .map(({ block, lengths, extra }) => {
        const table = Buffer.alloc(lengths.length * storedEntryBytes);
        for (const [at, length] of lengths.entries()) table.writeUInt32LE(length, at * storedEntryBytes + 16);
        const stored = Math.max(0, lengths.reduce((a, b) => a + b, 0) + extra);
        const into = Buffer.alloc(frameHeaderBytes + table.length + stored);
        writeStoredHeader(into, 0, { offset: block * blockBytes, table, bytes: stored });
        return into;
      });
    fc.assert(
      fc.property(fc.array(fc.oneof(header, storedBlocks, bytes(0, 100)), { maxLength: 20 }), (pieces) => {
        const decoder = new FrameDecoder(extentBytes);
        let reached = 0;
        try {
          for (const frame of pieces.flatMap((piece) => [...decoder.push(piece)])) {
            if (frame.type === "end") continue;
            assert.ok(frame.offset >= reached && frame.contentBytes > 0);
            reached = frame.offset + frame.contentBytes;
            assert.ok(reached <= extentBytes);
            if (frame.type === "stored") {
              const lengths = [...frame.blocks.blocks()].map(({ bytes: { length } }) => length);
              assert.ok(lengths.every((length) => length > 0 && length <= blockBytes));
              assert.equal(frame.contentBytes, lengths.length * blockBytes);
            }
            if ("stored" in frame) assert.ok(frame.stored.length <= frame.contentBytes);
            if (frame.type === "copy") assert.ok(frame.from + frame.contentBytes <= extentBytes);
            if (frame.type === "delta") assert.ok(frame.dictionary.from + frame.dictionary.bytes <= extentBytes);
          }
        } catch (error) {
          assert.ok(isInvalid(error) || VisibleError.is(error, "CHECKSUM_MISMATCH"), String(error));
        }
      }),
    );
  });

  test("of stored blocks whose table was damaged are refused before a block of them comes out", () => {
    const blocks = [1, 2, 3].map((fill) => ({
      bytes: new Uint8Array(100).fill(fill),
      hash: new Uint8Array(16).fill(fill),
    }));
    const stream = encode([storedFrame(0, blocks)]);
    for (let at = frameHeaderBytes; at < frameHeaderBytes + 3 * storedEntryBytes; at++) {
      const flipped = stream.slice();
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      const frames = new FrameDecoder(extentBytes).push(flipped);
      assert.throws(
        () => frames.next(),
        (error) => VisibleError.is(error, "CHECKSUM_MISMATCH"),
      );
    }
  });

  test("are invalid out of order, across blocks, off the grain, of unknown type, or miscounted", () => {
    const hash = new Uint8Array(16);
    const raw = (offset: number, contentBytes: number): Frame => {
      return { type: "raw", offset, contentBytes, stored: new Uint8Array(contentBytes), hash };
    };
    const zero = (offset: number, contentBytes: number): Frame => ({ type: "zero", offset, contentBytes });
    const end = (frames: number): Frame => ({ type: "end", frames, digest: new Uint8Array(digestBytes), hash });
    const delta = (dictionary: { from: number; bytes: number }): Frame => {
      return { type: "delta", offset: 0, contentBytes: 4096, hash, dictionary, stored: new Uint8Array(10) };
    };
    const stored = (count: number) =>
      storedFrame(
        0,
        Array.from({ length: count }, () => ({ bytes: hash, hash })),
      );
    const wrong: readonly Frame[][] = [
      [raw(8192, 4096), raw(4096, 4096)],
      [raw(0, 8192), raw(4096, 4096)],
      [raw(blockBytes - 4096, 8192)],
      [raw(512, 4096)],
      [raw(0, 512)],
      [raw(0, 0)],
      [zero(4096, blockBytes)],
      [zero(0, 4096)],
      [zero(0, extentBytes + blockBytes)],
      [zero(extentBytes, blockBytes)],
      [{ type: "copy", offset: 0, contentBytes: 8192, hash, from: extentBytes - 4096 }],
      [delta({ from: extentBytes - 4096, bytes: 4097 })],
      [delta({ from: 0, bytes: 0 })],
      [delta({ from: 0, bytes: 256 * 1024 })],
      [{ ...stored(1), offset: 4096 } as Frame],
      [stored(257)],
      [{ ...stored(2), contentBytes: blockBytes } as Frame],
      [raw(0, 4096), end(2)],
      [end(1)],
    ];
    for (const frames of wrong) assert.throws(() => decode([encode(frames)]), isInvalid);
    const unknown = encode([end(0)]);
    unknown[0] = 77;
    assert.throws(() => decode([unknown]), isInvalid);
    const reserved = encode([end(0)]);
    reserved[2] = 1;
    assert.throws(() => decode([reserved]), isInvalid);
  });
});
