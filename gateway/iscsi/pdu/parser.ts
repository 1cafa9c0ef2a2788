import { dataBytesOf, paddingOf } from "./header.ts";
import { headerBytes } from "./opcode.ts";
import { IscsiProtocolError } from "./protocol-error.ts";

/** Who takes what comes. A header, and a piece of a body, are good until the call returns. */
export interface PduSink {
  /** A piece of a body, `at` bytes into it. */
  onBody(header: Buffer, at: number, piece: Buffer): void;
  /** Header and body are complete. */
  onPdu(header: Buffer): void;
}

/**
 * Takes a stream apart without waiting and without copying bodies: each piece is passed on as it
 * comes, for whoever knows where it belongs.
 */
export class PduParser {
  /** May be exchanged whenever a PDU is complete, also from within `onPdu`. */
  sink: PduSink;
  readonly #bodyBytesMax: number;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  /** Of what lies between header and body, which nobody reads. */
  #extraLeft = 0;
  #bodyAt = 0;
  #bodyBytes = 0;
  #paddingLeft = 0;

  constructor(sink: PduSink, bodyBytesMax: number) {
    this.sink = sink;
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** @throws IscsiProtocolError, and what the sink throws; it takes nothing more then */
  feed(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#headerFilled < headerBytes) at += this.#takeHeader(chunk, at);
      else if (this.#extraLeft > 0) at += this.#skipExtra(chunk.length - at);
      else if (this.#bodyAt < this.#bodyBytes) at += this.#takeBody(chunk, at);
      else at += this.#skipPadding(chunk.length - at);
      if (this.#isComplete()) this.#end();
    }
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const taken = Math.min(headerBytes - this.#headerFilled, chunk.length - at);
    chunk.copy(this.#header, this.#headerFilled, at, at + taken);
    this.#headerFilled += taken;
    if (this.#headerFilled === headerBytes) this.#begin();
    return taken;
  }

  #begin(): void {
    this.#extraLeft = this.#header.readUInt8(4) * 4;
    this.#bodyAt = 0;
    this.#bodyBytes = dataBytesOf(this.#header);
    this.#paddingLeft = paddingOf(this.#bodyBytes);
    if (this.#bodyBytes > this.#bodyBytesMax) {
      throw new IscsiProtocolError(`a body of ${this.#bodyBytes} bytes, ${this.#bodyBytesMax} at most were agreed on`);
    }
  }

  #skipExtra(available: number): number {
    const taken = Math.min(this.#extraLeft, available);
    this.#extraLeft -= taken;
    return taken;
  }

  #takeBody(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#bodyBytes - this.#bodyAt, chunk.length - at);
    this.sink.onBody(this.#header, this.#bodyAt, chunk.subarray(at, at + taken));
    this.#bodyAt += taken;
    return taken;
  }

  #skipPadding(available: number): number {
    const taken = Math.min(this.#paddingLeft, available);
    this.#paddingLeft -= taken;
    return taken;
  }

  #isComplete(): boolean {
    const isHeader = this.#headerFilled === headerBytes && this.#extraLeft === 0;
    return isHeader && this.#bodyAt === this.#bodyBytes && this.#paddingLeft === 0;
  }

  #end(): void {
    this.sink.onPdu(this.#header);
    this.#headerFilled = 0;
  }
}
