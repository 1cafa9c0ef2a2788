import type { Duplex } from "node:stream";
import { type Agreed, ProtocolError } from "../agreed.ts";
import type { NbdExport } from "../export.ts";
import { ConnectionEnded, Incoming } from "../incoming.ts";
import { optionBytesMax, optionsMax, skippedBytesMax } from "../limits.ts";
import { Outgoing } from "../outgoing.ts";
import {
  allocationContext,
  allocationContextId,
  handshakeFlag,
  info,
  magic,
  option,
  optionReply,
  transmissionFlag,
} from "../protocol.ts";
import * as replies from "./option-replies.ts";
import { parseContexts, parseInfo } from "./options.ts";
import { type NbdTls, upgrade } from "./tls.ts";

/** Whom a client meets. */
export interface NbdHost {
  readonly exports: () => readonly NbdExport[];
  /** With it nothing is told, and nothing served, before TLS. */
  readonly tls?: NbdTls | undefined;
  /** Takes a place for one more connection. @returns false when there is none */
  readonly enter: () => boolean;
}

/** What comes of a handshake. */
export interface Settled {
  readonly stream: Duplex;
  readonly served: NbdExport;
  readonly agreed: Agreed;
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
}

/**
 * Haggles with a client until it has chosen an export.
 * @returns undefined when it goes without one
 * @throws ConnectionEnded, ProtocolError, what TLS has against it
 */
export const shakeHands = async (stream: Duplex, host: NbdHost): Promise<Settled | undefined> => {
  const handshake = new Handshake(stream, host);
  return handshake.run();
};

type Answer = "go on" | "end" | NbdExport;

class Handshake {
  readonly #host: NbdHost;
  #stream: Duplex;
  #incoming: Incoming;
  #outgoing: Outgoing;
  #isSecure = false;
  #zeroes = true;
  #structured = false;
  /** The export whose `base:allocation` the client wants to know. */
  #allocationOf: NbdExport | undefined;

  constructor(stream: Duplex, host: NbdHost) {
    this.#host = host;
    this.#stream = stream;
    this.#incoming = new Incoming(stream);
    this.#outgoing = new Outgoing(stream);
  }

  async run(): Promise<Settled | undefined> {
    const { fixedNewstyle, noZeroes } = handshakeFlag;
    await this.#outgoing.send(replies.greeting(fixedNewstyle | noZeroes));
    const flags = (await this.#incoming.read(4)).readUInt32BE(0);
    if ((flags & ~(fixedNewstyle | noZeroes)) !== 0) throw new ProtocolError(`a client with the flags ${flags}`);
    this.#zeroes = (flags & noZeroes) === 0;
    for (let options = 0; options < optionsMax; options++) {
      const answer = await this.#next();
      if (answer === "end") return undefined;
      if (answer !== "go on") return this.#settled(answer);
    }
    throw new ProtocolError(`a handshake of more than ${optionsMax} options`);
  }

  #settled(served: NbdExport): Settled {
    return {
      stream: this.#stream,
      served,
      agreed: {
        sizeBytes: served.sizeBytes,
        isWritable: served.write !== undefined,
        structured: this.#structured,
        allocation: this.#allocationOf === served,
      },
      incoming: this.#incoming,
      outgoing: this.#outgoing,
    };
  }

  async #next(): Promise<Answer> {
    const header = await this.#incoming.read(16);
    if (header.readBigUInt64BE(0) !== magic.options) throw new ProtocolError("what should be an option is none");
    const kind = header.readUInt32BE(8);
    const length = header.readUInt32BE(12);
    if (length > skippedBytesMax) throw new ProtocolError(`an option of ${length} bytes`);
    if (length <= optionBytesMax) return this.#take(kind, await this.#incoming.read(length));
    await this.#incoming.skip(length);
    if (kind === option.exportName) throw new ProtocolError(`a name of ${length} bytes`);
    return this.#reply(replies.replyTo(kind, optionReply.tooBig));
  }

  async #take(kind: number, data: Buffer): Promise<Answer> {
    if (this.#host.tls !== undefined && !this.#isSecure && !beforeTls.has(kind)) {
      if (kind === option.exportName) throw new ProtocolError("an export was asked for before TLS");
      return this.#refuse(kind, optionReply.tlsRequired, "This server wants TLS first.");
    }
    switch (kind) {
      case option.exportName:
        return this.#exportName(data.toString("utf8"));
      case option.abort:
        await this.#reply(replies.replyTo(kind, optionReply.ack)).catch(() => undefined);
        return "end";
      case option.list:
        return this.#list(data);
      case option.startTls:
        return this.#startTls(data);
      case option.info:
      case option.go:
        return this.#describe(kind, data);
      case option.structuredReply:
        return this.#structuredReply(data);
      case option.listMetaContext:
      case option.setMetaContext:
        return this.#contexts(kind, data);
      default:
        return this.#refuse(kind, optionReply.unsupported, "This server has no such option.");
    }
  }

  async #exportName(name: string): Promise<Answer> {
    const served = this.#find(name);
    if (served === undefined || !this.#host.enter()) throw new ConnectionEnded();
    await this.#outgoing.send(replies.exportAtOnce(served.sizeBytes, this.#flagsOf(served), this.#zeroes));
    return served;
  }

  async #list(data: Buffer): Promise<Answer> {
    if (data.length > 0) return this.#invalid(option.list);
    const names = this.#host.exports().map(({ name }) => replies.listed(option.list, name));
    return this.#reply(...names, replies.replyTo(option.list, optionReply.ack));
  }

  async #startTls(data: Buffer): Promise<Answer> {
    const { tls } = this.#host;
    if (tls === undefined) return this.#refuse(option.startTls, optionReply.unsupported, "There is no TLS here.");
    if (data.length > 0 || this.#isSecure) return this.#invalid(option.startTls);
    await this.#reply(replies.replyTo(option.startTls, optionReply.ack));
    this.#stream = await upgrade(this.#incoming.release(), tls);
    this.#incoming = new Incoming(this.#stream);
    this.#outgoing = new Outgoing(this.#stream);
    this.#isSecure = true;
    return "go on";
  }

  async #describe(kind: number, data: Buffer): Promise<Answer> {
    const wanted = parseInfo(data);
    if (wanted === undefined) return this.#invalid(kind);
    const served = this.#find(wanted.name);
    if (served === undefined) return this.#refuse(kind, optionReply.unknown, "There is no such export.");
    if (kind === option.go && !this.#host.enter()) {
      return this.#refuse(kind, optionReply.policy, "There are as many connections as there may be.");
    }
    const { sizeBytes, name, description = name } = served;
    const has = (one: number) => wanted.kinds.has(one);
    await this.#reply(
      replies.exportInfo(kind, sizeBytes, this.#flagsOf(served)),
      replies.blockSizeInfo(kind),
      ...(has(info.name) ? [replies.textInfo(kind, info.name, name)] : []),
      ...(has(info.description) ? [replies.textInfo(kind, info.description, description)] : []),
      replies.replyTo(kind, optionReply.ack),
    );
    return kind === option.go ? served : "go on";
  }

  async #structuredReply(data: Buffer): Promise<Answer> {
    if (data.length > 0) return this.#invalid(option.structuredReply);
    this.#structured = true;
    return this.#reply(replies.replyTo(option.structuredReply, optionReply.ack));
  }

  async #contexts(kind: number, data: Buffer): Promise<Answer> {
    const isSetting = kind === option.setMetaContext;
    if (isSetting) this.#allocationOf = undefined;
    const wanted = parseContexts(data);
    if (wanted === undefined || !this.#structured) return this.#invalid(kind);
    const served = this.#find(wanted.name);
    if (served === undefined) return this.#refuse(kind, optionReply.unknown, "There is no such export.");
    const isWanted = isSetting
      ? wanted.queries.includes(allocationContext)
      : wanted.queries.length === 0 || wanted.queries.some((query) => query === allocationContext || query === "base:");
    if (isSetting && isWanted) this.#allocationOf = served;
    const id = isSetting ? allocationContextId : 0;
    return this.#reply(
      ...(isWanted ? [replies.contextNamed(kind, id, allocationContext)] : []),
      replies.replyTo(kind, optionReply.ack),
    );
  }

  #find(name: string): NbdExport | undefined {
    const exports = this.#host.exports();
    return name === "" ? exports[0] : exports.find((served) => served.name === name);
  }

  #flagsOf(served: NbdExport): number {
    const of = transmissionFlag;
    const always = of.hasFlags | of.canMultiConn | (this.#structured ? of.sendDf : 0);
    if (served.write === undefined) return always | of.readOnly;
    return always | of.sendFlush | of.sendFua | of.sendTrim | of.sendWriteZeroes | of.sendFastZero;
  }

  #invalid(kind: number): Promise<Answer> {
    return this.#refuse(kind, optionReply.invalid, "This option can't be understood here.");
  }

  #refuse(kind: number, type: number, why: string): Promise<Answer> {
    return this.#reply(replies.replyTo(kind, type, why));
  }

  async #reply(...all: readonly Buffer[]): Promise<Answer> {
    await this.#outgoing.send(Buffer.concat(all));
    return "go on";
  }
}

const beforeTls: ReadonlySet<number> = new Set([option.startTls, option.abort]);
