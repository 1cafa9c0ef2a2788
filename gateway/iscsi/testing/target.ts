import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { decodeText, encodeText } from "../login/text.ts";
import { nextOf, opcodeOf, paddingOf, taskTagOf } from "../pdu/header.ts";
import { answer, flag, noTag, request } from "../pdu/opcode.ts";
import { PduParser, type PduSink } from "../pdu/parser.ts";
import { answerHeader, diskReply, replyPdus, type ScriptedReply } from "./disk.ts";

export const scriptedName = "iqn.2020-01.test:scripted";

/** How a scripted target differs from one that does what it is asked to. */
export interface TargetScript {
  /** What it says to the keys of a login. */
  readonly keys?: Readonly<Record<string, string>>;
  /** How often it wants to hear more before a phase of the login ends. */
  readonly rounds?: number;
  /** How many commands it takes at once. */
  readonly window?: number;
  /** Of one PDU with data. */
  readonly pieceBytes?: number;
  /** Instead of what the disk says; a promise that never resolves is silence. */
  readonly reply?: (
    cdb: Buffer,
    session: ScriptedSession,
    data: Buffer,
  ) => ScriptedReply | Promise<ScriptedReply> | undefined;
  /** What it takes no notice of, by its opcode. */
  readonly ignores?: number;
  /** Instead of a PDU that goes out; `index` counts them. */
  readonly damage?: (pdu: Buffer, index: number) => readonly Buffer[];
}

/** A target with one disk in memory, on loopback. */
export class ScriptedTarget {
  script: TargetScript;
  readonly disk: Buffer;
  readonly host = "127.0.0.1";
  /** Counts what came and went. */
  happened = 0;
  /** All that have logged in, or tried to. */
  readonly sessions: ScriptedSession[] = [];
  readonly #server: Server;

  private constructor(disk: Buffer, script: TargetScript) {
    this.disk = disk;
    this.script = script;
    this.#server = createServer((socket) => {
      this.happened += 1;
      this.sessions.push(new ScriptedSession(socket, this));
    });
  }

  /** It listens until the test ends. */
  static async start(context: TestContext, script: TargetScript = {}): Promise<ScriptedTarget> {
    const target = await ScriptedTarget.listen(script, 2 ** 20);
    context.after(() => target.close());
    return target;
  }

  /** It listens until it is closed. */
  static async listen(script: TargetScript, diskBytes: number): Promise<ScriptedTarget> {
    const target = new ScriptedTarget(Buffer.alloc(diskBytes), script);
    target.#server.listen(0, "127.0.0.1");
    await once(target.#server, "listening");
    return target;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  close(): void {
    this.#server.close();
    for (const { socket } of this.sessions) socket.destroy();
  }
}

/** One connection: what it was told, and a hand to say anything. */
export class ScriptedSession implements PduSink {
  readonly socket: Socket;
  /** Headers of all that came, in order. */
  readonly heard: Buffer[] = [];
  readonly #target: ScriptedTarget;
  readonly #parser = new PduParser(this, 2 ** 24);
  readonly #writes = new Map<number, { header: Buffer; data: Buffer; received: number }>();
  #body: Buffer[] = [];
  #sent = 0;
  #statSn = 1;
  #expCmdSn = 1;
  #rounds = 0;
  #answered = 0;

  constructor(socket: Socket, target: ScriptedTarget) {
    this.socket = socket;
    this.#target = target;
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      target.happened += 1;
      this.#parser.feed(chunk);
    });
    socket.on("close", () => {
      target.happened += 1;
    });
  }

  onBody(_header: Buffer, _at: number, piece: Buffer): void {
    this.#body.push(Buffer.from(piece));
  }

  onPdu(header: Buffer): void {
    const [kept, body] = [Buffer.from(header), Buffer.concat(this.#body)];
    this.#body = [];
    this.heard.push(kept);
    const opcode = opcodeOf(kept);
    if (opcode === this.#target.script.ignores) return;
    if (!this.#mayCome(opcode, kept, body.length)) return void this.socket.destroy();
    if (opcode === request.scsiCommand) this.#expCmdSn = nextOf(kept.readUInt32BE(24));
    if (opcode === request.login) this.#login(kept, body);
    else if (opcode === request.scsiCommand) this.#command(kept, body);
    else if (opcode === request.dataOut) this.#took(taskTagOf(kept), kept.readUInt32BE(40), body);
    else if (opcode === request.nopOut && taskTagOf(kept) !== noTag)
      this.say(answerHeader(answer.nopIn, taskTagOf(kept)));
    else if (opcode === request.taskManagement) this.say(answerHeader(answer.taskManagement, taskTagOf(kept)));
    else if (opcode === request.logout) this.say(answerHeader(answer.logout, taskTagOf(kept)));
  }

  /**
   * Whether data comes as it was agreed on: not too much at once, and none that was not asked for.
   */
  #mayCome(opcode: number, header: Buffer, bytes: number): boolean {
    const { keys = {} } = this.#target.script;
    const isUnasked = opcode === request.scsiCommand || header.readUInt32BE(20) === noTag;
    if (bytes === 0 || (opcode !== request.scsiCommand && opcode !== request.dataOut)) return true;
    if (opcode === request.scsiCommand && keys["ImmediateData"] === "No") return false;
    if (opcode === request.dataOut && isUnasked && keys["InitialR2T"] !== "No") return false;
    const end = bytes + (opcode === request.dataOut ? header.readUInt32BE(40) : 0);
    if (isUnasked && end > Number(keys["FirstBurstLength"] ?? 65_536)) return false;
    return bytes <= Number(keys["MaxRecvDataSegmentLength"] ?? 8192);
  }

  /** Sends a PDU with the numbers that come next. */
  say(header: Buffer, body: Buffer = Buffer.alloc(0)): void {
    const { window = 64, damage } = this.#target.script;
    header.writeUIntBE(body.length, 5, 3);
    header.writeUInt32BE(this.#statSn, 24);
    if (header[0] !== answer.dataIn && header[0] !== answer.readyToTransfer) this.#statSn += 1;
    header.writeUInt32BE(this.#expCmdSn, 28);
    header.writeUInt32BE((this.#answered + window) >>> 0, 32);
    const pdu = Buffer.concat([header, body, Buffer.alloc(paddingOf(body.length))]);
    this.#target.happened += 1;
    const pieces = damage?.(pdu, this.#sent) ?? [pdu];
    this.#sent += 1;
    for (const piece of pieces) this.socket.write(piece);
  }

  #login(header: Buffer, body: Buffer): void {
    const { keys = {}, rounds = 0 } = this.#target.script;
    const flags = header.readUInt8(1);
    const asked = decodeText(body);
    const isReady = (flags & flag.final) !== 0 && this.#rounds >= rounds;
    this.#rounds = isReady ? 0 : this.#rounds + 1;
    const reply = answerHeader(answer.login, 0, (flags & 0x0c) | (isReady ? flag.final | (flags & 3) : 0));
    reply.writeUInt32BE(0, 20);
    const said = Object.entries(keys).filter(([key]) => asked.has(key) || asked.has("MaxRecvDataSegmentLength"));
    this.say(
      reply,
      encodeText({ ...(asked.has("AuthMethod") && { AuthMethod: "None" }), ...Object.fromEntries(said) }),
    );
  }

  #command(header: Buffer, body: Buffer): void {
    const isWrite = (header.readUInt8(1) & 0x20) !== 0;
    if (!isWrite) return void this.#reply(header, body);
    const data = Buffer.alloc(header.readUInt32BE(20));
    this.#writes.set(taskTagOf(header), { header, data, received: 0 });
    this.#took(taskTagOf(header), 0, body, (header.readUInt8(1) & flag.final) !== 0);
  }

  #took(tag: number, offset: number, body: Buffer, isFinal = (this.heard.at(-1)?.readUInt8(1) ?? 0) >= 0x80): void {
    const write = this.#writes.get(tag);
    if (write === undefined || offset !== write.received) return void this.socket.destroy();
    body.copy(write.data, offset);
    write.received += body.length;
    if (write.received === write.data.length) {
      this.#writes.delete(tag);
      void this.#reply(write.header, write.data);
    } else if (isFinal) this.#invite(tag, write.received, write.data.length);
  }

  #invite(tag: number, from: number, to: number): void {
    const burst = Number(this.#target.script.keys?.["MaxBurstLength"] ?? 262_144);
    const header = answerHeader(answer.readyToTransfer, tag);
    const sent = this.#invitations.get(tag) ?? 0;
    this.#invitations.set(tag, sent + 1);
    header.writeUInt32BE(7, 20);
    header.writeUInt32BE(sent, 36);
    header.writeUInt32BE(from, 40);
    header.writeUInt32BE(Math.min(burst, to - from), 44);
    this.say(header);
  }

  readonly #invitations = new Map<number, number>();

  async #reply(header: Buffer, data: Buffer): Promise<void> {
    const { reply, pieceBytes = 8192 } = this.#target.script;
    const cdb = header.subarray(32, 48);
    const said = (await reply?.(cdb, this, data)) ?? diskReply(this.#target.disk, cdb, data);
    this.#answered += 1;
    const isRead = (header.readUInt8(1) & 0x40) !== 0;
    const options = { taskTag: taskTagOf(header), expected: isRead ? header.readUInt32BE(20) : 0, pieceBytes };
    for (const pdu of replyPdus(said, options)) this.say(pdu.header, pdu.body);
  }
}
