import type { IscsiCall } from "../call.ts";
import { IscsiProtocolError } from "../pdu/protocol-error.ts";

/** One SCSI command, with the buffer that its data goes to or comes from. */
export interface ScsiCommand {
  /** Eight bytes, as `lunAddress` makes them. */
  readonly lun: Uint8Array;
  /** 16 bytes at most. */
  readonly cdb: Uint8Array;
  /** Filled from its beginning, with as many bytes as come. */
  readonly into?: Uint8Array;
  readonly data?: Uint8Array;
  /** Done when all has ended that the LUN has taken before, from anybody. */
  readonly isOrdered?: boolean;
}

/** What a target answered. */
export interface ScsiReply {
  /** SAM-5's, or `targetFailure`. */
  readonly status: number;
  readonly sense: Buffer;
  /** How many bytes of `into` were filled. */
  readonly received: number;
}

/** Instead of a status: the target could not carry the command to the LUN. */
export const targetFailure = 0x100;

/** A command from its beginning to its answer. */
export class CommandTask {
  readonly command: ScsiCommand;
  readonly call: IscsiCall;
  readonly reply = Promise.withResolvers<ScsiReply>();
  /** Undefined until it is sent. */
  tag: number | undefined;
  cmdSn = 0;
  /** How many looks ago something of it was heard. */
  stillTicks = 0;
  /** Undefined until it is given up; why, then: its buffers are not touched any more. */
  givenUp: { readonly reason: unknown } | undefined;
  /** Bodies of it in the socket's queue, whose bytes may still be read. */
  #queuedBodies = 0;
  #received = 0;
  #nextDataSn = 0;
  #sent = 0;
  #nextR2tSn = 0;
  #settle: (() => void) | undefined;

  constructor(command: ScsiCommand, call: IscsiCall) {
    this.command = command;
    this.call = call;
  }

  get received(): number {
    return this.#received;
  }

  /** Bytes of `data` that went out without being asked for. */
  sentUnasked(bytes: number): void {
    this.#sent = bytes;
  }

  /** A piece of the data that a header announces. @throws IscsiProtocolError */
  takeData(header: Buffer, dataBytes: number, at: number, piece: Buffer): void {
    if (at === 0) this.#assertNext(header, dataBytes);
    this.stillTicks = 0;
    if (this.givenUp === undefined) this.command.into?.set(piece, this.#received + at);
  }

  /** The data that a header announced is complete. @throws IscsiProtocolError */
  tookData(header: Buffer, dataBytes: number): void {
    if (dataBytes === 0) this.#assertNext(header, 0);
    this.#nextDataSn += 1;
    this.#received += dataBytes;
    if (dataBytes > 0) this.call.onMoved?.();
  }

  /**
   * What an R2T asks for, which comes in order (DataSequenceInOrder).
   * @throws IscsiProtocolError
   */
  invited(header: Buffer, maxBurstBytes: number): { readonly offset: number; readonly length: number } {
    const [number, offset, length] = [header.readUInt32BE(36), header.readUInt32BE(40), header.readUInt32BE(44)];
    const dataBytes = this.command.data?.length ?? 0;
    const isNext = number === this.#nextR2tSn && offset === this.#sent && length > 0;
    if (!isNext || length > maxBurstBytes || offset + length > dataBytes) {
      throw new IscsiProtocolError("data is asked for that is not there to be asked for");
    }
    this.#nextR2tSn += 1;
    this.#sent += length;
    this.stillTicks = 0;
    return { offset, length };
  }

  bodyQueued(): void {
    this.#queuedBodies += 1;
  }

  bodySent(): void {
    this.#queuedBodies -= 1;
    this.stillTicks = 0;
    if (this.#queuedBodies === 0) this.#settle?.();
  }

  /** It is over: told as soon as its data is not in the socket's queue any more. */
  end(outcome: { readonly reply: ScsiReply } | { readonly failure: unknown }): void {
    this.#settle ??= () => {
      if (this.givenUp !== undefined) this.reply.reject(this.givenUp.reason);
      else if ("reply" in outcome) this.reply.resolve(outcome.reply);
      else this.reply.reject(outcome.failure);
    };
    if (this.#queuedBodies === 0) this.#settle();
  }

  #assertNext(header: Buffer, dataBytes: number): void {
    const [number, offset] = [header.readUInt32BE(36), header.readUInt32BE(40)];
    const room = this.command.into?.length ?? 0;
    if (number !== this.#nextDataSn || offset !== this.#received || offset + dataBytes > room) {
      throw new IscsiProtocolError("data comes that does not belong there");
    }
  }
}
