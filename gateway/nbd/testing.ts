import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Log } from "../log/log.ts";
import type { NbdExport, NbdExtent } from "./export.ts";
import { Incoming } from "./incoming.ts";
import { listenPrivately } from "./private-socket.ts";
import { chunk, command, magic, option, optionReply } from "./protocol.ts";
import { NbdServer, type NbdServerOptions } from "./server.ts";

export const kibibyte = 1024;
export const blockBytes = 64 * kibibyte;

/** A disk in memory; blocks of 64 KiB that are all zeros are its holes. */
export class MemoryExport implements NbdExport {
  readonly name: string;
  readonly content: Buffer;
  readonly write: NbdExport["write"];
  /** Called before each read, which waits for it. */
  onRead: (offset: number, length: number) => Promise<void> = async () => undefined;
  reads = 0;

  constructor(content: Buffer, { name = "disk", isWritable = false } = {}) {
    this.name = name;
    this.content = content;
    this.write = isWritable
      ? {
          write: async (offset, data) => void this.content.set(data, offset),
          zero: async (offset, length) => void this.content.fill(0, offset, offset + length),
          flush: async () => undefined,
        }
      : undefined;
  }

  get sizeBytes(): number {
    return this.content.length;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    this.reads += 1;
    await this.onRead(offset, into.byteLength);
    into.set(this.content.subarray(offset, offset + into.byteLength));
  }

  async extents(offset: number, length: number): Promise<readonly NbdExtent[]> {
    const end = Math.min(offset + length, (Math.floor(offset / blockBytes) + 1) * blockBytes);
    const start = Math.floor(offset / blockBytes) * blockBytes;
    const isHole = this.content.subarray(start, start + blockBytes).every((byte) => byte === 0);
    return [{ length: end - offset, isHole }];
  }
}

/** Blocks of one letter each; a dot is a hole. */
export const blocksOf = (letters: string): Buffer =>
  Buffer.concat([...letters].map((letter) => Buffer.alloc(blockBytes, letter === "." ? 0 : letter)));

/** What a server says, line by line. */
export const recordedLog = (): Log & { readonly lines: string[] } => {
  const lines: string[] = [];
  const note = (_fields: object, message: string) => void lines.push(message);
  const log = { lines, debug: note, info: note, failed: note, warn: note, error: note, child: () => log };
  return log;
};

/** Serves exports on a socket until the test ends. */
export const serving = async (
  context: TestContext,
  served: NbdExport | readonly NbdExport[],
  options: Partial<Omit<NbdServerOptions, "exports">> = {},
) => {
  const folder = await mkdtemp(join(tmpdir(), "smtx-nbd-"));
  const socketPath = join(folder, "private", "socket");
  const log = recordedLog();
  const nbd = new NbdServer({ log, ...options, exports: [served].flat() });
  const server = createServer((socket) => nbd.accept(socket));
  await listenPrivately(server, socketPath);
  context.after(async () => {
    server.close();
    await nbd.close(0);
    await rm(folder, { recursive: true });
  });
  return { nbd, server, log, socketPath, connect: () => NbdClient.connect(socketPath) };
};

/** Resolves when a socket is closed, by an error or not. */
export const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });

export interface OptionAnswer {
  readonly type: number;
  readonly data: Buffer;
}

export interface Chunk {
  readonly type: number;
  readonly flags: number;
  readonly data: Buffer;
}

const numbers = (...all: readonly (readonly [bytes: 2 | 4 | 8, value: number | bigint])[]): Buffer =>
  Buffer.concat(
    all.map(([bytes, value]) => {
      const field = Buffer.alloc(8);
      field.writeBigUInt64BE(BigInt(value));
      return field.subarray(8 - bytes);
    }),
  );

/** A client that says exactly what it is told to, well or badly. */
export class NbdClient {
  readonly socket: Socket;
  incoming: Incoming;

  constructor(socket: Socket) {
    // The server may end it at any word.
    this.socket = socket.on("error", () => undefined);
    this.incoming = new Incoming(socket);
  }

  static async connect(path: string): Promise<NbdClient> {
    const socket = connect(path);
    await once(socket, "connect");
    return new NbdClient(socket);
  }

  send(...bytes: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  /** Takes the greeting, and answers it. @returns the server's flags */
  async greet(flags = 3): Promise<number> {
    const greeting = await this.incoming.read(18);
    assert.equal(greeting.readBigUInt64BE(0), magic.greeting);
    assert.equal(greeting.readBigUInt64BE(8), magic.options);
    this.send(numbers([4, flags]));
    return greeting.readUInt16BE(16);
  }

  /** Sends an option. @returns the answers, the last of which ends it */
  async option(kind: number, data: Buffer | string = ""): Promise<readonly OptionAnswer[]> {
    const bytes = Buffer.from(data);
    this.send(numbers([8, magic.options], [4, kind], [4, bytes.length]), bytes);
    const answers: OptionAnswer[] = [];
    for (;;) {
      const header = await this.incoming.read(20);
      assert.equal(header.readBigUInt64BE(0), magic.optionReply);
      assert.equal(header.readUInt32BE(8), kind);
      const type = header.readUInt32BE(12);
      answers.push({ type, data: await this.incoming.read(header.readUInt32BE(16)) });
      if (type === optionReply.ack || type >= optionReply.unsupported) return answers;
    }
  }

  /** @returns the answers to INFO or GO, by default that of the default export */
  describe(kind: number = option.go, name = "", kinds: readonly number[] = []): Promise<readonly OptionAnswer[]> {
    return this.option(
      kind,
      Buffer.concat([
        numbers([4, Buffer.byteLength(name)]),
        Buffer.from(name),
        numbers([2, kinds.length], ...kinds.map((one) => [2, one] as const)),
      ]),
    );
  }

  contexts(kind: number, queries: readonly string[], name = ""): Promise<readonly OptionAnswer[]> {
    const text = (words: string) => Buffer.concat([numbers([4, Buffer.byteLength(words)]), Buffer.from(words)]);
    return this.option(kind, Buffer.concat([text(name), numbers([4, queries.length]), ...queries.map(text)]));
  }

  /** All of a handshake, as tools do it. */
  async begin({ structured = true, allocation = true } = {}): Promise<this> {
    await this.greet();
    if (structured) await this.option(option.structuredReply);
    if (structured && allocation) await this.contexts(option.setMetaContext, ["base:allocation"]);
    const answers = await this.describe();
    assert.equal(answers.at(-1)?.type, optionReply.ack);
    return this;
  }

  request(request: {
    readonly type: number;
    readonly flags?: number;
    readonly cookie?: bigint;
    readonly offset?: number | bigint;
    readonly length?: number;
    readonly payload?: Buffer;
  }): void {
    const { type, flags = 0, cookie = 7n, offset = 0, length = 0, payload } = request;
    const header = numbers([4, magic.request], [2, flags], [2, type], [8, cookie], [8, offset], [4, length]);
    this.send(header, payload ?? Buffer.alloc(0));
  }

  async chunk(): Promise<Chunk & { readonly cookie: bigint }> {
    const header = await this.incoming.read(20);
    assert.equal(header.readUInt32BE(0), magic.structuredReply);
    const data = await this.incoming.read(header.readUInt32BE(16));
    return { flags: header.readUInt16BE(4), type: header.readUInt16BE(6), cookie: header.readBigUInt64BE(8), data };
  }

  /** The chunks of one answer. */
  async chunks(): Promise<readonly Chunk[]> {
    const all: Chunk[] = [];
    do all.push(await this.chunk());
    while (all.at(-1)?.flags === 0);
    return all;
  }

  /** The error of an answer, if it has one. */
  async error(): Promise<{ readonly code: number; readonly text: string } | undefined> {
    const last = (await this.chunks()).at(-1);
    assert(last !== undefined);
    if (last.type !== chunk.error) return undefined;
    return { code: last.data.readUInt32BE(0), text: last.data.toString("utf8", 6) };
  }

  /** @returns the error's number */
  async simple(): Promise<number> {
    const header = await this.incoming.read(16);
    assert.equal(header.readUInt32BE(0), magic.simpleReply);
    return header.readUInt32BE(4);
  }

  /** Reads a range of a structured export, as its chunks tell it. */
  async read(offset: number, length: number): Promise<Buffer> {
    this.request({ type: command.read, offset, length });
    const content = Buffer.alloc(length, "?");
    for (const { type, data } of await this.chunks()) {
      if (type === chunk.none) continue;
      const at = Number(data.readBigUInt64BE(0)) - offset;
      if (type === chunk.offsetData) content.set(data.subarray(8), at);
      else if (type === chunk.offsetHole) content.fill(0, at, at + data.readUInt32BE(8));
      else assert.fail(`an answer of type ${type}: ${data.toString("utf8", 6)}`);
    }
    return content;
  }

  /** Resolves when the server has ended the connection. */
  async ended(): Promise<void> {
    this.incoming.release();
    this.socket.resume();
    await closed(this.socket);
  }
}
