import type { VisibleError } from "../../../core/api/errors.ts";
import { SmallBody } from "../pdu/body.ts";
import { headerOf, opcodeOf } from "../pdu/header.ts";
import { answer, flag, immediate, request, stage } from "../pdu/opcode.ts";
import { IscsiProtocolError } from "../pdu/protocol-error.ts";
import { type IscsiPortal, portalOf } from "../portal.ts";
import { type ChapAccount, chapMd5, chapResponse } from "./chap.ts";
import { agreedParameters, offeredKeys, repliesTo, type SessionParameters } from "./parameters.ts";
import { loginStatus } from "./refused.ts";
import { decodeText, encodeText } from "./text.ts";

export interface LoginOptions {
  readonly initiatorName: string;
  /** Undefined for a session that only asks which targets there are. */
  readonly targetName: string | undefined;
  readonly chap: ChapAccount | undefined;
  /** Six bytes that name the session among an initiator's own. */
  readonly isid: Uint8Array;
  readonly portal: IscsiPortal;
}

export interface Pdu {
  readonly header: Buffer;
  readonly body: Buffer;
}

/** What a session begins with. */
export interface LoggedIn {
  readonly parameters: SessionParameters;
  readonly nextCmdSn: number;
  readonly maxCmdSn: number;
  readonly expStatSn: number;
}

export type LoginStep =
  | { readonly send: Pdu }
  | { readonly redirect: IscsiPortal }
  | { readonly refused: VisibleError }
  | { readonly done: LoggedIn };

/** No target needs more; one that goes on asking for ever is left. */
const roundsMax = 20;
const textBytesMax = 65_536;

/**
 * A login as a conversation without a wire: each answer gives what comes next. It has a phase for
 * who we are, and one for what is agreed on, of several rounds each (RFC 7143, 6.3).
 */
export class Login {
  readonly #options: LoginOptions;
  readonly #said = new SmallBody(textBytesMax);
  readonly #answers = new Map<string, string>();
  #stage: number = stage.security;
  #rounds = 0;
  #expStatSn = 0;
  #isOffered = false;
  #isProven = false;

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  first(): Pdu {
    const { initiatorName, targetName, chap } = this.#options;
    const keys = {
      InitiatorName: initiatorName,
      ...(targetName === undefined ? { SessionType: "Discovery" } : { SessionType: "Normal", TargetName: targetName }),
      AuthMethod: chap === undefined ? "None" : "CHAP,None",
    };
    return this.#pdu(keys, chap === undefined ? stage.operational : undefined);
  }

  /** @throws IscsiProtocolError */
  answered({ header, body }: Pdu): LoginStep {
    this.#rounds += 1;
    if (opcodeOf(header) !== answer.login) throw new IscsiProtocolError("something else than an answer to a login");
    if (this.#rounds > roundsMax) throw new IscsiProtocolError("a login without an end");
    const status = loginStatus(header.readUInt16BE(36), this.#options.targetName, this.#options.portal);
    const flags = header.readUInt8(1);
    if (status === "goesOn") this.#expStatSn = (header.readUInt32BE(24) + 1) >>> 0;
    this.#said.add(body);
    if (status === "goesOn" && (flags & flag.continued) !== 0) return { send: this.#pdu({}, undefined) };
    const said = decodeText(this.#said.take());
    if (status === "redirected") return { redirect: this.#redirection(said) };
    if (status !== "goesOn") return { refused: status };
    for (const [key, value] of said) this.#answers.set(key, value);
    if ((flags & flag.final) !== 0) this.#enter(flags & 3);
    return this.#stage === stage.fullFeature ? { done: this.#done(header) } : { send: this.#next(said) };
  }

  #redirection(said: ReadonlyMap<string, string>): IscsiPortal {
    const portal = portalOf(said.get("TargetAddress") ?? "");
    if (portal === undefined) throw new IscsiProtocolError("a redirection to nowhere");
    return portal;
  }

  #enter(next: number): void {
    const isForward = next > this.#stage && (next === stage.operational || next === stage.fullFeature);
    if (!isForward) throw new IscsiProtocolError("a login that does not go on");
    // A target that lets us in without the proof it asked for has not asked for it.
    this.#stage = next;
  }

  #next(said: ReadonlyMap<string, string>): Pdu {
    if (this.#stage === stage.security) return this.#prove(said);
    const keys = this.#isOffered ? repliesTo(said) : this.#offer();
    this.#isOffered = true;
    return this.#pdu(keys, stage.fullFeature);
  }

  #offer(): Readonly<Record<string, string>> {
    const isDiscovery = this.#options.targetName === undefined;
    const needed = ([key]: readonly [string, string]) => !isDiscovery || /Digest$|^MaxRecv/.test(key);
    return Object.fromEntries(Object.entries(offeredKeys).filter(needed));
  }

  #prove(said: ReadonlyMap<string, string>): Pdu {
    const { chap } = this.#options;
    if (chap === undefined || this.#isProven) return this.#pdu({}, stage.operational);
    if (said.has("CHAP_C")) {
      this.#isProven = true;
      return this.#pdu(chapResponse(chap, said), stage.operational);
    }
    return this.#answers.get("AuthMethod") === "CHAP"
      ? this.#pdu({ CHAP_A: chapMd5 }, undefined)
      : this.#pdu({}, stage.operational);
  }

  #done(header: Buffer): LoggedIn {
    const expCmdSn = header.readUInt32BE(28);
    return {
      parameters: agreedParameters(this.#answers),
      nextCmdSn: expCmdSn,
      maxCmdSn: header.readUInt32BE(32),
      expStatSn: this.#expStatSn,
    };
  }

  /** @param goTo the phase that we are ready for, if we are */
  #pdu(keys: Readonly<Record<string, string>>, goTo: number | undefined): Pdu {
    const body = encodeText(keys);
    const header = headerOf({
      opcode: request.login | immediate,
      flags: (this.#stage << 2) | (goTo === undefined ? 0 : flag.final | goTo),
      dataBytes: body.length,
      taskTag: 0,
      word24: 0,
      expStatSn: this.#expStatSn,
    });
    header.set(this.#options.isid, 8);
    return { header, body };
  }
}
