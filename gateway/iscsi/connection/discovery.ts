import type { LoggedIn } from "../login/login.ts";
import { encodeText, textPairs } from "../login/text.ts";
import { SmallBody } from "../pdu/body.ts";
import { headerOf, nextOf, opcodeOf, targetTagOf } from "../pdu/header.ts";
import { answer, flag, noTag, request } from "../pdu/opcode.ts";
import type { PduSink } from "../pdu/parser.ts";
import { IscsiProtocolError } from "../pdu/protocol-error.ts";
import type { IscsiPortal } from "../portal.ts";
import { type DialOptions, dial } from "./dial.ts";
import { ConnectionLost } from "./lost.ts";
import type { Wire } from "./wire.ts";

export interface DiscoveredTarget {
  readonly name: string;
  /** As the target tells them: `host:port,group`. */
  readonly addresses: readonly string[];
}

const textBytesMax = 4 * 1024 * 1024;

/**
 * @throws what `dial` throws; ConnectionLost also when it is not answered within the login's time
 */
export const discover = async (
  portal: IscsiPortal,
  options: Omit<DialOptions, "targetName">,
): Promise<readonly DiscoveredTarget[]> => {
  const { limits, time, signal } = options;
  const asked = { ...options, targetName: undefined };
  const discovery = await dial(portal, asked, (wire, loggedIn) => new Discovery(wire, loggedIn));
  const over = new AbortController();
  const ends = AbortSignal.any([signal, over.signal]);
  void time.sleep(limits.loginSeconds * 1000, ends).then(() => discovery.wire.end("the target tells no targets"));
  try {
    return targetsIn(await discovery.text);
  } finally {
    over.abort(over);
    signal.throwIfAborted();
  }
};

/** A session that asks for all targets, and nothing else. */
class Discovery implements PduSink {
  readonly wire: Wire;
  readonly text: Promise<Buffer>;
  readonly #told = Promise.withResolvers<Buffer>();
  readonly #text = new SmallBody(textBytesMax);
  #cmdSn: number;
  #expStatSn: number;

  constructor(wire: Wire, { nextCmdSn, expStatSn }: LoggedIn) {
    this.wire = wire;
    this.#cmdSn = nextCmdSn;
    this.#expStatSn = expStatSn;
    this.text = this.#told.promise;
    void wire.ended.then((lost) => this.#told.reject(lost));
    wire.sink = this;
    this.#ask(encodeText({ SendTargets: "All" }), noTag);
  }

  onBody(_header: Buffer, _at: number, piece: Buffer): void {
    this.#text.add(piece);
  }

  onPdu(header: Buffer): void {
    if (opcodeOf(header) !== answer.text) throw new IscsiProtocolError("something else than a list of targets");
    this.#expStatSn = nextOf(header.readUInt32BE(24));
    const isLast = (header.readUInt8(1) & flag.final) !== 0;
    if (isLast) {
      this.#told.resolve(this.#text.take());
      this.wire.end("all targets were told");
    } else this.#ask(Buffer.alloc(0), targetTagOf(header));
  }

  #ask(body: Buffer, word20: number): void {
    const { length: dataBytes } = body;
    const [word24, expStatSn] = [this.#cmdSn, this.#expStatSn];
    this.#cmdSn = nextOf(word24);
    this.wire.send(headerOf({ opcode: request.text, dataBytes, taskTag: 1, word20, word24, expStatSn }), body);
  }
}

const targetsIn = (text: Buffer): readonly DiscoveredTarget[] => {
  const targets: { name: string; addresses: string[] }[] = [];
  try {
    for (const [key, value] of textPairs(text)) {
      if (key === "TargetName") targets.push({ name: value, addresses: [] });
      else if (key === "TargetAddress") targets.at(-1)?.addresses.push(value);
    }
  } catch (error) {
    throw new ConnectionLost("the target can't be understood", { cause: error });
  }
  return targets;
};
